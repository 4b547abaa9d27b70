package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func TestQuery(t *testing.T) {
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"))
	events := write(t, dir, "events.ndjson", generated(t, "--rows", "20000", "--models", "2", "--versions", "1", "--to", "2026-01-01"))
	require.Equal(t, exitOK, run(t, "ingest", "--server", s.URL(), events).code)
	f := func(args ...string) string {
		t.Helper()
		r := run(t, append([]string{"query", "--server", s.URL()}, args...)...)
		require.Equal(t, exitOK, r.code, r.err)
		return r.out
	}

	table := f("metrics", "--model-id", "*", "--as-of", "2026-01-01 00:00:00", "--time-window", "48")
	lines := strings.Split(strings.TrimSpace(table), "\n")
	require.Len(t, lines, 3)
	require.Regexp(t, `^model_id +model_version +environment +prediction_count +rmse +mae +period_start +period_end$`, lines[0])
	require.Regexp(t, `^model_1 +v1\.1 +production +\d+ +[\d.e+]+ +[\d.e+]+ +2025-12-30 \S+ +2025-12-31 \S+$`, lines[1])

	table = f("drift", "--model-id", "*", "--as-of", "2026-01-01 00:00:00")
	require.Regexp(t, `\nmodel_1 +v1\.1 +production .*\nmodel_2 `, table, "the model that drifts comes first")

	var answer struct{ Rows int }
	require.NoError(t, json.Unmarshal([]byte(f("drift", "--model-id", "*", "--as-of", "2026-01-01 00:00:00", "--format", "json")), &answer))
	require.Equal(t, 2, answer.Rows)
	require.Equal(t, 3, strings.Count(f("metrics", "--model-id", "*", "--as-of", "2026-01-01 00:00:00", "--format", "csvwithnames"), "\n"))
	require.Equal(t, "no rows\n", f("metrics", "--model-id", "nothing"))

	window := []string{"--model-id", "model_1", "--environment", "production", "--as-of", "2026-01-01 00:00:00"}
	require.Regexp(t, `\nmodel_1 +v1\.1 +production +\d+ +\d+ +1 +.* ok +-\n$`, f(append([]string{"report"}, window...)...))
	buckets := f(append([]string{"timeseries", "--interval", "6h"}, window...)...)
	require.Equal(t, 1+5, strings.Count(buckets, "\n"), "the window takes in its end, which begins a bucket")
	require.Regexp(t, `^model_id .* relative_change .*\nmodel_1 .* drift `, f(append([]string{"drift-report", "--min-recent", "20"}, window...)...))
	require.Regexp(t, `^model_id .*\nmodel_1 .*\n`, f("models", "--as-of", "2026-01-01 00:00:00"))

	require.Regexp(t, `^model_id .* state .*\nmodel_1 .* `, f(append([]string{"verdicts", "--time-window", "6"}, window...)...))
	shape := f("distribution", "--model-id", "model_1", "--environment", "production", "--as-of", "2026-01-01 00:00:00", "--buckets", "5")
	require.Regexp(t, `^ *lower +upper +recent_count +reference_count\n`, shape)
	require.LessOrEqual(t, strings.Count(shape, "\n"), 1+5)
	require.Regexp(t, `drift_percentage \(ratio\)`, f("drift", "--model-id", "*", "--as-of", "2026-01-01 00:00:00"))
	require.Regexp(t, `\n\* +\* +\* +\d+ `, f("metrics", "--model-id", "model_*", "--group-by", "", "--as-of", "2026-01-01 00:00:00"))
	notes := func(want string, args ...string) {
		t.Helper()
		r := run(t, append([]string{"query", "--server", s.URL()}, args...)...)
		require.Equal(t, exitOK, r.code, r.err)
		require.Regexp(t, want, r.err)
	}
	notes(`^residual: the model "nothing" is unknown\n$`, "metrics", "--model-id", "nothing")
	notes(`^residual: the model "default_model" is unknown\n$`, "drift")
	notes(`^residual: the model "model_1" has \d+ predictions from 20\S+ \S+ to 2025-12-31 \S+, \d+ of them with an actual; ask for another `,
		"metrics", "--model-id", "model_1", "--environment", "nowhere")
	notes(`^residual: the model "nothing" is unknown\n$`, "metrics", "--model-id", "model_1, nothing", "--as-of", "2026-01-01 00:00:00")
	notes(`^residual: no model is named like "team_\*"\n$`, "models", "--model-id", "team_*")
	notes(`^residual: 2 models are named like "m\*"; ask`, "report", "--model-id", "m*", "--environment", "nowhere")
	notes(`^$`, "metrics", "--model-id", "model_1,model_2", "--as-of", "2026-01-01 00:00:00")
	notes(`^$`, "quarantine")
	notes(`^$`, "distribution", "--model-id", "model_1", "--environment", "production", "--as-of", "2026-01-01 00:00:00")
	// A date is the start of that day.
	day := f("metrics", "--model-id", "*", "--from", "2025-12-31", "--to", "2026-01-01", "--format", "csv")
	require.Equal(t, f("metrics", "--model-id", "*", "--from", "2025-12-31 00:00:00", "--to", "2026-01-01T00:00:00Z", "--format", "csv"), day)
	require.Contains(t, day, `"2025-12-31 00:`)
	require.Regexp(t, `\nmodel_1 `, f(append([]string{"drift-report", "--reference", "pinned:2025-12-01,2025-12-15"}, window...)...))

	r := run(t, "query", "timeseries", "--server", s.URL(), "--layout", "series")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "--layout series is no table; add --format json")
	require.Contains(t, f("timeseries", "--layout", "series", "--format", "json", "--interval", "6h", "--model-id", "model_1", "--environment", "production", "--as-of", "2026-01-01 00:00:00"), `"bucket_start"`)

	r = run(t, "query", "metrics", "--server", s.URL(), "--time-window", "abc")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "400 Bad Request")
	require.Contains(t, r.err, "time_window")
}

// TestPredictions asks for rows, and ingests them again into another store: its answers are the same to the bit.
func TestPredictions(t *testing.T) {
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"))
	events := write(t, dir, "events.ndjson", generated(t, "--rows", "20000", "--models", "3", "--shape", "uuid", "--waiting-share", "0.1", "--to", "2026-01-01"))
	require.Equal(t, exitOK, run(t, "ingest", "--server", s.URL(), events).code)
	f := func(args ...string) string {
		t.Helper()
		r := run(t, append([]string{"query", "predictions", "--server", s.URL(), "--model-version", "*", "--as-of", "2026-01-01", "--time-window", "9999"}, args...)...)
		require.Equal(t, exitOK, r.code, r.err)
		require.Empty(t, r.err)
		return r.out
	}
	worst := strings.Split(strings.TrimSpace(f("--model-id", "*", "--order", "abs_error", "--limit", "3")), "\n")
	require.Len(t, worst, 4)
	require.Regexp(t, `^timestamp +model_id .* absolute_error$`, worst[0])
	require.Regexp(t, `^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +model_\d `, worst[1])

	all := strings.Count(f("--model-id", "*", "--limit", "0", "--format", "csv"), "\n")
	counted := func(conditions ...string) (rows int) {
		for _, condition := range conditions {
			rows += strings.Count(f("--model-id", "*", "--limit", "0", "--format", "csv", "--columns", "prediction_id", "--feature", condition), "\n")
		}
		return rows
	}
	require.Equal(t, all, counted("area_m2<100", "area_m2>=100"))
	require.Equal(t, all, counted("area_m2<=100", "area_m2>100"))
	require.Less(t, counted("area_m2>100"), all)
	require.Equal(t, all, counted("place=Berlin", "place!=Berlin"))
	require.Equal(t, exitUsage, run(t, "query", "predictions", "--feature", "amount").code)

	rows := f("--model-id", "*", "--environment", "*", "--limit", "0", "--format", "ndjson")
	require.Equal(t, 20000, strings.Count(rows, "\n"))
	again := serveDir(t, filepath.Join(dir, "again"))
	require.Equal(t, exitOK, run(t, "ingest", "--server", again.URL(), write(t, dir, "rows.ndjson", []byte(rows))).code)
	for _, command := range []string{"report", "metrics", "drift-report", "predictions --limit 0 --order timestamp"} {
		var answers [2]result
		for i, server := range []string{s.URL(), again.URL()} {
			answers[i] = run(t, append(append([]string{"query"}, strings.Fields(command)...), "--server", server, "--model-id", "*", "--environment", "*",
				"--as-of", "2026-01-01", "--format", "csvwithnames")...)
			require.Equal(t, exitOK, answers[i].code, answers[i].err)
		}
		require.NotEmpty(t, answers[0].out)
		require.Equal(t, answers[0], answers[1], command)
	}
}

func TestMisspeltFlagsAreSuggested(t *testing.T) {
	for args, want := range map[string]string{
		"metrics --model x":               "unknown flag: --model; did you mean --model-id or --model-version?",
		"metrics --time-windw 3":          "unknown flag: --time-windw; did you mean --time-window?",
		"drift --environmnt x":            "unknown flag: --environmnt; did you mean --environment?",
		"drift-report --model_id x":       "unknown flag: --model_id; did you mean --model-id?",
		"timeseries --groupby model_id":   "unknown flag: --groupby; did you mean --group-by?",
		"metrics --nothing-of-the-kind x": "unknown flag: --nothing-of-the-kind\n",
	} {
		r := run(t, append([]string{"query"}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.err, want)
	}
}

func TestHelpSaysWhatColumnsHold(t *testing.T) {
	require.Regexp(t, `prediction_count +predictions that have an actual`, run(t, "query", "metrics", "--help").out)
	require.Regexp(t, `prediction_count +predictions, with or without an actual`, run(t, "query", "report", "--help").out)
	require.Regexp(t, `drift_percentage +.*a ratio: 0.25 is 25 % worse`, run(t, "query", "drift", "--help").out)
}

// TestQueryEscapes has lines rejected that would take over the terminal of whoever looks at them.
func TestQueryEscapes(t *testing.T) {
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"))
	hostile := "\x1b]0;title\x07 \u202eevil\u2066 \u009b31m \x9b \r\x00"
	r := run(t, "ingest", "--server", s.URL(), write(t, dir, "hostile.ndjson", []byte(hostile+"\n")))
	require.Equal(t, exitFailure, r.code)
	requireVisible(t, r.out+r.err)

	r = run(t, "query", "quarantine", "--server", s.URL())
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, `\x1b]0;title\x07 \u202eevil\u2066 \u009b31m`)
	requireVisible(t, r.out)

	r = run(t, "ingest", "--server", s.URL(), "--name", "\x1b[2J\u202e", write(t, dir, "x.ndjson", []byte("{}\n")))
	require.Equal(t, exitFailure, r.code)
	requireVisible(t, r.err)
	r = run(t, "ingest", "--server", s.URL(), filepath.Join(dir, "\x1b[2J.ndjson"))
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, `\x1b[2J.ndjson: no such file`)
	requireVisible(t, r.err)
	r = run(t, "\x1b[2J")
	require.Equal(t, exitUsage, r.code)
	requireVisible(t, r.err)
}

// requireVisible checks that a text has no character that a terminal takes for a command, but for the ends of its lines.
func requireVisible(t *testing.T, text string) {
	t.Helper()
	for i, r := range text {
		require.True(t, r == '\n' || unicode.IsGraphic(r), "%q at %d of %q", r, i, text)
	}
}

func TestWriteAnswer(t *testing.T) {
	f := func(answer, want string) {
		t.Helper()
		var out bytes.Buffer
		require.NoError(t, writeAnswer(&out, []byte(answer)))
		require.Equal(t, want, out.String())
	}
	f(`{"meta":[{"name":"model_id","type":"String"},{"name":"mae","type":"Float64"},{"name":"n","type":"UInt64"}],
	    "data":[{"model_id":"é","mae":1.23456789,"n":18446744073709551615},{"model_id":"long name","mae":null,"n":1}],"rows":2}`,
		"model_id       mae                     n\n"+
			"é          1.23457  18446744073709551615\n"+
			"long name        -                     1\n")
	f(`{"meta":[{"name":"p","type":"Nullable(Float64)"}],"data":[{"p":0.333333333333},{"p":null}]}`, "       p\n0.333333\n       -\n")
	f(`{"meta":[{"name":"a","type":"Array(String)"}],"data":[{"a":["x","y"]},{"a":[]}]}`, "a\nx, y\n\n")
	f(`{"meta":[],"data":[]}`, "no rows\n")
	require.Error(t, writeAnswer(&bytes.Buffer{}, []byte("<html>")))
}
