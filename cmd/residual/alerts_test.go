//go:build alerts && linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAlerts has a real Prometheus scrape a real server, with the rules that are shipped but for their times: each
// alert fires for what it is there for, for nothing else, and resolves when that is over. `make alerts` runs it.
func TestAlerts(t *testing.T) {
	binary, dir, address := build(t), filepath.Join(t.TempDir(), "data"), freeAddress(t)
	server := startProcess(t, binary, dir, "--listen", address)
	f := alertFeed{t: t, url: "http://" + address, now: time.Now().UTC()}
	for _, model := range []string{"healthy", "drifts", "late", "renewed"} {
		f.predict(model, "v1", 7*time.Hour, time.Hour, 150, 1, 2)
		f.predict(model, "v1", 0, time.Minute, 200, 1, 2)
	}
	f.correct("drifts", "v1", 0, 200, 3, 4)
	f.predict("copied", "v1", 7*time.Hour, time.Hour, 150, 0, 0)
	f.predict("copied", "v1", 0, time.Minute, 200, 0, 1)
	f.predict("silent", "v1", 26*time.Hour, time.Hour, 100, 1, 2)
	f.predict("renewed", "v2", 0, time.Minute, 3, unknown)
	p := startPrometheus(t, address)
	standing := []string{
		"ModelDrifts drifts", "ModelDrifts copied", "ReferenceHasNoError copied", "ModelIsSilent silent",
		"VersionHasNoActuals renewed",
	}
	p.only(standing...)

	f.predict("late", "v1", 0, time.Second, 500, unknown)
	f.predict("drifts", "v2", 0, time.Minute, 1, unknown)
	f.post("ml_model_predictions", strings.Repeat("nonsense\n", 5))
	f.send("unknown", "{}", http.StatusNotFound)
	p.fire("ActualsAreLate late", "VersionHasNoActuals drifts", "EventsAreQuarantined type", "ClientsAreTurnedAway")
	p.only(append(standing, "ActualsAreLate late", "VersionHasNoActuals drifts")...) // and still that drifts drifts

	f.correct("drifts", "v1", 0, 200, 1, 2)
	f.correct("drifts", "v2", 0, 1, 1, 1)
	f.correct("copied", "v1", 7*time.Hour, 150, 1, 1)
	f.correct("late", "v1", 0, 500, 1, 2)
	f.correct("renewed", "v2", 0, 3, 1, 2)
	f.predict("silent", "v1", 0, time.Hour, 1, 1, 2)
	p.only()

	// From now on the log can be written no further.
	output, err := exec.CommandContext(t.Context(), "prlimit", "--fsize=0",
		fmt.Sprintf("--pid=%d", server.cmd.Process.Pid)).CombinedOutput()
	require.NoError(t, err, string(output))
	f.send("ml_model_predictions", f.line("healthy", "v1", 0, 1, 1)+"\n", http.StatusServiceUnavailable)
	p.fire("ServerIsDegraded", "EventsAreRefused")
	require.NotEqual(t, exitOK, server.exit(t), "it ends by itself")
	p.fire("ResidualIsDown")
	server = startProcess(t, binary, dir, "--listen", address)
	p.only()
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitOK, server.exit(t))
}

// unknown is the error of a prediction without an actual.
const unknown = -1

// alertFeed sends events about models of one environment to a server.
type alertFeed struct {
	t   *testing.T
	url string
	now time.Time
}

// predict sends n predictions, the last one so long ago, one each step before it, with the two errors in turn.
func (f *alertFeed) predict(model, version string, ago, step time.Duration, n int, errors ...float64) {
	var lines strings.Builder
	for i := range n {
		lines.WriteString(f.line(model, version, ago+time.Duration(i)*step, i, errors[i%len(errors)]) + "\n")
	}
	f.post("ml_model_predictions", lines.String())
}

func (f *alertFeed) line(model, version string, ago time.Duration, i int, off float64) string {
	actual := ""
	if off != unknown {
		actual = fmt.Sprintf(`"actual_value":%g,`, 10-off)
	}
	return fmt.Sprintf(
		`{"timestamp":%q,"model_id":%q,"model_version":%q,"environment":"production","prediction_id":%q,%s`+
			`"features":{},"predicted_value":10}`,
		f.now.Add(-ago).Format(time.RFC3339), model, version, f.id(version, ago, i), actual)
}

// id names a prediction by what it was called with: those that are near are named apart from those that are old.
func (f *alertFeed) id(version string, ago time.Duration, i int) string {
	return fmt.Sprintf("%s %t %d", version, ago >= 7*time.Hour, i)
}

// correct gives actuals to the predictions that predict sent with the same model, version and time.
func (f *alertFeed) correct(model, version string, ago time.Duration, n int, errors ...float64) {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"model_id":%q,"prediction_id":%q,"actual_value":%g}`+"\n",
			model, f.id(version, ago, i), 10-errors[i%len(errors)])
	}
	f.post("ml_model_actuals", lines.String())
}

func (f *alertFeed) post(source, body string) { f.send(source, body, http.StatusAccepted) }

func (f *alertFeed) send(source, body string, status int) {
	f.t.Helper()
	got, answer := request(f.t, http.MethodPost, f.url+"/v0/events?name="+source, body)
	require.Equal(f.t, status, got, answer)
}

// prometheusServer is a running Prometheus, and the alerts that it was seen to fire.
type prometheusServer struct {
	t    *testing.T
	url  string
	seen map[string]bool
}

// startPrometheus starts one that scrapes a server every half a second, and ends it with the test.
func startPrometheus(t *testing.T, scraped string) *prometheusServer {
	t.Helper()
	rules, err := os.ReadFile(filepath.Join("..", "..", "docs", "grafana", "rules.yml"))
	require.NoError(t, err)
	text := regexp.MustCompile(`(?m)^ +(keep_firing_)?for: .*\n`).ReplaceAllString(string(rules), "")
	text = regexp.MustCompile(`(\[|offset )(5|15)m\b`).ReplaceAllString(text, "${1}4s")
	dir, address := t.TempDir(), freeAddress(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(text), 0o600))
	config := fmt.Sprintf("global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\n"+
		"rule_files: [rules.yml]\nscrape_configs: [{job_name: residual, static_configs: [{targets: [%q]}]}]\n", scraped)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // killed
		_ = log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s", text)
		}
	})
	return &prometheusServer{t: t, url: "http://" + address, seen: map[string]bool{}}
}

// firing returns the alerts that fire, each with the model or the reason that it is about; nil before Prometheus
// answers.
func (p *prometheusServer) firing() map[string]bool {
	resp, err := http.Get(p.url + "/api/v1/alerts") //nolint:noctx // of loopback
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&answer) != nil {
		return nil
	}
	alerts := map[string]bool{}
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" {
			about := strings.TrimSpace(a.Labels["alertname"] + " " + a.Labels["model_id"] + a.Labels["reason"])
			alerts[about], p.seen[about] = true, true
		}
	}
	return alerts
}

const alertPatience = 60 * time.Second

// fire waits until each of these alerts has fired, at one time or another.
func (p *prometheusServer) fire(want ...string) {
	p.t.Helper()
	clear(p.seen)
	p.eventually(func() bool {
		p.firing()
		return !slices.ContainsFunc(want, func(alert string) bool { return !p.seen[alert] })
	}, "want %q, seen %q", want)
}

// only waits until these alerts fire and no others, once the server is scraped.
func (p *prometheusServer) only(want ...string) {
	p.t.Helper()
	clear(p.seen)
	slices.Sort(want)
	p.eventually(func() bool {
		return p.scraped() && slices.Equal(slices.Sorted(maps.Keys(p.firing())), want)
	}, "want only %q, seen %q", want)
}

func (p *prometheusServer) eventually(ok func() bool, message string, want []string) {
	p.t.Helper()
	for end := time.Now().Add(alertPatience); !ok(); {
		require.True(p.t, time.Now().Before(end), message, want, slices.Sorted(maps.Keys(p.seen)))
		select {
		case <-p.t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// scraped tells whether the last scrape had an answer, of a server that is ready.
func (p *prometheusServer) scraped() bool {
	query := url.QueryEscape(`residual_ready == 1 and on () up == 1`)
	resp, err := http.Get(p.url + "/api/v1/query?query=" + query) //nolint:noctx // of loopback
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var answer struct{ Data struct{ Result []any } }
	return json.NewDecoder(resp.Body).Decode(&answer) == nil && len(answer.Data.Result) == 1
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	return ln.Addr().String()
}
