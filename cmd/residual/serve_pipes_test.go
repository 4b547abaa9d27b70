package main

import (
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/serve"
	"github.com/residualdb/residual/cmd/residual/internal/starter"
	"github.com/residualdb/residual/internal/workload"
)

// tutorialQuestions are put to the pipes of the tutorial.
var tutorialQuestions = []string{
	"model_performance_metrics?model_id=model_1",
	"model_performance_metrics?model_id=model_1&model_version=v1.2&time_window=900",
	"model_performance_metrics?model_id=model_2&environment=staging&time_window=2000&model_version=v2.1",
	"model_performance_metrics?model_id=model_3&time_window=0",
	"model_performance_metrics?model_id=none",
	"model_performance_metrics?model_id=it%27s",
	"model_performance_metrics",
	"model_drift_detection?model_id=model_1",
	"model_drift_detection?model_id=model_1&recent_window_hours=48&historical_window_hours=2000",
	"model_drift_detection?model_id=model_2&environment=staging&recent_window_hours=500&historical_window_hours=2000",
	"model_drift_detection?model_id=none",
}

// changing is what differs between two answers to one question: how long it took, and what time it is, which stands last in a row of drift.
var changing = regexp.MustCompile(`"(elapsed|analysis_timestamp)": ?[^,\n}]*`)

var changingLast = regexp.MustCompile(`,"20[^"]*"(\]|\n)`)

func unchanging(pipe, answer string) string {
	answer = changing.ReplaceAllString(answer, "")
	if strings.HasPrefix(pipe, "model_drift_detection") {
		answer = changingLast.ReplaceAllString(answer, "$1")
	}
	return answer
}

// serveTutorial serves rows with the pipes of the server, and with those of the tutorial as files.
func serveTutorial(tb testing.TB, rows []byte) (own, files *serve.Server) {
	tb.Helper()
	project := tb.TempDir()
	require.NoError(tb, fs.WalkDir(starter.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(starter.Files(), name)
		require.NoError(tb, err)
		path := filepath.Join(project, name)
		require.NoError(tb, os.MkdirAll(filepath.Dir(path), 0o700))
		return os.WriteFile(path, text, 0o600)
	}))
	start := func(project string) *serve.Server {
		s := serveWith(tb, slog.New(slog.DiscardHandler), "--data-dir", filepath.Join(tb.TempDir(), "data"), "--project", project)
		response, err := http.Post(s.URL()+"/v0/events?name=ml_model_predictions&wait=true", "", strings.NewReader(string(rows))) //nolint:noctx // a test's own server
		require.NoError(tb, err)
		require.NoError(tb, response.Body.Close())
		require.Equal(tb, http.StatusOK, response.StatusCode)
		return s
	}
	return start(""), start(project)
}

// TestTutorialPipes holds the pipes of the tutorial, as files, to the bytes of the server's own.
func TestTutorialPipes(t *testing.T) {
	own, files := serveTutorial(t, generated(t, "--rows", "30000", "--days", "60", "--waiting-share", "0.1"))
	rows := 0
	for _, question := range tutorialQuestions {
		pipe, query, _ := strings.Cut(question, "?")
		for _, format := range []string{"json", "csv", "csvwithnames", "ndjson", "jsoncompact"} {
			ask := func(s *serve.Server) string {
				return unchanging(pipe, get(t, s.URL()+"/v0/pipes/"+pipe+"."+format+"?"+query))
			}
			want, got := ask(own), ask(files)
			for range 3 { // a row may have left a window in between
				if want != got {
					want, got = ask(own), ask(files)
				}
			}
			require.Equal(t, want, got, "%s.%s?%s", pipe, format, query)
			if format == "csv" {
				rows += strings.Count(got, "\n")
			}
		}
	}
	require.Greater(t, rows, 4, "most questions have an answer")
	for sql, want := range map[string]string{
		"SELECT count() FROM ml_model_predictions WHERE model_id = 'none' FORMAT CSV": "0\n",
		"SELECT rows > 0 FROM (SELECT count() AS rows FROM predictions) FORMAT CSV":   "1\n",
	} {
		for _, s := range []*serve.Server{own, files} {
			require.Equal(t, want, get(t, s.URL()+"/v0/sql?q="+url.QueryEscape(sql)))
		}
	}
}

// BenchmarkTutorialPipes asks the pipes of the tutorial over HTTP: those of the server, and the same as files.
func BenchmarkTutorialPipes(b *testing.B) {
	rows, err := io.ReadAll(workload.NewReader(workload.New(workload.Options{Rows: 200_000, From: time.Now().AddDate(0, 0, -90), To: time.Now()})))
	require.NoError(b, err)
	own, files := serveTutorial(b, rows)
	for _, question := range []string{"model_performance_metrics.json?model_id=model_1&time_window=168", "model_drift_detection.json?model_id=model_1"} {
		pipe, _, _ := strings.Cut(question, ".")
		want := unchanging(pipe, get(b, own.URL()+"/v0/pipes/"+question))
		for name, s := range map[string]*serve.Server{"own": own, "files": files} {
			b.Run("pipe="+pipe+"/from="+name, func(b *testing.B) {
				require.Equal(b, want, unchanging(pipe, get(b, s.URL()+"/v0/pipes/"+question)))
				for b.Loop() {
					response, err := http.Get(s.URL() + "/v0/pipes/" + question) //nolint:noctx // one connection, kept
					require.NoError(b, err)
					_, err = io.Copy(io.Discard, response.Body)
					require.NoError(b, err)
					require.NoError(b, response.Body.Close())
				}
			})
		}
	}
}
