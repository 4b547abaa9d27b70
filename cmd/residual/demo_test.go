package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDemo runs the curl commands that the demo prints while it serves, and compares their answers with its tables.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watched{watch: "until Ctrl-C", seen: make(chan struct{})}
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, process{
			args: []string{"demo", "--models", "2", "--days", "2", "--data-dir", dir}, env: os.LookupEnv, in: os.Stdin, out: out, err: os.Stderr,
		})
	}()
	out.wait(t, code)
	curls := regexp.MustCompile(`curl '(.*)'\n\n`).FindAllStringSubmatch(out.text.String(), -1)
	require.Len(t, curls, 2)
	for _, curl := range curls {
		var table bytes.Buffer
		require.NoError(t, writeAnswer(&table, []byte(get(t, curl[1]))))
		// The moment of the analysis, the last column, is another one.
		for line := range strings.Lines(table.String()) {
			require.Contains(t, out.text.String(), line[:len(line)-len("2026-01-01 00:00:00\n")])
		}
	}
	require.Regexp(t, `analysis_timestamp\neta_courier_berlin `, out.text.String(), "the model that drifts comes first")
	require.Regexp(t, `\d+ rows stored, 0 quarantined`, out.text.String())
	page := regexp.MustCompile(`^The page: (http://127\.0\.0\.1:\d+/)\n`).FindStringSubmatch(out.text.String())
	require.NotNil(t, page, "the address of the page comes first")
	require.Contains(t, get(t, page[1]), "<title>Residual</title>")
	cancel()
	require.Equal(t, exitOK, <-code)
	require.DirExists(t, dir)
}

// watched closes seen once a text was written. It may be read after that.
type watched struct {
	text  bytes.Buffer
	watch string
	seen  chan struct{}
}

// wait waits for the text, and fails if the command that writes ends without it.
func (w *watched) wait(t *testing.T, code <-chan int) {
	t.Helper()
	select {
	case <-w.seen:
	case c := <-code:
		t.Fatalf("exit code %d before %q was written", c, w.watch)
	}
}

func (w *watched) Write(p []byte) (int, error) {
	before := strings.Contains(w.text.String(), w.watch)
	n, err := w.text.Write(p)
	if !before && strings.Contains(w.text.String(), w.watch) {
		close(w.seen)
	}
	return n, err
}

func TestDemoLeavesNothingBehind(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	r := run(t, "demo", "--exit", "--models", "0", "--days", "1")
	require.Equal(t, exitOK, r.code, r.err)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)

	r = run(t, "demo", "--exit", "--listen", "0.0.0.0:0")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, `--listen "0.0.0.0:0": a loopback address is allowed`)
}
