package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServeRefuses(t *testing.T) {
	parent := t.TempDir()
	f := func(dir, want string, flags ...string) {
		t.Helper()
		before := tree(t, parent)
		r := run(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", dir}, flags...)...)
		require.Equal(t, exitFailure, r.code, r.err)
		require.Contains(t, r.err, want)
		require.NotContains(t, r.out, "listening")
		require.Equal(t, before, tree(t, parent), "nothing is written")
	}

	dir := filepath.Join(parent, "data")
	f(dir, "residual token create NAME --scope ADMIN --data-dir "+dir, "--listen", "0.0.0.0:0")
	f(dir, "no token exists", "--listen", ":0")
	f(dir, "certificate: ", "--tls-cert", "missing.pem", "--tls-key", "missing.pem")

	f(write(t, parent, "file", nil), "file")
	foreign := filepath.Join(parent, "foreign")
	require.NoError(t, os.Mkdir(foreign, 0o700))
	write(t, foreign, "thesis.doc", []byte("x"))
	f(foreign, "a new store needs an empty directory")

	s := serveDir(t, dir)
	f(dir, "in use by another process")
	address := strings.TrimPrefix(s.URL(), "http://")
	f(filepath.Join(parent, "second"), "address already in use", "--listen", address)
	require.NoError(t, s.Stop())

	newer := []byte("residual store 999\n0123456789abcdef0123456789abcdef\n")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "store-id"), newer, 0o600))
	f(dir, "it needs a newer residual than")
}

// tree lists the names and the sums of what is under a directory; locks, which every start takes, are left out.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() == "LOCK" {
			return err
		}
		if entry.IsDir() {
			all[path] = "directory"
			return nil
		}
		content, err := os.ReadFile(path)
		all[path] = fmt.Sprintf("%d bytes, %08x", len(content), crc32.ChecksumIEEE(content))
		return err
	}))
	return all
}

// TestServeProcess builds the program and does with it what an operator does: start, load, stop, kill, start again.
func TestServeProcess(t *testing.T) {
	dir := t.TempDir()
	binary := build(t)
	data := filepath.Join(dir, "data")
	events := write(t, dir, "events.ndjson", generated(t, "--rows", "3000"))

	p := startProcess(t, binary, data)
	ingest := exec.CommandContext(t.Context(), binary, "ingest", "--server", p.address, events)
	output, err := ingest.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), "3000 rows stored, 0 quarantined")

	second := exec.CommandContext(t.Context(), binary, "serve", "--data-dir", data, "--listen", "127.0.0.1:0")
	output, err = second.CombinedOutput()
	require.Equal(t, exitFailure, second.ProcessState.ExitCode(), err)
	require.Contains(t, string(output), "in use by another process")

	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.waitLog(t, "tokens and certificate read again")
	began := time.Now()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitOK, p.exit(t))
	require.Less(t, time.Since(began), 5*time.Second)

	p = startProcess(t, binary, data)
	require.Equal(t, 3000, countRows(t, p.address))
	require.NoError(t, p.cmd.Process.Kill())
	p.exit(t)
	p = startProcess(t, binary, data)
	require.Equal(t, 3000, countRows(t, p.address), "kill -9 loses nothing")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, exitOK, p.exit(t))

	bad := exec.CommandContext(t.Context(), binary, "serve", "--sync", "sometimes")
	require.Error(t, bad.Run())
	require.Equal(t, exitUsage, bad.ProcessState.ExitCode())
}

// TestServeDrains checks that a request under way when the server is told to stop gets its answer.
func TestServeDrains(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watched{watch: "listening on", seen: make(chan struct{})}
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, process{
			args: []string{"serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--log-level", "error"},
			env:  func(string) (string, bool) { return "", false }, in: os.Stdin, out: out, err: os.Stderr,
		})
	}()
	out.wait(t, code)
	address := strings.TrimSpace(strings.TrimPrefix(out.text.String(), "listening on "))

	body, feed := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/v0/events?name=ml_model_predictions", body)
	require.NoError(t, err)
	// The body is sent once the server serves the request: one that it has not read yet it may leave unanswered.
	request.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Hour}}
	answered := make(chan string, 1)
	go func() {
		response, err := client.Do(request)
		if err != nil {
			answered <- err.Error()
			return
		}
		text, err := io.ReadAll(response.Body)
		answered <- fmt.Sprint(response.StatusCode, " ", string(text), err, response.Body.Close())
	}()
	events := generated(t, "--rows", "1000")
	_, err = feed.Write(events[:len(events)/2])
	require.NoError(t, err)
	cancel()
	_, err = feed.Write(events[len(events)/2:])
	require.NoError(t, err)
	require.NoError(t, feed.Close())
	require.Contains(t, <-answered, `202 {"successful_rows":1000,"quarantined_rows":0}`)
	require.Equal(t, exitOK, <-code)
	require.Equal(t, 1000, countRows(t, serveDir(t, dir).URL()))
}

// serving is a running residual serve.
type serving struct {
	cmd            *exec.Cmd
	address        string
	stdout, stderr io.ReadCloser
	logged         *bufio.Scanner // of stderr
}

func startProcess(tb testing.TB, binary, dir string, flags ...string) *serving {
	tb.Helper()
	args := append([]string{"serve", "--data-dir", dir, "--listen", "127.0.0.1:0"}, flags...)
	p := &serving{cmd: exec.CommandContext(tb.Context(), binary, args...)}
	out, err := p.cmd.StdoutPipe()
	require.NoError(tb, err)
	logged, err := p.cmd.StderrPipe()
	require.NoError(tb, err)
	p.stdout, p.stderr, p.logged = out, logged, bufio.NewScanner(logged)
	require.NoError(tb, p.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		rest, _ := io.ReadAll(logged)
		tb.Fatalf("%v: %s", err, bytes.TrimSpace(rest))
	}
	p.address = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return p
}

// waitLog returns the next line of the log that contains text.
func (p *serving) waitLog(tb testing.TB, text string) string {
	tb.Helper()
	for p.logged.Scan() {
		if strings.Contains(p.logged.Text(), text) {
			return p.logged.Text()
		}
	}
	tb.Fatalf("the log ended without %q", text)
	return ""
}

func (p *serving) exit(tb testing.TB) int {
	tb.Helper()
	_ = p.cmd.Wait() // the exit code says it
	return p.cmd.ProcessState.ExitCode()
}
