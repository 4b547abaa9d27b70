package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/serve"
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
	f("fly", `unknown command "fly": one of backup, check, `)
	for _, cmd := range newRoot(os.LookupEnv).Commands() {
		f("fly", cmd.Name())
	}
	f("query metric", `unknown command "metric"; did you mean metrics?`)
	f("sreve", `unknown command "sreve"; did you mean serve?`)
	f("igest x", `unknown command "igest"; did you mean ingest?`)
	f("query drfit", `unknown command "drfit"; did you mean drift?`)
	f("drift", `unknown command "drift"; did you mean query drift or query drift-report?`)
	f("drfit", `unknown command "drfit"; did you mean query drift?`)
	f("serve --colour red", "unknown flag: --colour\n")
	f("query metrics --model x", "unknown flag: --model; did you mean --model-id or --model-version?")
	f("query metrics --modelid x", "unknown flag: --modelid; did you mean --model-id?")
	f("serve --data-dri DIR", "unknown flag: --data-dri; did you mean --data-dir?")
	f("serve --data-dir DIR extra", `residual serve takes no arguments, and got "extra"`)
	f("serve --data-dir DIR --sync sometimes", "one of always, interval, never is allowed")
	f("serve --data-dir DIR --duplicates drop", "one of replace, keep is allowed")
	f("serve --data-dir DIR --log-level loud", "one of info, debug, warn, error is allowed")
	f("serve --data-dir DIR --retention 3months", "a time is allowed, like 90d, 36h, 15m, 100ms or 0")
	f("serve --data-dir DIR --retention -1h", "a time is allowed")
	f("serve --data-dir DIR --retention 90d --retention team_a_*=30d,team_a_*=3d", `"team_a_*" is there twice`)
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
	f("demo --data-dir DIR --days 0x", "invalid argument")
	f("demo --data-dir DIR --days 0", "--days 0: 1 to 3650 are allowed")
	f("demo --data-dir DIR --models -1", "--models -1: 0 to 100000 are allowed")
	f("generate --rows -5", "--rows -5: 1 or more is allowed")
	f("generate --shape round", "one of steady, bursty, many-models, many-versions, uuid is allowed")
	f("generate --to tomorrow", "now or YYYY-MM-DD[ hh:mm:ss] is allowed")
	f("generate --late-share 2", "late share: 2 is not between 0 and 1")
	f("ingest", "needs a FILE, or - for standard input")
	f("ingest --parallel 0 -", "--parallel 0: 1 to 256 are allowed")
	f("ingest --batch-bytes 1 -", "--batch-bytes 1: 1KiB to 1GiB are allowed")
	f("ingest --server 127.0.0.1:7181 -", "a URL like http://127.0.0.1:7181 is needed")
	f("export", "needs a FILE, a FOLDER/, or - for standard output")
	f("export out.bin", "its name does not tell what to write; name it .parquet, .ndjson or .csv, or give --format")
	f("export x.parquet.gz", "parquet is compressed inside")
	f("export DIR/ --format parquet --compression zstd", "parquet is compressed inside")
	f("export DIR/ --model-version latest", "each month has a latest version of its own")
	f("export x.csv --from yesterday", `--from "yesterday": YYYY-MM-DD[ hh:mm:ss] in UTC or RFC 3339 is allowed`)
	f("export x.csv --from 2026-02-01 --to 2026-01-01", "the end is not behind the start")
	f("export x.csv --feature amount", `invalid argument "amount" for "--feature" flag: must be key=value, or with !=, <, <=, > or >= in the place of =`)
	f("export x.csv --actuals some", "one of any, known, waiting is allowed")
	f("export x.csv --parallel 0", "--parallel 0: 1 to 64 are allowed")
	f("export x.csv --server 127.0.0.1:7181", "a URL like http://127.0.0.1:7181 is needed")
	f("query metrics --format xml", "one of table, json, csv, csvwithnames, ndjson, parquet, prometheus is allowed")
	f("query drift --time-window 3", "unknown flag: --time-window")
	f("token create", "needs a NAME")
	f("token revoke a b", `does not know what to do with "b"`)
	f("version please", "takes no arguments")
	f("serve --store localhost:9000", "it begins with clickhouse://")
	f("serve --store clickhouse://residual:secret@localhost:9000/residual", "it has a password, which others can read")
	f("serve --store clickhouse://residual@localhost:9000/residual --data-dir DIR --sync never", "--sync is about a store of this process")
	f("serve --store clickhouse://residual@localhost:9000/residual --data-dir DIR --models-max 5", "--models-max is about a store of this process")
	f("serve --store clickhouse://residual@localhost:9000/residual --data-dir DIR --duplicates keep", "a store in a cluster replaces rows that are sent again")
	f("serve --data-dir DIR --store-password-file x", "--store-password-file is given without --store")
	f("cluster init", "--store is needed, like clickhouse://residual@127.0.0.1:9000/residual")
	f("cluster init --store clickhouse://localhost/residual --replicated", "--replicated needs --cluster")
	f("cluster ddl --store clickhouse://localhost/residual --retention 12h", "--retention 12h0m0s: at least 1d is allowed, or 0")
	f("cluster chekc", `unknown command "chekc"; did you mean check?`)
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

// TestCompletion asks for what a shell would offer.
func TestCompletion(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		r := run(t, append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Split(line, " ")...)...)
		require.Equal(t, exitOK, r.code)
		for _, text := range want {
			require.Contains(t, "\n"+r.out, "\n"+text+"\n", line)
		}
	}
	f("", "serve", "ingest", "completion")
	f("query ", "metrics", "drift", ":4")
	f("serve --sync ", "always", "interval", "never", ":4")
	f("serve --log-format=", "text", "json", ":4")
	f("query metrics --format ", "csvwithnames", "prometheus", ":4")
	f("query timeseries --interval ", "30m", "1mo", "1y", ":4")
	f("query timeseries --timezone ", "America/Santiago", "UTC", ":4")
	f("token create x --scope ", "ADMIN", "PIPES:READ:models", "DATASOURCES:APPEND:ml_model_actuals", ":4")
	f("query quarantine --name ", "ml_model_predictions", "ml_model_actuals")
	f("ingest --name ", "ml_model_predictions", "ml_model_actuals")
	f("generate --rows ", ":4")
	f("serve --data-dir ", ":16")
	f("ingest ", ":0")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := run(t, "completion", shell)
		require.Equal(t, exitOK, r.code)
		require.Contains(t, r.out, "residual")
	}
	require.Contains(t, run(t, "--help").out, "\n  completion ")
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
	require.Regexp(t, `^residual \S+( \S+)? go1\S+ \w+/\w+\n$`, r.out)
}

func TestVersionOfABuild(t *testing.T) {
	f := func(module, revision string, modified bool, version, commit string) {
		t.Helper()
		info := &debug.BuildInfo{Main: debug.Module{Version: module}}
		if revision != "" {
			info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: strconv.FormatBool(modified)}}
		}
		require.Equal(t, serve.Build{Version: version, Commit: commit}, versionOf(info))
	}
	const revision = "0123456789abcdef0123456789abcdef01234567"
	f("", "", false, "devel", "")
	f("(devel)", "", false, "devel", "")
	f("(devel)", revision, false, "devel", "0123456789ab")
	f("(devel)", revision, true, "devel", "0123456789ab+changes")
	f("v1.2.3", revision, false, "v1.2.3", "0123456789ab")
	f("v1.2.3", "", false, "v1.2.3", "")
	f("v0.0.0-20260102030405-0123456789ab", "", false, "v0.0.0-20260102030405-0123456789ab", "0123456789ab")
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
