package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/race"
)

// exportedRows makes random rows: names, ids and features that are hard on formats, floats of every kind, milliseconds, rows that wait,
// rows sent again with other values, and late ones.
type exportedRows struct {
	*rand.Rand
	// waiting are ids of rows without an actual.
	waiting [][2]string
}

var (
	hardNames = []string{
		"price", "a,b", "team_*", "..", "=1+1", `\N`, `"quoted"`, " spaced ", "null", "7", "model/x", "@sum", "modèle\u2028", "a'b", "%2F", strings.Repeat("long", 63),
	}
	hardFeatures = []string{
		`{}`, `{"country":"DE","amount":12.5}`, "{\r\n \"a\" :\t1\n}", `{"q":"\"\\\u0000é😀"}`, `"\\N"`, `[1,"2,3\n"]`, `null`, `-0`, `{"amount":1e400,"x":{"y":[]}}`, `"=1+1"`,
		`{"text":"` + strings.Repeat("é,\\\"", 800) + `"}`,
	}
	hardFloats = []float64{0, math.Copysign(0, -1), 5e-324, -5e-324, 2.2250738585072014e-308, math.MaxFloat64, -math.MaxFloat64, 1.0 / 3, 0.1, 1e21, 123456789012345680}
)

func (r *exportedRows) float() float64 {
	if r.IntN(4) > 0 {
		return r.NormFloat64() * 100
	}
	return hardFloats[r.IntN(len(hardFloats))]
}

func pick[T any](r *exportedRows, from []T) T { return from[r.IntN(len(from))] }

// lines are n rows of 2026, as NDJSON.
func (r *exportedRows) lines(t *testing.T, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	for range n {
		at := time.UnixMilli(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() + r.Int64N(100*24*3600*1000)).UTC()
		model, id := pick(r, hardNames), pick(r, hardNames)+strconv.Itoa(r.IntN(n))
		if r.IntN(8) == 0 {
			id = pick(r, hardNames)
		}
		x := map[string]any{
			"timestamp": at.Format("2006-01-02 15:04:05.000"), "model_id": model, "prediction_id": id, "features": pick(r, hardFeatures),
			"predicted_value": r.float(), "model_version": pick(r, hardNames[:3]), "environment": pick(r, []string{"production", "staging", "=e"}),
		}
		if r.IntN(4) > 0 {
			x["actual_value"] = r.float()
		} else {
			r.waiting = append(r.waiting, [2]string{model, id})
		}
		line, err := json.Marshal(x)
		require.NoError(t, err)
		out.Write(append(line, '\n'))
		if r.IntN(10) == 0 { // sent again, with other values
			x["predicted_value"], x["actual_value"] = r.float(), nil
			line, err = json.Marshal(x)
			require.NoError(t, err)
			out.Write(append(line, '\n'))
		}
	}
	return out.Bytes()
}

// actuals are those of some of the rows that wait.
func (r *exportedRows) actuals(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, x := range r.waiting {
		if r.IntN(2) > 0 {
			continue
		}
		line, err := json.Marshal(map[string]any{"model_id": x[0], "prediction_id": x[1], "actual_value": r.float(), "timestamp": "2026-06-01 00:00:00"})
		require.NoError(t, err)
		out.Write(append(line, '\n'))
	}
	return out.Bytes()
}

// ingested loads input into a server, all of whose rows must be good.
func ingested(t *testing.T, address string, input []byte, args ...string) {
	t.Helper()
	r := runWith(t, nil, string(input), append([]string{"ingest", "--server", address}, args...)...)
	require.Equal(t, exitOK, r.code, r.err)
}

// everyAnswer asks all pipes about all rows in several ways, and returns what they answer.
func everyAnswer(t *testing.T, address string) map[string]string {
	t.Helper()
	var listed struct {
		Pipes []struct{ Name string }
	}
	require.NoError(t, json.Unmarshal([]byte(get(t, address+"/v0/pipes")), &listed))
	require.Greater(t, len(listed.Pipes), 6)
	all := url.Values{
		"model_id": {"*"}, "model_version": {"*"}, "environment": {"*"}, "from": {"2026-01-01 00:00:00"}, "as_of": {"2026-04-20 00:00:00"}, "interval": {"1w"},
		"recent_window_hours": {"1000"}, "historical_window_hours": {"3000"}, "reference": {"pinned:2026-01-01 00:00:00,2026-02-20 00:00:00"}, "limit": {"0"},
	}
	answers := map[string]string{}
	for _, pipe := range listed.Pipes {
		if strings.Contains(pipe.Name, "quarantine") || pipe.Name == "status" || pipe.Name == "connectors" { // they are of a server, not of rows
			continue
		}
		for _, more := range []url.Values{
			{},
			{"group_by": {""}},
			{"group_by": {"model_id"}},
			{"model_version": {"latest"}},
			{"model_id": {"a,b"}},
			{"environment": {"staging"}, "order": {"abs_error"}, "limit": {"50"}},
			{"reference": {"rolling"}},
			{"actuals": {"waiting"}},
			{"from": {"2026-02-03 04:05:06.789"}, "to": {"2026-03-03 04:05:06.789"}},
		} {
			values := url.Values{}
			for _, from := range []url.Values{all, more} {
				for name := range from {
					values.Set(name, from.Get(name))
				}
			}
			if pipe.Name == "predictions" && !values.Has("order") {
				values.Set("order", "timestamp")
			} else if pipe.Name != "predictions" { // models has orders of its own
				values.Del("order")
			}
			question := "/v0/pipes/" + pipe.Name + ".csvwithnames?" + values.Encode()
			answers[question] = get(t, address+question)
		}
	}
	return answers
}

// withoutLags takes the columns of lags out of answers.
func withoutLags(t *testing.T, answers map[string]string) {
	t.Helper()
	for question, answer := range answers {
		records, err := csv.NewReader(strings.NewReader(answer)).ReadAll()
		require.NoError(t, err)
		header := slices.Clone(records[0])
		for i, record := range records {
			var kept []string
			for j, cell := range record {
				if !strings.Contains(header[j], "lag") {
					kept = append(kept, cell)
				}
			}
			records[i] = kept
		}
		answers[question] = fmt.Sprintf("%q", records)
	}
}

func requireSameAnswers(t *testing.T, want, got map[string]string) {
	t.Helper()
	require.Len(t, got, len(want))
	for question := range want {
		require.Equal(t, want[question], got[question], question)
	}
}

var longFlag = flag.Bool("residual.long", false, "export in every form from a server and from its directory, not from one of them")

// TestExportedAnswersAreTheSame exports a store in every form, from a server or from its directory, loads each export into an empty
// store, and compares what all pipes answer byte by byte. With the race detector it does so in two forms, by chance.
func TestExportedAnswersAreTheSame(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	r := &exportedRows{Rand: rand.New(rand.NewPCG(seed, 0))}
	dir := filepath.Join(t.TempDir(), "data")
	stop := serveDir(t, dir)
	ingested(t, stop.URL(), r.lines(t, 600/race.Fewer), "-")
	require.NoError(t, stop.Stop()) // which seals
	s := serveDir(t, dir)
	ingested(t, s.URL(), r.lines(t, 200/race.Fewer), "-")
	want := everyAnswer(t, s.URL())

	targets := []string{"x.ndjson", "x.ndjson.gz", "x.csv", "x.csv.zst", "x.parquet", "parquet/ --format parquet", "ndjson/ --format ndjson --compression zstd", "csv/ --format csv", "-"}
	r.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	targets = targets[:race.Cases(len(targets)-1)+1] // one from either
	exports := t.TempDir()
	source := []string{"--server", s.URL()}
	for round := range 2 {
		for i, target := range targets {
			if !*longFlag && i%2 != round { // the other half from the directory
				continue
			}
			name, more, _ := strings.Cut(target, " ")
			if name != "-" {
				name = filepath.Join(exports, strconv.Itoa(round), name) + name[len(strings.TrimSuffix(name, "/")):]
				require.NoError(t, os.MkdirAll(filepath.Join(exports, strconv.Itoa(round)), 0o700))
			}
			done := run(t, slices.Concat([]string{"export", name}, source, strings.Fields(more))...)
			require.Equal(t, exitOK, done.code, "%s: %s", target, done.err)
			copied := serveDir(t, t.TempDir())
			if name == "-" {
				ingested(t, copied.URL(), []byte(done.out), "-")
			} else {
				ingested(t, copied.URL(), nil, files(t, name)...)
			}
			requireSameAnswers(t, want, everyAnswer(t, copied.URL()))
		}
		if round == 0 {
			refused := run(t, "export", "--data-dir", dir, "-")
			require.Equal(t, exitFailure, refused.code)
			require.Contains(t, refused.err, "directory is in use by another process; if that is a server, export from it with --server")
			require.NoError(t, s.Stop())
			source = []string{"--data-dir", dir}
		}
	}
	requireSameAnswers(t, want, everyAnswer(t, serveDir(t, dir).URL())) // the directory is as it was
}

// TestExportLosesLagsAlone does the same with actuals that came after their predictions.
func TestExportLosesLagsAlone(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	r := &exportedRows{Rand: rand.New(rand.NewPCG(seed, 0))}
	s := serveDir(t, t.TempDir())
	ingested(t, s.URL(), r.lines(t, 600/race.Fewer), "-")
	ingested(t, s.URL(), r.actuals(t), "--name", "ml_model_actuals", "-")
	want := everyAnswer(t, s.URL())
	name := filepath.Join(t.TempDir(), "x.parquet")
	require.Equal(t, exitOK, run(t, "export", "--server", s.URL(), name).code)
	copied := serveDir(t, t.TempDir())
	ingested(t, copied.URL(), nil, name)
	got := everyAnswer(t, copied.URL())
	require.NotEqual(t, want, got)
	withoutLags(t, want)
	withoutLags(t, got)
	requireSameAnswers(t, want, got)
}

// files are those of an export that readers see.
func files(t *testing.T, name string) (found []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name()[0] != '_' && d.Name()[0] != '.' {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// TestExportSelects checks that every flag is the parameter of the pipe that it should be.
func TestExportSelects(t *testing.T) {
	s := serveDir(t, t.TempDir())
	ingested(t, s.URL(), []byte(`
{"timestamp":"2026-01-01 00:00:00","model_id":"a","prediction_id":"1","features":"{\"amount\":5,\"country\":\"DE\"}","predicted_value":1,"actual_value":1,"model_version":"v1","environment":"production"}
{"timestamp":"2026-01-02 00:00:00.500","model_id":"a","prediction_id":"2","features":"{\"amount\":100}","predicted_value":1,"model_version":"v2","environment":"production"}
{"timestamp":"2026-02-01 00:00:00","model_id":"b","prediction_id":"3","features":"{\"amount\":200}","predicted_value":1,"actual_value":2,"model_version":"v1","environment":"staging"}
`), "-")
	f := func(want string, args ...string) {
		t.Helper()
		for _, target := range []string{"-", filepath.Join(t.TempDir(), "out") + "/"} {
			r := run(t, slices.Concat([]string{"export", "--server", s.URL(), "--format", "ndjson", target}, args)...)
			require.Equal(t, exitOK, r.code, r.err)
			text := []byte(r.out)
			if target != "-" {
				text = nil
				for _, name := range files(t, target) {
					file, err := os.ReadFile(name)
					require.NoError(t, err)
					text = append(text, file...)
				}
			}
			var ids []string
			for line := range bytes.Lines(text) {
				var x struct {
					ID string `json:"prediction_id"`
				}
				require.NoError(t, json.Unmarshal(line, &x))
				ids = append(ids, x.ID)
			}
			slices.Sort(ids)
			require.Equal(t, want, strings.Join(ids, ""), "%q", args)
		}
	}
	f("123")
	f("12", "--model-id", "a")
	f("123", "--model-id", "a,b*")
	f("13", "--model-version", "v1")
	f("3", "--environment", "stag*")
	f("23", "--from", "2026-01-02")
	f("3", "--from", "2026-01-02T00:00:00.501Z")
	f("12", "--to", "2026-02-01 00:00:00")
	f("1", "--from", "2026-01-01", "--to", "2026-01-02T01:00:00+02:00")
	f("2", "--actuals", "waiting")
	f("13", "--actuals", "known")
	f("3", "--prediction-id", "3")
	f("23", "--feature", "amount>=100")
	f("2", "--feature", "amount>=100", "--feature", "amount<200")
	f("1", "--feature", "country=DE")
	f("23", "--feature", "country!=DE")
	f("", "--model-id", "nobody")

	r := run(t, "export", "--server", s.URL(), "--model-version", "latest", "-")
	require.Equal(t, exitOK, r.code)
	require.Contains(t, r.err, "rows, in ", "the summary is not among the rows")
	for _, name := range []string{"model-id", "model-version", "environment", "from", "to", "actuals", "prediction-id"} {
		require.True(t, slices.ContainsFunc(httpapi.Parameters("predictions"), func(p httpapi.Parameter) bool { return dashed(p.Name) == name }), name)
	}
	for column := range strings.SplitSeq(exportColumns, ",") {
		require.True(t, slices.ContainsFunc(httpapi.Columns("predictions"), func(c httpapi.Column) bool { return c.Name == column }), column)
	}
}

func TestExportFailures(t *testing.T) {
	dir := t.TempDir()
	f := func(want string, args ...string) {
		t.Helper()
		r := run(t, append([]string{"export"}, args...)...)
		require.Equal(t, exitFailure, r.code, r.err)
		require.Contains(t, r.err, want)
	}
	f("is 'residual serve' running?", "--server", "http://127.0.0.1:1", filepath.Join(dir, "x.csv"))
	f("missing: there is no store", "--data-dir", filepath.Join(dir, "missing"), filepath.Join(dir, "x.csv"))
	require.NoDirExists(t, filepath.Join(dir, "missing"))
	f(dir+": there is no store", "--data-dir", dir, filepath.Join(dir, "x.csv"))
	s := serveDir(t, filepath.Join(dir, "data"))
	f("exists; --force replaces it", "--server", s.URL(), "--format", "csv", filepath.Join(dir, "data", "LOCK"))
	f("is not empty and holds no export", "--server", s.URL(), dir)
	f("no such file or directory", "--server", s.URL(), filepath.Join(dir, "missing", "x.csv"))
	f("the parameter feature.<key> must be", "--server", s.URL(), "--feature", "=1", "-")
	require.Equal(t, []string{"data"}, entries(t, dir))
	both := run(t, "export", "--data-dir", dir, "--server", s.URL(), "-")
	require.Equal(t, exitUsage, both.code)
	require.Contains(t, both.err, "--data-dir and --server are both given")
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range all {
		names = append(names, entry.Name())
	}
	return names
}
