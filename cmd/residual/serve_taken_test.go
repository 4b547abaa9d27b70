package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// post sends one event and returns the status, 0 if there is no server any more.
func post(address, id string) int {
	body := fmt.Sprintf(`{"timestamp":%q,"model_id":"m","prediction_id":%q,"features":{},"predicted_value":1,"actual_value":2,`+
		`"model_version":"v1","environment":"production"}`, time.Now().UTC().Format(time.RFC3339Nano), id)
	response, err := http.Post(address+"/v0/events?name=ml_model_predictions", "", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

func health(address string) int {
	response, err := http.Get(address + "/health")
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

// TestServeTaken takes the data directory of a running server away in the ways of operators. The server says that it is
// ill within a second or so, acknowledges nothing more, writes nothing to what is in its place, and ends with an error;
// what it had acknowledged is where the directory is.
func TestServeTaken(t *testing.T) {
	binary := build(t)
	for name, take := range map[string]func(t *testing.T, data, backup string) (kept string){
		"moved": func(t *testing.T, data, _ string) string {
			t.Helper()
			require.NoError(t, os.Rename(data, data+".old"))
			return data + ".old"
		},
		"moved with the directory above": func(t *testing.T, data, _ string) string {
			t.Helper()
			above := filepath.Dir(data)
			require.NoError(t, os.Rename(above, above+".old"))
			return filepath.Join(above+".old", filepath.Base(data))
		},
		"replaced by a backup": func(t *testing.T, data, backup string) string {
			t.Helper()
			require.NoError(t, os.Rename(data, data+".old"))
			require.NoError(t, os.CopyFS(data, os.DirFS(backup)))
			return data + ".old"
		},
		"unlocked": func(t *testing.T, data, _ string) string {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(data, "LOCK")))
			r := run(t, "serve", "--data-dir", data, "--listen", "127.0.0.1:0")
			require.Equal(t, exitFailure, r.code)
			require.Contains(t, r.err, "in use by another process")
			return data
		},
		"removed": func(t *testing.T, data, _ string) string {
			t.Helper()
			require.NoError(t, os.RemoveAll(data))
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			data, backup := filepath.Join(dir, "above", "data"), filepath.Join(dir, "backup")
			first := startProcess(t, binary, data)
			require.Equal(t, http.StatusAccepted, post(first.address, "before"))
			require.NoError(t, first.cmd.Process.Signal(syscall.SIGTERM))
			require.Equal(t, exitOK, first.exit(t))
			require.NoError(t, os.CopyFS(backup, os.DirFS(data)))

			server := startProcess(t, binary, data)
			for i := range 10 {
				require.Equal(t, http.StatusAccepted, post(server.address, fmt.Sprint("p", i)))
			}
			kept := take(t, data, backup)
			taken := time.Now()
			there := treeOf(t, data, kept)
			requireIll(t, taken, post(server.address, "late"))
			requireIll(t, taken, health(server.address))
			server.waitLog(t, "was taken away")
			require.Equal(t, exitFailure, server.exit(t))
			require.Equal(t, there, treeOf(t, data, kept), "nothing is written there")
			if kept == "" {
				return
			}
			next := startProcess(t, binary, kept)
			require.Contains(t, []int{11, 12}, countRows(t, next.address), "the last may have been under way: nobody was told")
			require.NoError(t, next.cmd.Process.Signal(syscall.SIGTERM))
			require.Equal(t, exitOK, next.exit(t))
		})
	}
}

// requireIll holds that a server whose directory was taken answers that it is ill, already to the first request, for as long as it is
// sure to be there.
func requireIll(t *testing.T, taken time.Time, status int) {
	t.Helper()
	if status == 0 {
		require.Greater(t, time.Since(taken), 5*time.Second, "it ended too early")
		return
	}
	require.Equal(t, http.StatusServiceUnavailable, status)
}

// treeOf returns what is at the path that a server was given, if that is not where its directory is.
func treeOf(t *testing.T, data, kept string) map[string]string {
	t.Helper()
	if data == kept {
		return nil
	}
	if _, err := os.Stat(data); os.IsNotExist(err) {
		return nil
	}
	return tree(t, data)
}

// TestServeTakenIdle holds that a server which takes no events notices too.
func TestServeTakenIdle(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	server := startProcess(t, build(t), data)
	began := time.Now()
	require.NoError(t, os.Rename(data, data+".old"))
	server.waitLog(t, "was taken away")
	t.Logf("noticed after %s", time.Since(began))
	requireIll(t, began, health(server.address))
	_ = server.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	require.Equal(t, exitFailure, server.exit(t), "stopped before it ended by itself")
	require.NoDirExists(t, data)
}

// TestServeLogReaderGone lets the reader of standard error and standard output go: the server stays.
func TestServeLogReaderGone(t *testing.T) {
	server := startProcess(t, build(t), filepath.Join(t.TempDir(), "data"))
	require.NoError(t, server.stderr.Close())
	require.NoError(t, server.stdout.Close())
	for i := range 3 {
		require.NoError(t, server.cmd.Process.Signal(syscall.SIGHUP)) // which is logged
		require.Equal(t, http.StatusAccepted, post(server.address, fmt.Sprint("p", i)))
	}
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitOK, server.exit(t))
}
