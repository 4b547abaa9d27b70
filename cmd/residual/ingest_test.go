package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/internal/workload"
)

func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func generated(t *testing.T, flags ...string) []byte {
	t.Helper()
	r := run(t, append([]string{"generate"}, flags...)...)
	require.Equal(t, exitOK, r.code, r.err)
	return []byte(r.out)
}

func TestIngestFilesAndPipes(t *testing.T) {
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"))
	plain := write(t, dir, "a.ndjson", generated(t, "--rows", "5000", "--seed", "1"))

	var packed bytes.Buffer
	gz := gzip.NewWriter(&packed)
	second := generated(t, "--rows", "300", "--seed", "2")
	_, err := gz.Write(second)
	require.NoError(t, err)
	require.NoError(t, gz.Close())
	gzFile := write(t, dir, "b.ndjson.gz", packed.Bytes())

	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	zstFile := write(t, dir, "c.ndjson.zst", encoder.EncodeAll(generated(t, "--rows", "200", "--seed", "3"), nil))
	require.NoError(t, encoder.Close())

	r := run(t, "ingest", "--server", s.URL(), "--batch-bytes", "64KiB", "--progress", "always", plain, gzFile, zstFile)
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `^5500 rows stored, 0 quarantined, 2\d requests, 0 retries in \S+, \d+ rows/s\n$`, r.out)
	require.Contains(t, r.err, "5500 rows", "the bar")
	require.Contains(t, r.err, "100%")
	require.Equal(t, 5500, countRows(t, s.URL()))

	r = run(t, "ingest", "--server", s.URL(), "--batch-bytes", "64KiB", plain, gzFile, zstFile)
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "5500 rows sent: 0 stored, 5500 taken by an earlier request, 0 quarantined, ")
	require.NotContains(t, r.err, "rows", "no bar where there is no terminal")
	require.Equal(t, 5500, countRows(t, s.URL()), "a load that runs again stores nothing")

	r = run(t, "ingest", "--server", s.URL(), "--batch-bytes", "100KiB", plain, write(t, dir, "b.ndjson", second))
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "5300 rows sent: 0 stored, 5300 were there before, 0 quarantined, ")
	require.Equal(t, 5500, countRows(t, s.URL()), "rows sent in other requests are still the same rows")

	r = runWith(t, map[string]string{"RESIDUAL_SERVER": s.URL()}, string(generated(t, "--rows", "70", "--seed", "4")), "ingest", "--wait", "-")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, 5570, countRows(t, s.URL()))
}

func TestIngestSummary(t *testing.T) {
	f := func(want string, sum client.Loaded) {
		t.Helper()
		require.Equal(t, want, summary(sum))
	}
	f("5 rows stored, 0 quarantined, 2 requests, 1 retries", client.Loaded{Counts: client.Counts{Successful: 5}, Requests: 2, Retries: 1})
	f("6 rows sent: 2 stored, 3 were there before, 1 quarantined, 2 requests, 0 retries",
		client.Loaded{Counts: client.Counts{Successful: 5, Replaced: 3, Quarantined: 1}, Requests: 2})
	f("10 rows sent: 1 stored, 3 were there before, 5 taken by an earlier request, 1 quarantined, 2 requests, 0 retries",
		client.Loaded{Counts: client.Counts{Successful: 9, Replaced: 3, Known: 5, Quarantined: 1}, Requests: 2})
	f("5 rows sent: 0 stored, 5 taken by an earlier request, 0 quarantined, 1 requests, 0 retries",
		client.Loaded{Counts: client.Counts{Successful: 5, Known: 5}, Requests: 1})
}

// TestIngestTutorial sends the sample events and the pretty-printed body of the tutorial that the schema comes from.
func TestIngestTutorial(t *testing.T) {
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"))
	r := run(t, "ingest", "--server", s.URL(), write(t, dir, "samples.ndjson", []byte(workload.TutorialLines)), write(t, dir, "pretty.json", []byte(workload.TutorialBody)))
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "3 rows stored, 0 quarantined, 2 requests")
	r = run(t, "query", "metrics", "--server", s.URL(), "--model-id", "price_prediction_model", "--from", "2023-01-01 00:00:00", "--format", "csv")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, `"price_prediction_model","v1.2.3","production",1,2.6000000000000014,2.6000000000000014,"2023-05-15 14:30:00","2023-05-15 14:30:00"`,
		strings.TrimSpace(r.out))
}

func TestIngestFailures(t *testing.T) {
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"))
	f := func(code int, want string, args ...string) {
		t.Helper()
		r := run(t, append([]string{"ingest", "--server", s.URL(), "--retry-for", "1ms"}, args...)...)
		require.Equal(t, code, r.code, r.err)
		require.Contains(t, r.err+r.out, want)
	}
	good := string(generated(t, "--rows", "10"))
	mixed := write(t, dir, "mixed.ndjson", []byte(good+"{\"model_id\":7}\nnot JSON\n"))
	f(exitFailure, "10 rows stored, 2 quarantined", mixed)
	f(exitFailure, "2 rows were quarantined: see residual query quarantine", mixed)
	r := run(t, "query", "quarantine", "--server", s.URL(), "--name", "ml_model_predictions")
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `(?s)^datasource +c__error_column .*not JSON.*\{"model_id":7\}`, r.out)
	f(exitFailure, "no such file", filepath.Join(dir, "missing.ndjson"))
	f(exitFailure, "is a directory; files of events are needed", dir)
	f(exitFailure, "gzip: invalid header", write(t, dir, "broken.gz", []byte("\x1f\x8bx"+good)))
	f(exitFailure, "reserved bit set", write(t, dir, "broken.zst", []byte("\x28\xb5\x2f\xfd\xff\xff"+good)))
	f(exitFailure, "404", "--name", "nothing", write(t, dir, "good.ndjson", []byte(good)))

	var packed bytes.Buffer
	gz := gzip.NewWriter(&packed)
	_, err := gz.Write([]byte(good))
	require.NoError(t, err)
	require.NoError(t, gz.Close())
	f(exitFailure, "unexpected EOF; 0 rows stored", write(t, dir, "cut.gz", packed.Bytes()[:packed.Len()-12]))
	f(exitFailure, "run the same command again to complete it", filepath.Join(dir, "cut.gz"))

	nobody := serveDir(t, filepath.Join(dir, "other"))
	address := nobody.URL()
	require.NoError(t, nobody.Stop())
	f(exitFailure, "is 'residual serve' running?", "--server", address, mixed)
}

// TestIngestRecognises sends the same rows as files of every kind, under names that tell nothing, and on standard input.
func TestIngestRecognises(t *testing.T) {
	const rows = 50
	lines := generated(t, "--rows", strconv.Itoa(rows), "--seed", "5")
	var events []map[string]any
	for line := range bytes.Lines(lines) {
		var e map[string]any
		require.NoError(t, json.Unmarshal(line, &e))
		events = append(events, e)
	}
	array, err := json.MarshalIndent(events, "", " ")
	require.NoError(t, err)
	kinds := map[string][]byte{
		"lines": lines, "array": array, "parquet": parquetOf(t, events),
		"comma": csvOf(t, events, ','), "semicolon": csvOf(t, events, ';'), "tab": csvOf(t, events, '\t'),
	}
	kinds["said"] = append([]byte("sep=;\r\n"), kinds["semicolon"]...)
	kinds["returns"] = bytes.ReplaceAll(kinds["comma"], []byte("\n"), []byte("\r"))
	header, records, _ := bytes.Cut(kinds["comma"], []byte("\n"))
	spelled := strings.ReplaceAll(strings.ToUpper(string(header)), "_", " ")
	kinds["spelled otherwise"] = append([]byte("\uFEFF"+spelled+",,\n"), bytes.ReplaceAll(records, []byte("\n"), []byte(",,\n"))...)
	for name, of := range map[string][]byte{"wide lines": lines, "wide comma": kinds["comma"]} {
		kinds[name] = []byte("\xff\xfe")
		for _, unit := range utf16.Encode([]rune(string(of))) {
			kinds[name] = binary.LittleEndian.AppendUint16(kinds[name], unit)
		}
	}
	for name, content := range kinds {
		for packing, packed := range map[string][]byte{"plain": content, "gzip": gzipOf(t, content), "zstd": zstdOf(t, content)} {
			dir := t.TempDir()
			s := serveDir(t, filepath.Join(dir, "data"))
			env := map[string]string{"RESIDUAL_SERVER": s.URL(), "RESIDUAL_BATCH_BYTES": "3KiB"}
			r := runWith(t, env, string(packed), "ingest", "-")
			require.Equal(t, exitOK, r.code, "%s %s: %s", name, packing, r.err)
			require.Contains(t, r.out, "50 rows stored, 0 quarantined")
			require.NotContains(t, r.out, " 1 requests", "%s %s goes in batches", name, packing)
			r = runWith(t, env, "", "ingest", write(t, dir, "file", packed))
			require.Equal(t, exitOK, r.code, "%s %s: %s", name, packing, r.err)
			require.Contains(t, r.out, "50 rows sent: 0 stored, ")
			require.Equal(t, rows, countRows(t, s.URL()), "%s %s", name, packing)
		}
	}
}

// TestIngestOfTheUnknown sends what is of no kind: one error, and nothing in the quarantine.
func TestIngestOfTheUnknown(t *testing.T) {
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"))
	for _, content := range []string{"\x89PNG\r\n\x1a\n", "x,y\n1,2\n", "<html>\n"} {
		r := runWith(t, nil, content, "ingest", "--server", s.URL(), "-")
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, "neither NDJSON, a JSON array, CSV with a header, nor Parquet: it begins with ")
		require.NotContains(t, r.err, "again to complete")
	}
	for name, refused := range map[string]struct{ content, want string }{
		"rows.xlsx": {"PK\x03\x04", "rows.xlsx: the file is a ZIP archive or an Excel workbook: save its sheet as CSV; 0 rows stored"},
		"rows.csv":  {"when,who\nnow,m\n", "rows.csv: the first line of the file is a header that names no column of the data source: it has 'when', 'who'; the columns are timestamp, "},
		"rows":      {"PAR1", "rows: the Parquet file is broken: it is too short to be one; 0 rows stored"},
		"two.csv":   {"model_id,Model ID\na,b\n", "two.csv: the file has the column model_id twice, as 'model_id' and 'Model ID'; drop one; 0 rows stored"},
	} {
		r := run(t, "ingest", "--server", s.URL(), write(t, dir, name, []byte(refused.content)))
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, refused.want)
		require.NotContains(t, r.err, "again to complete")
	}
	r := runWith(t, nil, "[{\"a\":1},", "ingest", "--server", s.URL(), "-")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "begins as a JSON array and does not end as one")
	file := parquetOf(t, []map[string]any{{"predicted_value": 1.0}})
	copy(file[4:], "nonsense") // in its first page
	r = runWith(t, nil, string(file), "ingest", "--server", s.URL(), "-")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "of the Parquet file cannot be read: the header of a page is broken")
	require.NotContains(t, r.err, "again to complete")
	require.Equal(t, "no rows\n", run(t, "query", "quarantine", "--server", s.URL()).out)

	r = runWith(t, nil, "x,y\n", "ingest", "--server", s.URL(), "--format", "ndjson", "-")
	require.Contains(t, r.out, "0 rows stored, 1 quarantined", "what is said counts")
}

func gzipOf(t *testing.T, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.Bytes()
}

func zstdOf(t *testing.T, content []byte) []byte {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, encoder.Close()) }()
	return encoder.EncodeAll(content, nil)
}

var eventColumns = []string{
	"timestamp", "model_id", "prediction_id", "features", "predicted_value", "actual_value", "model_version", "environment",
}

func csvOf(t *testing.T, events []map[string]any, delimiter rune) []byte {
	t.Helper()
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Comma = delimiter
	require.NoError(t, w.Write(eventColumns))
	for _, e := range events {
		record := make([]string, len(eventColumns))
		for i, column := range eventColumns {
			if e[column] != nil {
				record[i] = fmt.Sprint(e[column])
			}
		}
		require.NoError(t, w.Write(record))
	}
	w.Flush()
	require.NoError(t, w.Error())
	return out.Bytes()
}

func parquetOf(t *testing.T, events []map[string]any) []byte {
	t.Helper()
	type row struct {
		Timestamp      string   `parquet:"timestamp"`
		ModelID        string   `parquet:"model_id"`
		PredictionID   string   `parquet:"prediction_id"`
		Features       string   `parquet:"features"`
		PredictedValue float64  `parquet:"predicted_value"`
		ActualValue    *float64 `parquet:"actual_value,optional"`
		ModelVersion   string   `parquet:"model_version"`
		Environment    string   `parquet:"environment"`
	}
	text := func(e map[string]any, column string) string { return fmt.Sprint(e[column]) }
	var rows []row
	for _, e := range events {
		r := row{
			text(e, "timestamp"), text(e, "model_id"), text(e, "prediction_id"), text(e, "features"), e["predicted_value"].(float64), nil,
			text(e, "model_version"), text(e, "environment"),
		}
		if actual, ok := e["actual_value"].(float64); ok {
			r.ActualValue = &actual
		}
		rows = append(rows, r)
	}
	var out bytes.Buffer
	require.NoError(t, parquet.Write(&out, rows, parquet.MaxRowsPerRowGroup(7)))
	return out.Bytes()
}
