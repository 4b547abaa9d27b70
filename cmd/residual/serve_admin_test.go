package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServeAdminTokenFile starts a server that is reached from elsewhere by a secret that is mounted, as a container does, and
// changes the secret under it. The environment that it is configured by is in no line of the log.
func TestServeAdminTokenFile(t *testing.T) {
	const first, second, passer = "the-first-secret-of-the-mount", "the-second-secret-of-the-mount", "what-else-is-in-the-environment"
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(first+"\n"), 0o644)) //nolint:gosec // As Kubernetes mounts it.
	p := &serving{cmd: exec.CommandContext(t.Context(), build(t), "serve")}
	p.cmd.Env = append(os.Environ(), "RESIDUAL_DATA_DIR="+filepath.Join(t.TempDir(), "data"), "RESIDUAL_LISTEN=0.0.0.0:0",
		"RESIDUAL_ADMIN_TOKEN_FILE="+path, "RESIDUAL_LOG_LEVEL=debug", "PASSER="+passer)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	logged, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	var log strings.Builder
	require.NoError(t, p.cmd.Start())
	lines := bufio.NewScanner(logged)
	wait := func(text string) {
		t.Helper()
		for lines.Scan() {
			log.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		require.Fail(t, "the log ended", "%s\n%s", text, &log)
	}
	wait("every user of this machine may read the admin token file")
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_, port, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "listening on http://")), "]:")
	status := func(token string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/v0/pipes", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, http.StatusOK, status(first))
	require.Equal(t, http.StatusForbidden, status(second))
	require.NoError(t, os.WriteFile(path, []byte(second), 0o600))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	wait("tokens and certificate read again")
	require.Equal(t, http.StatusForbidden, status(first))
	require.Equal(t, http.StatusOK, status(second))
	require.NoError(t, os.Remove(path))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	wait("what could not be read again stays as it was")
	require.Equal(t, http.StatusOK, status(second))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
	}
	require.Equal(t, exitOK, p.exit(t), log.String())
	for _, text := range []string{first, second, passer, "RESIDUAL_"} {
		require.NotContains(t, log.String(), text)
	}
}

// TestServeAdminTokenRefused says what is wrong and never shows a token.
func TestServeAdminTokenRefused(t *testing.T) {
	const secret = "the-secret-of-the-mount"
	data := filepath.Join(t.TempDir(), "data")
	r := runWith(t, map[string]string{"RESIDUAL_ADMIN_TOKEN": secret}, "", "serve", "--data-dir", data)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "RESIDUAL_ADMIN_TOKEN is set: a token in the environment is seen by whoever sees the process; "+
		"put it in a file and name that by RESIDUAL_ADMIN_TOKEN_FILE")
	require.NotContains(t, r.err, secret)
	for _, args := range [][]string{{"--admin-token-file", secret}, {"--admin-token-file", data + "/" + secret, "--listen", "0.0.0.0:0"}} {
		r = run(t, append([]string{"serve", "--data-dir", data}, args...)...)
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, "the admin token file: no such file or directory")
		require.NotContains(t, r.err, secret)
	}
	r = run(t, "serve", "--data-dir", data, "--admin-token="+secret)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "did you mean --admin-token-file?")
	require.NotContains(t, r.err, secret)
	require.NoDirExists(t, data)
}
