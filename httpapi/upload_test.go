package httpapi_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/workload"
)

const upload = "/v0/datasources?name=ml_model_predictions&mode=append"

// sent uploads a file and returns the batch that it became.
func sent(t *testing.T, target string, file []byte, headers ...string) *event.Batch {
	t.Helper()
	server := start(t, httpapi.Options{})
	resp, body := server.do(t, "POST", target, bytes.NewReader(file), headers...)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	require.Len(t, server.store.batches, 1)
	batch := &server.store.batches[0]
	require.Equal(t, fmt.Sprintf("{\"successful_rows\":%d,\"quarantined_rows\":%d}\n", batch.Len(), len(batch.Rejects)), body)
	return batch
}

func TestCSVFiles(t *testing.T) {
	batch := sent(t, upload+"&format=csv", []byte(csvFile))
	require.Equal(t, 2, batch.Len())
	require.Equal(t, event.Event{
		Timestamp: time.Date(2025, 4, 26, 17, 55, 44, 0, time.UTC), ModelID: "m", PredictionID: "p1", Features: `{"a": 1}`,
		PredictedValue: 1.5, ActualValue: 2, HasActual: true, ModelVersion: "v1", Environment: "production",
	}, batch.Event(0))
	require.Equal(t, -1000.0, batch.Event(1).PredictedValue)
	require.False(t, batch.Event(1).HasActual)
	var reasons []string
	for i := range batch.Rejects {
		reasons = append(reasons, fmt.Sprintf("%d %s: %s", batch.Rejects[i].Line, batch.Rejects[i].Column, batch.Rejects[i].Reason))
	}
	require.Equal(t, []string{
		"2 prediction_id: holds a control character", "3 predicted_value: must be a number, not a string", "4 : no row of the file's columns; the line says why",
	}, reasons)
	require.Equal(t, event.CodeSyntax, batch.Rejects[2].Code)
	require.Regexp(t, "^\\d+ fields where there are 8 columns: ", string(batch.Rejects[2].Raw))

	without := strings.SplitN(csvFile, "\n", 2)[1]
	require.Equal(t, 2, sent(t, upload, []byte(without)).Len(), "without a header, and csv is the default")
	tabs := strings.ReplaceAll(strings.ReplaceAll(csvFile, `,""`, ";"), ",", "\t")
	require.Equal(t, 2, sent(t, upload+"&dialect_delimiter=%09", []byte(tabs)).Len())
	reordered := "environment,model_version,actual_value,predicted_value,features,prediction_id,model_id,timestamp,more\r\n" +
		"e,v,,1,{},p,m,2025-04-26T17:55:44Z,x\r\n"
	require.Equal(t, "e", sent(t, upload, []byte(reordered)).Event(0).Environment)
	broken := "2025-04-26 17:55:44,m,\"p\"x,{},1,2,v1,production\n2025-04-26 17:55:44,m,p,{},1,2,v1,production\n"
	batch = sent(t, upload, []byte(broken))
	require.Equal(t, 1, batch.Len(), "a broken record costs no other one")
	require.Len(t, batch.Rejects, 1)
	require.Equal(t, event.CodeUTF8, sent(t, upload, []byte("2025-04-26 17:55:44,m\xff,p,{},1,2,v1,production\n")).Rejects[0].Code)
	require.Equal(t, 0, sent(t, upload, nil).Len())
}

// TestFilesOfActuals sends the same rows in each format. Where a file of CSV or Parquet has no actual, nobody knows it yet:
// only JSON withdraws.
func TestFilesOfActuals(t *testing.T) {
	const target = "/v0/datasources?name=ml_model_actuals&format="
	seen := time.Date(2025, 4, 26, 17, 55, 44, 0, time.UTC)
	want := []event.Actual{
		{ModelID: "m", PredictionID: "a", Value: 1.5},
		{ModelID: "m", PredictionID: "b", Value: 2, Observed: seen, ModelVersion: "v1", Environment: "production"},
		{ModelID: "m", PredictionID: "c", Value: 3, Environment: "staging"},
	}
	sent := func(format string, file []byte, want []event.Actual, rejects ...string) {
		t.Helper()
		store := &actualsStore{fakeStore: newFakeStore()}
		server := startWith(t, store, httpapi.Options{})
		resp, body := server.do(t, "POST", target+format, bytes.NewReader(file))
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.Len(t, store.got, 1)
		got := store.got[0]
		require.Equal(t, len(want), got.Len(), body)
		for i := range want {
			require.Equal(t, want[i], got.Actual(i))
		}
		var reasons []string
		for i := range got.Rejects {
			reasons = append(reasons, got.Rejects[i].Column+": "+got.Rejects[i].Reason)
		}
		require.Equal(t, rejects, reasons)
	}
	const unsaid = "actual_value: missing (null in JSON withdraws the actual)"
	sent("csv", []byte("m,a,1.5\nm,b,2,2025-04-26 17:55:44,v1,production\nm,c,3,,,staging\nm,d,\nm,e,\\N,,,\nm,f\n"), want, unsaid, unsaid, unsaid)
	sent("csv", []byte("environment,actual_value,model_version,prediction_id,model_id,timestamp\n"+
		",1.5,,a,m,\nproduction,2,v1,b,m,2025-04-26T17:55:44Z\nstaging,3,,c,m,\n,,,d,m,\n"), want, unsaid)
	withdrawn := event.Actual{ModelID: "m", PredictionID: "d", Withdrawn: true}
	sent("ndjson", []byte(`{"model_id":"m","prediction_id":"a","actual_value":1.5}
{"model_id":"m","prediction_id":"b","actual_value":2,"timestamp":"2025-04-26 17:55:44","model_version":"v1","environment":"production"}
{"model_id":"m","prediction_id":"c","actual_value":3,"environment":"staging","model_version":null}
{"model_id":"m","prediction_id":"d","actual_value":null}
{"model_id":"m","prediction_id":"e"}`), append(want[:3:3], withdrawn), unsaid)

	type row struct {
		Model       string     `parquet:"model_id"`
		ID          string     `parquet:"prediction_id"`
		Actual      *float64   `parquet:"actual_value,optional"`
		Timestamp   *time.Time `parquet:"timestamp,optional,timestamp(millisecond)"`
		Version     *string    `parquet:"model_version,optional"`
		Environment *string    `parquet:"environment,optional"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	_, err := w.Write([]row{
		{Model: "m", ID: "a", Actual: new(1.5)},
		{Model: "m", ID: "b", Actual: new(2.0), Timestamp: &seen, Version: new("v1"), Environment: new("production")},
		{Model: "m", ID: "c", Actual: new(3.0), Environment: new("staging")},
		{Model: "m", ID: "d"},
	})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	sent("parquet", b.Bytes(), want, unsaid)
}

func TestCompressedFiles(t *testing.T) {
	require.Equal(t, 2, sent(t, upload, gzipped(t, text(csvFile))).Len(), "a file that is gzipped")
	require.Equal(t, 2, sent(t, upload, gzipped(t, text(csvFile)), "Content-Encoding", "gzip").Len(), "a body that is gzipped")
	twice := gzipped(t, text(string(gzipped(t, text(csvFile)))))
	require.Equal(t, 2, sent(t, upload, twice, "Content-Encoding", "gzip").Len(), "both")
	server := start(t, httpapi.Options{})
	resp, body := server.do(t, "POST", upload+"&format=ndjson", bytes.NewReader(gzipped(t, zeros(8<<20))))
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode, body)
}

func TestForms(t *testing.T) {
	form := func(field, name, content string) ([]byte, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		require.NoError(t, w.WriteField("mode", "append"))
		part, err := w.CreateFormFile(field, name)
		require.NoError(t, err)
		_, err = io.WriteString(part, content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.Bytes(), w.FormDataContentType()
	}
	for _, c := range []struct{ name, content string }{
		{"rows.csv", csvFile},
		{"rows", csvFile},
		{"rows.CSV.gz", string(gzipped(t, text(csvFile)))},
		{"rows.ndjson", workload.TutorialLines},
		{"rows.jsonl.gz", string(gzipped(t, text(workload.TutorialLines)))},
	} {
		body, contentType := form("csv", c.name, c.content)
		require.Equal(t, 2, sent(t, upload, body, "Content-Type", contentType).Len(), c.name)
		require.Equal(t, 2, sent(t, upload, gzipped(t, text(string(body))), "Content-Type", contentType, "Content-Encoding", "gzip").Len(), c.name)
	}
}

// parquetEvent is a row of a Parquet file as programs write them.
type parquetEvent struct {
	Timestamp      time.Time `parquet:"timestamp,timestamp(microsecond)"`
	ModelID        string    `parquet:"model_id,dict"`
	PredictionID   string    `parquet:"prediction_id"`
	Features       string    `parquet:"features,plain"`
	PredictedValue float32   `parquet:"predicted_value"`
	ActualValue    *float64  `parquet:"actual_value,optional"`
	ModelVersion   string    `parquet:"model_version,dict"`
	Environment    string    `parquet:"environment,dict"`
	Extra          int64     `parquet:"extra,delta"`
}

func parquetFile(t *testing.T, n int, opts ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetEvent](&b, opts...)
	for i := range n {
		row := parquetEvent{
			Timestamp: time.Date(2025, 4, 26, 0, 0, i, 123456000, time.UTC), ModelID: "m", PredictionID: fmt.Sprint("p", i), Features: `{"a":"é"}`,
			PredictedValue: 0.5, ModelVersion: "v", Environment: "production", Extra: int64(i),
		}
		if i%3 == 0 {
			actual := float64(i)
			row.ActualValue = &actual
		}
		_, err := w.Write([]parquetEvent{row})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestParquetFiles(t *testing.T) {
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		for _, version := range []int{1, 2} {
			file := parquetFile(t, 1000, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.MaxRowsPerRowGroup(300), parquet.PageBufferSize(512))
			batch := sent(t, upload+"&format=parquet", file)
			require.Equal(t, 1000, batch.Len(), "%s, version %d: %v", codec, version, batch.Rejects)
			for i := range batch.Len() {
				e := batch.Event(i)
				require.Equal(t, event.Event{
					Timestamp: time.Date(2025, 4, 26, 0, 0, i, 123e6, time.UTC), ModelID: "m", PredictionID: fmt.Sprint("p", i), Features: `{"a":"é"}`,
					PredictedValue: 0.5, ActualValue: e.ActualValue, HasActual: i%3 == 0, ModelVersion: "v", Environment: "production",
				}, e)
			}
		}
	}
	require.Equal(t, 0, sent(t, upload+"&format=parquet", parquetFile(t, 0)).Len())
}

// TestParquetThatNeverFits sends a file that takes, with its rows, more than may be in flight: that is no matter of the
// moment.
func TestParquetThatNeverFits(t *testing.T) {
	file := parquetFile(t, 20_000, parquet.Compression(&parquet.Zstd))
	server := start(t, httpapi.Options{Limits: httpapi.Limits{BodyBytesMax: 2 << 20, InFlightBytesMax: 2 << 20}})
	resp, answer := server.do(t, "POST", upload+"&format=parquet", bytes.NewReader(file))
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode, answer)
	require.Contains(t, errorText(t, answer), "send it in parts")
	require.Zero(t, scrape(t, server)["residual_http_body_bytes"])
}

// TestParquetRefused holds what is wrong with a file to the answer that says so.
func TestParquetRefused(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{BodyBytesMax: 1 << 10}})
	f := func(status int, want string, write func(io.Writer) error) {
		t.Helper()
		var file bytes.Buffer
		require.NoError(t, write(&file))
		resp, body := server.do(t, "POST", upload+"&format=parquet", &file)
		require.Equal(t, status, resp.StatusCode, body)
		require.Equal(t, want, errorText(t, body))
	}
	f(http.StatusBadRequest, "the Parquet file is broken: it is too short to be one", func(w io.Writer) error {
		_, err := io.WriteString(w, "PAR1")
		return err
	})
	f(http.StatusBadRequest, "the column 'model_id' of the Parquet file is a list; a text is needed", func(w io.Writer) error {
		return parquet.Write(w, []struct {
			A []int64 `parquet:"model_id,list"`
		}{{}})
	})
	f(http.StatusBadRequest, "the Parquet file has no column of the data source: it has 'a'; the columns are timestamp, model_id, "+
		"prediction_id, features, predicted_value, actual_value, model_version, environment", func(w io.Writer) error {
		return parquet.Write(w, []struct {
			A []int64 `parquet:"a"`
		}{{}})
	})
	f(http.StatusRequestEntityTooLarge, "the Parquet file has 17 rows; 16 are allowed", func(w io.Writer) error {
		return parquet.Write(w, make([]struct {
			A int64 `parquet:"predicted_value"`
		}, 17))
	})
}

// TestParquetAnswers reads an answer back.
func TestParquetAnswers(t *testing.T) {
	server := start(t, httpapi.Options{})
	resp, body := server.do(t, "GET", "/v0/pipes/model_performance_metrics.parquet", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "application/vnd.apache.parquet", resp.Header.Get("Content-Type"))
	file, err := parquet.OpenFile(strings.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	var names []string
	for _, column := range file.Root().Columns() {
		names = append(names, column.Name())
	}
	require.Equal(t, []string{"model_id", "model_version", "environment", "prediction_count", "rmse", "mae", "period_start", "period_end"}, names)
	type row struct {
		Model       string    `parquet:"model_id"`
		Count       uint64    `parquet:"prediction_count"`
		RMSE        float64   `parquet:"rmse"`
		PeriodStart time.Time `parquet:"period_start,timestamp(millisecond)"`
	}
	rows, err := parquet.Read[row](strings.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	require.Len(t, rows, len(metricsRows))
	for i := range rows {
		want := metricsRows[i]
		require.Equal(t, row{want.Model, want.PredictionCount, want.RMSE, time.Unix(max(want.PeriodStart.Unix(), 0), 0).UTC()},
			row{rows[i].Model, rows[i].Count, rows[i].RMSE, rows[i].PeriodStart.UTC()})
	}
	for _, target := range []string{"/v0/pipes/quarantine.parquet", "/v0/pipes/model_drift_detection.parquet", "/v0/pipes/model_drift_detection.parquet?model_id=absent"} {
		resp, body := server.do(t, "GET", target, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		file, err := parquet.OpenFile(strings.NewReader(body), int64(len(body)))
		require.NoError(t, err, target)
		require.Equal(t, !strings.Contains(target, "absent"), file.NumRows() > 0)
	}
}
