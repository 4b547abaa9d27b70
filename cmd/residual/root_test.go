package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// TestUsage checks that a command line that is not understood exits with 2 and says what is allowed, before anything is
// touched.
func TestUsage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "untouched")
	f := func(line, want string) {
		t.Helper()
		r := run(t, strings.Fields(strings.ReplaceAll(line, "DIR", dir))...)
		require.Equal(t, exitUsage, r.code, "%s: %s", line, r.err)
		require.Contains(t, r.err, want, line)
		require.Contains(t, r.err, "--help' for what is allowed.")
		require.Empty(t, r.out, line)
		require.NoDirExists(t, dir, line)
	}
	f("serv", `unknown command "serv"; did you mean serve?`)
	f("fly", `unknown command "fly": one of demo, generate, ingest, query`)
	f("query metric", `unknown command "metric"; did you mean metrics?`)
	f("serve --colour red", "unknown flag: --colour")
	f("serve --data-dir DIR extra", `residual serve takes no arguments, and got "extra"`)
	f("serve --data-dir DIR --sync sometimes", "one of always, interval, never is allowed")
	f("serve --data-dir DIR --duplicates drop", "one of replace, keep is allowed")
	f("serve --data-dir DIR --log-level loud", "one of info, debug, warn, error is allowed")
	f("serve --data-dir DIR --retention 3months", "a time is allowed, like 90d, 36h, 15m, 100ms or 0")
	f("serve --data-dir DIR --retention -1h", "a time is allowed")
	f("serve --data-dir DIR --memory-limit 4GB", "bytes are allowed, like 4194304, or with a unit, like 512KiB, 64MiB, 4GiB")
	f("serve --data-dir DIR --checkpoint-bytes 1", "--checkpoint-bytes 1: at least 1MiB is allowed")
	f("serve --data-dir DIR --memory-limit 0", "--memory-limit 0: at least 64MiB is allowed")
	f("serve --data-dir DIR --sync-interval 0", "--sync-interval 0s: at least 1ms is allowed")
	f("serve --data-dir DIR --actuals-ttl 0", "--actuals-ttl 0s: at least 1ms is allowed")
	f("serve --data-dir DIR --models-max 0", "--models-max 0: 1 or more are allowed")
	f("serve --data-dir DIR --series-max -1", "--series-max -1: 1 or more are allowed")
	f("serve --data-dir DIR --months-max 0", "--months-max 0: 1 or more are allowed")
	f("serve --data-dir DIR --model-gauges -1", "--model-gauges -1: 0 or more are allowed")
	f("serve --data-dir DIR --model-gauges-for 0", "--model-gauges-for 0s: more than 0 is allowed")
	f("serve --data-dir DIR --model-gauges-environments=", `--model-gauges-environments "": environments are needed`)
	f("serve --data-dir DIR --max-future 0", "--max-future 0s: at least 1ms is allowed")
	f("serve --data-dir DIR --listen 7181", "HOST:PORT is allowed, like 127.0.0.1:7181")
	f("serve --data-dir DIR --listen localhost:http:1", "HOST:PORT is allowed")
	f("serve --data-dir DIR --tls-cert x.pem", "--tls-cert and --tls-key go together")
	f("demo --data-dir DIR --rows 0x", "invalid argument")
	f("demo --data-dir DIR --rows -5", "--rows -5: 1 or more is allowed")
	f("demo --data-dir DIR --shape round", "one of steady, bursty, many-models, many-versions, uuid is allowed")
	f("generate --to tomorrow", "now or YYYY-MM-DD[ hh:mm:ss] is allowed")
	f("generate --late-share 2", "late share: 2 is not between 0 and 1")
	f("ingest", "needs a FILE, or - for standard input")
	f("ingest --parallel 0 -", "--parallel 0: 1 to 256 are allowed")
	f("ingest --batch-bytes 1 -", "--batch-bytes 1: 1KiB to 1GiB are allowed")
	f("ingest --server 127.0.0.1:7181 -", "a URL like http://127.0.0.1:7181 is needed")
	f("query metrics --format xml", "one of table, json, csv, csvwithnames, ndjson, parquet, prometheus is allowed")
	f("query drift --time-window 3", "unknown flag: --time-window")
	f("token create", "needs a NAME")
	f("token revoke a b", `does not know what to do with "b"`)
	f("version please", "takes no arguments")
}

// TestHelp checks that every command has a help text with an example, and that the flags in examples exist.
func TestHelp(t *testing.T) {
	for _, cmd := range everyCommand(newRoot(os.LookupEnv)) {
		path := strings.Fields(cmd.CommandPath())[1:]
		r := run(t, append(path, "--help")...)
		require.Equal(t, exitOK, r.code)
		require.Contains(t, r.out, "Examples:\n  ", cmd.CommandPath())
		require.NotEmpty(t, cmd.Short)
		for line := range strings.Lines(cmd.Example) {
			_, line, found := strings.Cut(line, "residual ")
			require.True(t, found, line)
			line, _, _ = strings.Cut(strings.TrimSpace(line), " | ")
			line, _, _ = strings.Cut(line, " > ")
			checkExample(t, strings.TrimSuffix(line, ")"))
		}
	}
}

func checkExample(t *testing.T, line string) {
	t.Helper()
	cmd, rest, err := newRoot(os.LookupEnv).Find(shellWords(line))
	require.NoError(t, err, line)
	require.NoError(t, cmd.ParseFlags(rest), line)
	require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), line)
}

// shellWords splits a line at spaces outside single quotes.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func everyCommand(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, everyCommand(sub)...)
	}
	return all
}

func TestNoCommandShowsHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"query"}, {"token"}} {
		r := run(t, args...)
		require.Equal(t, exitOK, r.code)
		require.Contains(t, r.out, "Available Commands:")
	}
}

func TestVersion(t *testing.T) {
	r := run(t, "version")
	require.Equal(t, exitOK, r.code)
	require.Regexp(t, `^residual \S+ go1\S+ \w+/\w+\n$`, r.out)
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{"RESIDUAL_ROWS": "3", "RESIDUAL_TO": "2026-01-01", "RESIDUAL_HELP": "true"}
	r := runWith(t, env, "", "generate")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, 3, strings.Count(r.out, "\n"))

	r = runWith(t, env, "", "generate", "--rows", "5")
	require.Equal(t, 5, strings.Count(r.out, "\n"), "the command line wins")

	env["RESIDUAL_ROWS"], env["RESIDUAL_SHAPE"] = "many", "round"
	r = runWith(t, env, "", "generate")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "RESIDUAL_ROWS: ")
	require.Contains(t, r.err, "RESIDUAL_SHAPE: ")
	require.Contains(t, r.err, "one of steady, bursty")
}
