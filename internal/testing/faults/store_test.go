//go:build faults && linux

package faults_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is residual, built once for a test.
func program(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "residual")
	command(t, "go", "build", "-buildvcs=false", "-o", binary, "../../cmd/residual")
	return binary
}

// server is a running residual serve.
type server struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	log     *bufio.Scanner
}

func serve(t *testing.T, binary, data string) *server {
	t.Helper()
	s := &server{t: t, cmd: exec.CommandContext(t.Context(), binary, "serve", "--data-dir", data, "--listen", "127.0.0.1:0")}
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	log, err := s.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	s.log = bufio.NewScanner(log)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	s.address = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return s
}

// post sends an event and returns the status.
func (s *server) post(id string) int {
	s.t.Helper()
	return s.do(http.MethodPost, "/v0/events?name=ml_model_predictions", fmt.Sprintf(`{"timestamp":%q,"model_id":"m","prediction_id":%q,`+
		`"features":{},"predicted_value":1,"actual_value":2,"model_version":"v1","environment":"production"}`, time.Now().UTC().Format(time.RFC3339), id))
}

func (s *server) do(method, path, body string) int {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.address+path, strings.NewReader(body))
	require.NoError(s.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	_, _ = io.Copy(io.Discard, response.Body)
	require.NoError(s.t, response.Body.Close())
	return response.StatusCode
}

// requireTaken holds that the server says so, and ends with an error.
func (s *server) requireTaken() {
	s.t.Helper()
	require.Equal(s.t, http.StatusServiceUnavailable, s.post("late"))
	require.Equal(s.t, http.StatusServiceUnavailable, s.do(http.MethodGet, "/health", ""))
	told := false
	for s.log.Scan() {
		told = told || strings.Contains(s.log.Text(), "was taken away")
	}
	require.True(s.t, told)
	require.Error(s.t, s.cmd.Wait())
	require.Equal(s.t, 1, s.cmd.ProcessState.ExitCode())
}

func (s *server) stop() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(os.Interrupt))
	_, _ = io.Copy(io.Discard, readerOf(s.log))
	require.NoError(s.t, s.cmd.Wait())
}

// readerOf reads what is left of a log.
func readerOf(log *bufio.Scanner) io.Reader {
	r, w := io.Pipe()
	go func() {
		for log.Scan() {
		}
		_ = w.Close()
	}()
	return r
}

// TestMountedOver mounts something over the directory of a running server: an empty file system, and a backup.
func TestMountedOver(t *testing.T) {
	binary := program(t)
	for name, mount := range map[string]func(data, backup string) []string{
		"an empty file system": func(data, _ string) []string { return []string{"-t", "tmpfs", "none", data} },
		"a backup":             func(data, backup string) []string { return []string{"--bind", backup, data} },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			data, backup := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
			first := serve(t, binary, data)
			require.Equal(t, http.StatusAccepted, first.post("first"))
			first.stop()
			require.NoError(t, os.CopyFS(backup, os.DirFS(data)))
			s := serve(t, binary, data)
			require.Equal(t, http.StatusAccepted, s.post("second"))
			command(t, "mount", mount(data, backup)...)
			t.Cleanup(func() { _ = exec.Command("umount", "-l", data).Run() })
			before := listing(t, data)
			s.requireTaken()
			require.Equal(t, before, listing(t, data), "nothing is written there")
			command(t, "umount", data)
			command(t, binary, "verify", data)
			serve(t, binary, data).stop()
		})
	}
}

// listing returns what is in a directory, with sizes and times.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			all = append(all, fmt.Sprint(path, info.Size(), info.ModTime()))
		}
		return err
	}))
	return all
}

// TestFreshMount starts a store at the root of a new file system, which has a lost+found, and verifies it once it is
// mounted to be read only.
func TestFreshMount(t *testing.T) {
	binary, m := program(t), newExt4(t)
	require.DirExists(t, filepath.Join(m.at, "lost+found"))
	s := serve(t, binary, m.at)
	require.Equal(t, http.StatusAccepted, s.post("first"))
	s.stop()
	m.unmount()
	m.mount("-r")
	before := listing(t, m.at)
	output, err := exec.CommandContext(t.Context(), binary, "verify", m.at).CombinedOutput()
	require.NoError(t, err, string(output))
	require.NotContains(t, string(output), "not locked")
	require.Equal(t, before, listing(t, m.at))
}
