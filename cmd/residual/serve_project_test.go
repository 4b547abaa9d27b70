package main

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
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

// serveProject serves a project until the test ends, and returns what it logs.
func serveProject(t *testing.T, dir string, more func(*serveFlags)) (*server, *lockedLog) {
	t.Helper()
	flags := defaultServeFlags()
	flags.dir, flags.listen, flags.project.dir = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", dir
	if more != nil {
		more(flags)
	}
	require.NoError(t, os.MkdirAll(flags.dir, 0o700))
	log := &lockedLog{}
	s, err := startServer(flags, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	require.NoError(t, s.open(t.Context()))
	return s, log
}

// TestServeProject serves further data sources, and changes them while it runs.
func TestServeProject(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"datasources/scores.datasource": scoresFile})
	s, log := serveProject(t, dir, nil)
	send := func(name, line string, status int, want string) {
		t.Helper()
		got, text := request(t, http.MethodPost, s.url()+"/v0/events?name="+name, line)
		require.Equal(t, status, got, text)
		require.Contains(t, text, want)
	}
	const score = `{"ts":1764000000123,"id":"a","model":{"name":"m","version":"v7"},"out":{"score":0.25},"in":{"x":1}}`
	send("scores", score, http.StatusAccepted, `{"successful_rows":1,"quarantined_rows":0}`)
	require.Contains(t, get(t, s.url()+"/v0/pipes/predictions.csv?model_id=m&model_version=*&time_window=100000000"), `2025-11-24 16:00:00.123`)
	require.Contains(t, log.String(), "the data source scores gives rights to the token writer, which does not exist")
	send("labels", "{}", http.StatusNotFound, "does not exist")

	// What is added is there, and what is as it was goes on.
	writeFiles(t, dir, map[string]string{"labels.datasource": labelsFile})
	s.reload()
	send("labels", `{"model":"m","id":"a","label":0.5}`, http.StatusAccepted, `{"successful_rows":1,"quarantined_rows":0}`)
	require.Contains(t, get(t, s.url()+"/v0/pipes/predictions.csv?model_id=m&model_version=*&time_window=100000000"), `0.25,0.5,`)
	require.Contains(t, get(t, s.url()+"/metrics"), `residual_http_datasource_rows_total{datasource="scores"} 1`)
	require.Contains(t, get(t, s.url()+"/health"), `"status":"ok"`)

	// A project with errors is not taken: all is as before, and says so.
	writeFiles(t, dir, map[string]string{"labels.datasource": strings.Replace(labelsFile, "String", "Srting", 1), "datasources/scores.datasource": ""})
	s.reload()
	send("labels", `{"model":"m","id":"b","label":0.5}`, http.StatusAccepted, `{"successful_rows":1`)
	send("scores", score, http.StatusAccepted, `{"successful_rows":1`)
	require.Contains(t, log.String(), `model_id cannot be Srting: it is of the type String`)
	require.Contains(t, get(t, s.url()+"/health"), `"status":"degraded","reason":"the project could not be read again, an earlier one is in use; the log says why. Events are taken and queries answered"`)
	require.Contains(t, get(t, s.url()+"/metrics"), "residual_project_stale 1\n")

	writeFiles(t, dir, map[string]string{"labels.datasource": labelsFile})
	s.reload()
	send("scores", score, http.StatusNotFound, "does not exist")
	require.Contains(t, get(t, s.url()+"/health"), `"status":"ok"`)
	require.Contains(t, get(t, s.url()+"/metrics"), "residual_project_stale 0\n")
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
	refused(exitUsage, "--secrets is of use with --project alone", "--secrets", dir)
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
	s, log := serveProject(t, dir, func(f *serveFlags) { f.dir = data })
	for name, want := range map[string]int{"scores": http.StatusAccepted, "ml_model_predictions": http.StatusForbidden} {
		status, text := request(t, http.MethodPost, s.url()+"/v0/events?name="+name+"&token="+token, "{}")
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
