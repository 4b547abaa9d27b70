package rowfile_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/rowfile"
)

// mapping has paths of one name and of several, an epoch, a default, and a name with capitals.
var mapping = event.Mapping{Columns: []event.MappedColumn{
	{Name: "timestamp", Path: []string{"ts"}, Unit: time.Millisecond},
	{Name: "model_id", Path: []string{"model", "name"}},
	{Name: "model_version", Path: []string{"model", "version"}, Default: "v1", HasDefault: true},
	{Name: "prediction_id", Path: []string{"requestId"}, Integer: true},
	{Name: "features", Path: []string{"inputs"}},
	{Name: "predicted_value", Path: []string{"score"}},
	{Name: "environment", Path: []string{"env"}, Default: "prod", HasDefault: true},
}}

// TestMapped decodes the rows of files by a mapping.
func TestMapped(t *testing.T) {
	t.Parallel()
	decoder, err := event.NewMappedDecoder(&mapping)
	require.NoError(t, err)
	f := func(rows io.Reader, err error) {
		t.Helper()
		require.NoError(t, err)
		text, err := io.ReadAll(rows)
		require.NoError(t, err)
		var b event.Batch
		require.NoError(t, decoder.Decode(&b, text, event.NDJSON, event.Rules{}))
		require.Empty(t, b.Rejects, "%s", text)
		require.Equal(t, 1, b.Len())
		require.Equal(t, event.Event{
			Timestamp: time.UnixMilli(1764000000123).UTC(), ModelID: "m", ModelVersion: "v7", PredictionID: "42", Features: `{"a":1}`,
			PredictedValue: 0.5, Environment: "prod",
		}, b.Event(0), "%s", text)
	}
	columns := rowfile.Mapped(&mapping)
	f(rowfile.CSV(strings.NewReader("score,TS,model,requestid,inputs,env,junk\n.5,1764000000123,\"{\"\"name\"\":\"\"m\"\",\n \"\"version\"\":\"\"v7\"\"}\",42,\"{\"\"a\"\":1}\",,x\n"), columns, 0), nil)
	f(rowfile.CSV(strings.NewReader("score,ts,model,requestId,inputs\n.5,2025-11-24 16:00:00.123,\"{\"\"name\"\":\"\"m\"\",\"\"version\"\":\"\"v7\"\"}\",42,\"{\"\"a\"\":1}\"\n"), columns, 0), nil)

	type model struct {
		Name    string `parquet:"name"`
		Version string `parquet:"version"`
	}
	type row struct {
		Score  float32  `parquet:"score"`
		TS     int64    `parquet:"ts"`
		Model  model    `parquet:"model"`
		ID     int32    `parquet:"requestId"`
		Inputs string   `parquet:"inputs"`
		Env    *string  `parquet:"env,optional"`
		Junk   []string `parquet:"junk"`
	}
	var file bytes.Buffer
	w := parquet.NewGenericWriter[row](&file)
	_, err = w.Write([]row{{Score: .5, TS: 1764000000123, Model: model{"m", "v7"}, ID: 42, Inputs: `{"a":1}`}})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	f(rowfile.ParquetFile(bytes.NewReader(file.Bytes()), int64(file.Len()), columns, 1<<20))
}
