package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/cmd/residual/internal/serve"
)

// TestMain looks for goroutines left behind. Those of fasthttp end on their own time: its clock never does, and the
// cleaner of a stopped server's workers at its next turn.
func TestMain(m *testing.M) {
	ended := []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	}
	goleak.VerifyTestMain(settling{m, ended}, ended...)
}

// settling removes the program after the tests, and waits for what ends on its own. A server that is stopped gives its store some seconds to close, and on a machine
// with other work the store can take longer.
type settling struct {
	tests *testing.M
	ended []goleak.Option
}

func (s settling) Run() int {
	code := s.tests.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	for until := time.Now().Add(time.Minute); goleak.Find(s.ended...) != nil && time.Now().Before(until); {
	}
	return code
}

// result is what a command line came to.
type result struct {
	code     int
	out, err string
}

// run runs a command line in this process, without environment and input.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runWith(t, nil, "", args...)
}

func runWith(t *testing.T, env map[string]string, input string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := execute(t.Context(), process{
		args: args,
		env:  func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		in:   strings.NewReader(input), out: &out, err: &err,
	})
	return result{code, out.String(), err.String()}
}

// serveWith serves in this process, as a command line says, until the test ends. Stopping twice is no error.
func serveWith(tb testing.TB, log *slog.Logger, args ...string) *serve.Server {
	tb.Helper()
	var flags serve.Flags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Register(set)
	require.NoError(tb, set.Parse(append([]string{"--listen", "127.0.0.1:0"}, args...)))
	s, err := serve.Start(&flags, version(), log)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Stop()) })
	require.NoError(tb, s.Open(context.Background()))
	return s
}

// serveDir serves a data directory in this process until the test ends.
func serveDir(t *testing.T, dir string) *serve.Server {
	t.Helper()
	return serveWith(t, slog.New(slog.DiscardHandler), "--data-dir", dir)
}

// get fetches an address and returns the answer's body.
func get(tb testing.TB, address string) string {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(tb, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(tb, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	require.Equal(tb, http.StatusOK, response.StatusCode, "%s: %s", address, body)
	return string(body)
}

// request sends a request and returns the status and body of the answer.
func request(t *testing.T, method, address, body string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}

// countRows asks for the predictions of every series in the last 100 years.
func countRows(t *testing.T, address string) int {
	t.Helper()
	r := run(t, "query", "metrics", "--server", address, "--format", "csv",
		"--model-id", "*", "--model-version", "*", "--environment", "*", "--time-window", "876000")
	require.Equal(t, exitOK, r.code, r.err)
	total := 0
	for line := range strings.Lines(r.out) {
		var n int
		_, err := fmt.Sscan(strings.Split(line, ",")[3], &n)
		require.NoError(t, err, line)
		total += n
	}
	return total
}
