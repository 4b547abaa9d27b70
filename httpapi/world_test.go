package httpapi_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
)

// TestFilesAsTheWorldWritesThem uploads files that spreadsheets and libraries wrote, as curl does, and holds each to its rows.
func TestFilesAsTheWorldWritesThem(t *testing.T) {
	f := func(name string, rejected int, want ...string) {
		t.Helper()
		content, err := os.ReadFile(filepath.Join("testdata", "files", name))
		require.NoError(t, err)
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, err := w.CreateFormFile("file", name)
		require.NoError(t, err)
		_, err = part.Write(content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		store := newFakeStore()
		server := startWith(t, laterStore{store}, httpapi.Options{})
		resp, body := server.do(t, "POST", upload, &form, "Content-Type", w.FormDataContentType())
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", name, body)
		require.Len(t, store.batches, 1)
		batch := &store.batches[0]
		var got []string
		for i := range batch.Len() {
			e := batch.Event(i)
			actual := "?"
			if e.HasActual {
				actual = fmt.Sprint(e.ActualValue)
			}
			got = append(got, fmt.Sprintf("%s %s/%s/%s %s %v %s %s", e.Timestamp.Format("02 15:04:05"), e.ModelID, e.ModelVersion, e.Environment, e.PredictionID, e.PredictedValue, actual, e.Features))
		}
		require.Equal(t, want, got, name)
		require.Len(t, batch.Rejects, rejected, name)
	}
	f("upper_swapped.csv", 0, "29 10:00:00 upsw/v1/production u-0 90 100 {}", "29 10:01:00 upsw/v1/production u-1 90 100 {}")
	f("crc.csv", 0, `29 10:00:00 crc/3/production crc-0 10 10.5 {"sqft": 50}`, `29 10:00:00 crc/3/production crc-1 10 10.5 {"sqft": 50}`)
	f("excel_two_empty.csv", 0, "29 10:00:00 excel2/v1/production u-0 100 90 {}")
	f("spaces_and_signs.csv", 0, "29 10:00:00 spacenum/3/production s-0 10 10.5 {}", "29 10:00:00 spacenum/3/production s-1 10 10.5 {}",
		"29 10:00:00 spacenum/3/production s-2 0.5 10.5 {}")
	three := func(model string) []string {
		return []string{
			"29 10:00:00 " + model + "/3/production " + model + `-0 10 10.5 {"sqft": 50}`, "29 10:01:00 " + model + "/3/production " + model + `-1 11 ? {"sqft": 51}`,
			"29 10:02:00 " + model + "/3/production " + model + `-2 12 12.25 {"sqft": 52}`,
		}
	}
	f("binignored.parquet", 0, three("binignored")...)
	f("brotli.parquet", 0, three("brotli")...)
	f("df.parquet.gzip", 0, three("plain")...)
	f("polarsnan.parquet", 0, three("polarsnan")...)
	f("empty_one_group.parquet", 0)
	f("f16.parquet", 0, strings.Replace(three("f16")[0], " 10 ", " 10.5 ", 1), three("f16")[1], three("f16")[2])
	var structs []string
	for i, row := range three("structfeat") {
		structs = append(structs, strings.Replace(row, fmt.Sprintf(`{"sqft": 5%d}`, i), `{"sqft":50,"rooms":2}`, 1))
	}
	f("structfeat.parquet", 0, structs...)
	var padded []string
	for i, actual := range []string{"10.5", "?", "12.25", "?", "?", "15"} {
		padded = append(padded, fmt.Sprintf(`29 10:0%d:00 f96ns/3/production f96ns-%s%d %d %s {"sqft": %d}`, i, strings.Repeat("x", 3*i), i, 10+i, actual, 50+i))
	}
	f("f96ns.parquet", 0, padded...)
	files, err := os.ReadDir(filepath.Join("testdata", "files"))
	require.NoError(t, err)
	require.Len(t, files, 13, "each file has its rows here")
	f("events.json", 0, "29 10:00:00 jsonarr/3/production jsonarr-0 10 10.5 {}", "29 10:00:00 jsonarr/3/production jsonarr-1 10 10.5 {}")
}

// laterStore takes events of 2026.
type laterStore struct{ *fakeStore }

func (laterStore) Rules() event.Rules {
	return event.Rules{Newest: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()}
}

// TestFilesThatAreNone sends what is no file of rows: nothing is stored, and the answer says why.
func TestFilesThatAreNone(t *testing.T) {
	server := start(t, httpapi.Options{})
	f := func(target, body, want string) {
		t.Helper()
		resp, got := server.do(t, "POST", target, strings.NewReader(body))
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, got)
		require.Equal(t, want, errorText(t, got))
	}
	f(upload, "PK\x03\x04", "the file is a ZIP archive or an Excel workbook: save its sheet as CSV")
	f(upload, "when,who\nnow,m\n", "the first line of the file is a header that names no column of the data source: it has 'when', 'who'; "+
		"the columns are timestamp, model_id, prediction_id, features, predicted_value, actual_value, model_version, environment")
	f(upload+"&format=xlsx", "x", "the parameter format is 'xlsx'; ndjson, json, csv and parquet are allowed")
	f(events, string(gzipped(t, text(goodLine))), "the body is compressed: send it with Content-Encoding: gzip")
	f(events, "\xff\xfe{\x00", "the body is UTF-16: send UTF-8, or send it as a file to /v0/datasources")
	f(events, "PAR1\x15\x04\n", "the body is a Parquet file: send it to /v0/datasources")
	f(events+"&format=json", "BZh91AY", "the file is compressed with bzip2: gzip and zstd are read")
	require.Empty(t, server.store.batches)
}

// TestZstdFiles sends a file that is compressed with zstd, and lines in UTF-16.
func TestZstdFiles(t *testing.T) {
	require.Equal(t, 2, sent(t, upload, zstded(t, text(csvFile))).Len())
	var wide []byte
	for i := range len(goodLine) {
		wide = append(wide, goodLine[i], 0)
	}
	require.Equal(t, 1, sent(t, upload, append([]byte("\xff\xfe"), wide...)).Len())
}
