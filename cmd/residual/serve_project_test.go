package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/serve"
)

const (
	scoresFile = "SCHEMA >\n" +
		"    `timestamp` DateTime64(3) `json:$.ts`,\n" +
		"    `model_id` String `json:$.model.name`,\n" +
		"    `model_version` String `json:$.model.version`,\n" +
		"    `prediction_id` String `json:$.id`,\n" +
		"    `predicted_value` Float64 `json:$.out.score`,\n" +
		"    `features` String `json:$.in`,\n" +
		"    `environment` String `json:$.env` DEFAULT 'production'\n" +
		"\nTOKEN writer APPEND\n"
	labelsFile = "SCHEMA >\n `model_id` String `json:$.model`,\n `prediction_id` String `json:$.id`,\n `actual_value` Float64 `json:$.label`\n"
)

// writeFiles writes files of a folder, by name; an empty one is removed.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		if text == "" {
			require.NoError(t, os.Remove(path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// serveProject serves a project until the test ends, on a store of its own if args name none, and returns what it logs.
func serveProject(t *testing.T, dir string, args ...string) (*serve.Server, *lockedLog) {
	t.Helper()
	log := &lockedLog{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return serveWith(t, logger, append([]string{"--data-dir", filepath.Join(t.TempDir(), "data"), "--project", dir}, args...)...), log
}

// reload has a server read again what it reads on a hangup, and returns when it has.
func reload(t *testing.T, s *serve.Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	hangups, waited := make(chan os.Signal), make(chan error)
	go func() { waited <- s.Wait(ctx, hangups) }()
	hangups <- syscall.SIGHUP
	cancel()
	require.NoError(t, <-waited)
}

// TestServeProject serves further data sources, and changes them while it runs.
func TestServeProject(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"datasources/scores.datasource": scoresFile})
	s, log := serveProject(t, dir)
	send := func(name, line string, status int, want string) {
		t.Helper()
		got, text := request(t, http.MethodPost, s.URL()+"/v0/events?name="+name, line)
		require.Equal(t, status, got, text)
		require.Contains(t, text, want)
	}
	const score = `{"ts":1764000000123,"id":"a","model":{"name":"m","version":"v7"},"out":{"score":0.25},"in":{"x":1}}`
	send("scores", score, http.StatusAccepted, `{"successful_rows":1,"quarantined_rows":0}`)
	require.Contains(t, get(t, s.URL()+"/v0/pipes/predictions.csv?model_id=m&model_version=*&time_window=100000000"), `2025-11-24 16:00:00.123`)
	require.Contains(t, log.String(), "the data source scores gives rights to the token writer, which does not exist")
	send("labels", "{}", http.StatusNotFound, "does not exist")

	// What is added is there, and what is as it was goes on.
	writeFiles(t, dir, map[string]string{"labels.datasource": labelsFile})
	reload(t, s)
	send("labels", `{"model":"m","id":"a","label":0.5}`, http.StatusAccepted, `{"successful_rows":1,"quarantined_rows":0}`)
	require.Contains(t, get(t, s.URL()+"/v0/pipes/predictions.csv?model_id=m&model_version=*&time_window=100000000"), `0.25,0.5,`)
	require.Contains(t, get(t, s.URL()+"/metrics"), `residual_http_datasource_rows_total{datasource="scores"} 1`)
	require.Contains(t, get(t, s.URL()+"/health"), `"status":"ok"`)

	// A project with errors is not taken: all is as before, and says so.
	writeFiles(t, dir, map[string]string{"labels.datasource": strings.Replace(labelsFile, "String", "Srting", 1), "datasources/scores.datasource": ""})
	reload(t, s)
	send("labels", `{"model":"m","id":"b","label":0.5}`, http.StatusAccepted, `{"successful_rows":1`)
	send("scores", score, http.StatusAccepted, `{"successful_rows":1`)
	require.Contains(t, log.String(), `model_id cannot be Srting: it is of the type String`)
	require.Contains(t, get(t, s.URL()+"/health"), `"status":"degraded","reason":"the project could not be read again, an earlier one is in use; the log says why. Events are taken and queries answered"`)
	require.Contains(t, get(t, s.URL()+"/metrics"), "residual_project_stale 1\n")

	writeFiles(t, dir, map[string]string{"labels.datasource": labelsFile})
	reload(t, s)
	send("scores", score, http.StatusNotFound, "does not exist")
	require.Contains(t, get(t, s.URL()+"/health"), `"status":"ok"`)
	require.Contains(t, get(t, s.URL()+"/metrics"), "residual_project_stale 0\n")
}

// TestServeProjectRefused starts no server with a project that cannot be used, and says what is wrong.
func TestServeProjectRefused(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "data"), t.TempDir()
	writeFiles(t, dir, map[string]string{"scores.datasource": strings.Replace(scoresFile, "Float64", "Flaot64", 1)})
	refused := func(code int, want string, args ...string) {
		t.Helper()
		r := run(t, append([]string{"serve", "--data-dir", data, "--listen", "127.0.0.1:0"}, args...)...)
		require.Equal(t, code, r.code, r.err)
		require.Contains(t, r.err, want)
		require.NoDirExists(t, data)
	}
	refused(exitFailure, "scores.datasource:6:23: error: predicted_value cannot be Flaot64: it is of the type Float64", "--project", dir)
	refused(exitFailure, "it has errors: 1", "--project", dir)
	refused(exitFailure, "       |                       ^\n", "--project", dir)
	refused(exitFailure, "the folder "+dir+"x does not exist", "--project", dir+"x")
	refused(exitUsage, "is not a folder", "--project", filepath.Join(dir, "scores.datasource"))
	refused(exitFailure, "the folder "+dir+"x does not exist", "--secrets", dir+"x")
	refused(exitFailure, "the folder "+dir+"x does not exist", "--project", dir, "--secrets", dir+"x")
	refused(exitUsage, "--poll 99ms: at least 100ms is allowed", "--poll", "99ms")
	writeFiles(t, dir, map[string]string{"scores.datasource": "", "ml_model_actuals.datasource": scoresFile})
	refused(exitFailure, "ml_model_actuals is a data source of actuals", "--project", dir)
	require.Equal(t, exitFailure, run(t, "check", dir).code)
}

// TestTokenOfProject makes tokens for the data sources of a project.
func TestTokenOfProject(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "data"), t.TempDir()
	writeFiles(t, dir, map[string]string{"scores.datasource": scoresFile})
	r := run(t, "token", "create", "writer", "--data-dir", data)
	require.Contains(t, r.err, "at least one scope is needed")
	r = run(t, "token", "create", "writer", "--data-dir", data, "--project", dir)
	require.Equal(t, exitOK, r.code, r.err)
	token := strings.TrimSpace(r.out)
	r = run(t, "token", "create", "other", "--data-dir", data, "--scope", "DATASOURCES:READ:scores")
	require.Contains(t, r.err, "is of something that does not exist")
	require.Equal(t, exitOK, run(t, "token", "create", "other", "--data-dir", data, "--scope", "DATASOURCES:READ:scores", "--project", dir).code)
	s, log := serveProject(t, dir, "--data-dir", data)
	for name, want := range map[string]int{"scores": http.StatusAccepted, "ml_model_predictions": http.StatusForbidden} {
		status, text := request(t, http.MethodPost, s.URL()+"/v0/events?name="+name+"&token="+token, "{}")
		require.Equal(t, want, status, text)
	}
	require.NotContains(t, log.String(), "does not exist")
}

// lockedLog keeps what several goroutines log.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestSecretsAreNotShown has secrets in a connection that fails, and looks for them wherever something is told.
func TestSecretsAreNotShown(t *testing.T) {
	const user, password, fallback = "canary-user-7f3a", "canary pass/7f3b+", "canary-default-7f3c"
	dir, secrets := t.TempDir(), t.TempDir()
	t.Setenv("RESIDUAL_SECRET_KAFKA_USER", user)
	writeFiles(t, secrets, map[string]string{"KAFKA_PASSWORD": password + "\n"})
	connection := "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS 127.0.0.1:1\nKAFKA_SECURITY_PROTOCOL SASL_PLAINTEXT\nKAFKA_KEY {{ tb_secret(\"KAFKA_USER\") }}\n" +
		"KAFKA_SECRET {{ tb_secret(\"KAFKA_PASSWORD\") }}\n"
	writeFiles(t, dir, map[string]string{
		"k.connection":      connection,
		"scores.datasource": scoresFile + "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC scores\nKAFKA_GROUP_ID residual\n",
		// A secret where it does not belong is in the error of who it is sent to.
		"s.connection":      "TYPE s3\nS3_REGION eu\nS3_ENDPOINT http://127.0.0.1:1\nS3_ACCESS_KEY a\nS3_SECRET {{ tb_secret(\"NONE\", \"" + fallback + "\") }}\n",
		"labels.datasource": labelsFile + "IMPORT_CONNECTION_NAME s\nIMPORT_BUCKET_URI s3://bucket/*.csv\nIMPORT_SCHEDULE @auto\n",
	})
	s, log := serveProject(t, dir, "--secrets", secrets)
	var told string
	require.Eventually(t, func() bool {
		told = get(t, s.URL()+"/v0/pipes/connectors.json")
		return strings.Count(told, `"state": "failing"`) == 2
	}, time.Minute, 10*time.Millisecond)
	told += get(t, s.URL()+"/health") + get(t, s.URL()+"/metrics") + get(t, s.URL()+"/v0/datasources")
	require.Contains(t, told, `"status":"degraded","reason":"2 of 2 connectors fail`)
	require.Contains(t, log.String(), "a connector has an error")
	require.Contains(t, log.String(), "datasource=labels")
	writeFiles(t, dir, map[string]string{"k.connection": strings.Replace(connection, "127.0.0.1:1", "{{ tb_secret(\"KAFKA_PASSWORD\") }}", 1)})
	reload(t, s)
	require.Contains(t, log.String(), "is no list of servers")
	writeFiles(t, secrets, map[string]string{"KAFKA_PASSWORD": ""})
	reload(t, s)
	require.Contains(t, log.String(), "the secret KAFKA_PASSWORD is not known")
	for _, secret := range []string{user, password, fallback, "7f3"} {
		require.NotContains(t, told, secret)
		require.NotContains(t, log.String(), secret)
	}
}

// TestReloadConnectors changes what is fetched: what stays goes on, what is new begins, what is gone ends, and nothing is read twice.
func TestReloadConnectors(t *testing.T) {
	dir, folder := t.TempDir(), t.TempDir()
	source := func(name string) string {
		return labelsFile + "IMPORT_BUCKET_URI file://" + folder + "/" + name + "/*.ndjson\nIMPORT_SCHEDULE @auto\n"
	}
	line := func(id int) string { return fmt.Sprintf(`{"model":"m","id":"%d","label":1}`+"\n", id) }
	writeFiles(t, folder, map[string]string{"a/1.ndjson": line(1) + line(2) + "{}\n", "b/1.ndjson": line(3)})
	writeFiles(t, dir, map[string]string{"a.datasource": source("a")})
	s, _ := serveProject(t, dir, "--poll", "100ms")
	connectors := func() (rows map[string]float64) {
		var answer struct{ Data []map[string]any }
		require.NoError(t, json.Unmarshal([]byte(get(t, s.URL()+"/v0/pipes/connectors.json")), &answer))
		rows = map[string]float64{}
		for _, c := range answer.Data {
			rows[c["name"].(string)] = c["rows"].(float64)
		}
		return rows
	}
	until := func(want map[string]float64) {
		t.Helper()
		require.Eventually(t, func() bool { return reflect.DeepEqual(want, connectors()) }, time.Minute, 10*time.Millisecond, "%v", want)
	}
	until(map[string]float64{"a": 2})
	require.Equal(t, 1, strings.Count(get(t, s.URL()+"/v0/pipes/a_quarantine.csv"), "\n"))
	writeFiles(t, dir, map[string]string{"b.datasource": source("b")})
	reload(t, s)
	until(map[string]float64{"a": 2, "b": 1})
	writeFiles(t, dir, map[string]string{"a.datasource": ""})
	reload(t, s)
	until(map[string]float64{"b": 1})
	writeFiles(t, dir, map[string]string{"a.datasource": source("a")})
	writeFiles(t, folder, map[string]string{"a/2.ndjson": line(4)})
	reload(t, s)
	until(map[string]float64{"a": 3, "b": 1}) // counts of a process go up alone
	require.Equal(t, 1, strings.Count(get(t, s.URL()+"/v0/pipes/a_quarantine.csv"), "\n"))
}

// TestHangupAsksForFiles has files that are read on demand: they are when the server reads its project again, and not before.
func TestHangupAsksForFiles(t *testing.T) {
	dir, folder := t.TempDir(), t.TempDir()
	file := filepath.Join(folder, "1.ndjson")
	writeFiles(t, folder, map[string]string{"1.ndjson": `{"model":"m","id":"1","label":1}` + "\n"})
	require.NoError(t, os.Chtimes(file, time.Now().Add(-time.Hour), time.Now().Add(-time.Hour)))
	writeFiles(t, dir, map[string]string{"labels.datasource": labelsFile + "IMPORT_BUCKET_URI file://" + folder + "/*.ndjson\nIMPORT_SCHEDULE @on-demand\n"})
	s, _ := serveProject(t, dir, "--poll", "100ms")
	rows := func() string { return get(t, s.URL()+"/v0/pipes/connectors.csv?columns=state,rows") }
	require.Eventually(t, func() bool { return rows() == "\"running\",0\n" }, time.Minute, 10*time.Millisecond)
	reload(t, s)
	require.Eventually(t, func() bool { return rows() == "\"running\",1\n" }, time.Minute, 10*time.Millisecond)
}

// TestWithoutDashboard has no page for browsers where it is not wanted.
func TestWithoutDashboard(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		s, _ := serveProject(t, t.TempDir(), "--dashboard="+strconv.FormatBool(wanted))
		status, text := request(t, http.MethodGet, s.URL()+"/", "")
		require.Equal(t, wanted, status == http.StatusOK && strings.Contains(text, "<html"), "%d %.100s", status, text)
	}
}

// TestIngestOfProject loads files in the shape of a data source of a project, which the server tells.
func TestIngestOfProject(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	writeFiles(t, dir, map[string]string{"scores.datasource": scoresFile, "labels.datasource": labelsFile})
	writeFiles(t, files, map[string]string{
		"labels.csv":    "label,id,page,model\n1,a,/home,m\n0,b,/home,m\n",
		"scores.csv":    "ts,id,model,out,in\n1764000000123,a,\"{\"\"name\"\":\"\"m\"\",\"\"version\"\":\"\"v\"\"}\",\"{\"\"score\"\":2}\",{}\n",
		"labels.ndjson": `{"model":"m","id":"c","label":1}` + "\n",
	})
	s, _ := serveProject(t, dir)
	for file, want := range map[string]string{"labels.csv": "2 rows", "scores.csv": "1 row", "labels.ndjson": "1 row"} {
		name, _, _ := strings.Cut(file, ".")
		r := run(t, "ingest", "--server", s.URL(), "--name", name, filepath.Join(files, file))
		require.Equal(t, exitOK, r.code, r.err)
		require.Contains(t, r.out+r.err, want)
	}
	r := run(t, "ingest", "--server", s.URL(), "--name", "none", filepath.Join(files, "labels.csv"))
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "the data source 'none' does not exist")
}
