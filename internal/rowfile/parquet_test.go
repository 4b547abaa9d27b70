package rowfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/rowfile"
)

// written is a file of rows.
func written[T any](tb testing.TB, rows []T, opts ...parquet.WriterOption) []byte {
	tb.Helper()
	var file bytes.Buffer
	w := parquet.NewGenericWriter[T](&file, opts...)
	_, err := w.Write(rows)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return file.Bytes()
}

func linesOf(file []byte) (string, error) {
	rows, err := rowfile.Parquet(bytes.NewReader(file), rowfile.Predictions(), 8<<20)
	if err != nil {
		return "", err
	}
	lines, err := io.ReadAll(rows)
	return string(lines), err
}

func requireLines(t *testing.T, want, got string) {
	t.Helper()
	require.Equal(t, want, got)
}

type item struct {
	K int64   `parquet:"k"`
	S *string `parquet:"s,optional"`
}

type features struct {
	Rooms  *int64           `parquet:"rooms,optional"`
	Ratio  float32          `parquet:"ratio"`
	Double float64          `parquet:"double"`
	Vector []float64        `parquet:"vector,list"`
	Plain  []string         `parquet:"plain"`
	Items  []item           `parquet:"items,list"`
	Counts map[string]int64 `parquet:"counts"`
	Nested *item            `parquet:"nested,optional"`
	At     time.Time        `parquet:"at,timestamp(millisecond)"`
	Raw    []byte           `parquet:"raw"`
	Price  int64            `parquet:"price,decimal(2:10)"`
	Flag   bool             `parquet:"flag"`
}

// TestDocuments reads features that are a struct, a map or a list: the JSON that they are, through nulls, empty lists and lists of
// structs.
func TestDocuments(t *testing.T) {
	type row struct {
		ID       string    `parquet:"prediction_id"`
		Features *features `parquet:"features,optional"`
		Other    []item    `parquet:"other,list"`
	}
	at := time.Date(2026, 11, 29, 10, 0, 0, 5e6, time.UTC)
	rows := []row{
		{ID: "a", Features: &features{
			Rooms: new(int64(3)), Ratio: 0.1, Double: 1e300, Vector: []float64{1, math.NaN()}, Plain: []string{"x", `"`},
			Items: []item{{K: 1}, {K: 2, S: new("two")}}, Counts: map[string]int64{"n": 7}, Nested: &item{K: 5}, At: at, Raw: []byte{0xff, 0}, Price: 1234, Flag: true,
		}},
		{ID: "b", Other: []item{{}, {}}},
		{ID: "c", Features: &features{Double: math.Inf(-1), At: at, Raw: []byte("text")}},
	}
	want := `{"prediction_id":"a","features":{"rooms":3,"ratio":0.1,"double":1e+300,"vector":[1,null],"plain":["x","\""],"items":[{"k":1,"s":null},{"k":2,"s":"two"}],` +
		`"counts":{"n":7},"nested":{"k":5,"s":null},"at":"2026-11-29T10:00:00.005Z","raw":"/wA=","price":1234e-2,"flag":true}}` + "\n" +
		`{"prediction_id":"b","features":null}` + "\n" +
		`{"prediction_id":"c","features":{"rooms":null,"ratio":0,"double":null,"vector":[],"plain":[],"items":[],"counts":{},"nested":null,` +
		`"at":"2026-11-29T10:00:00.005Z","raw":"text","price":0e-2,"flag":false}}` + "\n"
	for version := 1; version <= 2; version++ {
		lines, err := linesOf(written(t, rows, parquet.DataPageVersion(version)))
		require.NoError(t, err)
		require.Equal(t, want, lines)
		for line := range strings.Lines(lines) {
			require.True(t, json.Valid([]byte(line)), line)
		}
	}
	type listed struct {
		ID       string    `parquet:"prediction_id"`
		Features []float64 `parquet:"features,list"`
	}
	lines, err := linesOf(written(t, []listed{{"a", []float64{1, 2.5}}, {"b", nil}}))
	require.NoError(t, err)
	requireLines(t, `{"prediction_id":"a","features":"[1,2.5]"}`+"\n"+`{"prediction_id":"b","features":"[]"}`+"\n", lines)
	type mapped struct {
		Features map[int64]string `parquet:"features"`
	}
	lines, err = linesOf(written(t, []mapped{{map[int64]string{7: "x"}}, {}}))
	require.NoError(t, err)
	requireLines(t, `{"features":{"7":"x"}}`+"\n"+`{"features":{}}`+"\n", lines)
}

// TestParquetCells reads values that are not what their column takes, or that say so in another way.
func TestParquetCells(t *testing.T) {
	type row struct {
		Time      int32   `parquet:"Timestamp ,date"`
		Model     int64   `parquet:"MODEL_ID"`
		ID        uint32  `parquet:"prediction_id"`
		Features  []byte  `parquet:"features"`
		Predicted float64 `parquet:"predicted_value"`
		Actual    float32 `parquet:"actual_value"`
		Version   float64 `parquet:"model_version"`
		Blob      []byte  `parquet:"blob"`
	}
	nan := math.NaN()
	lines, err := linesOf(written(t, []row{
		{20_000, -5, math.MaxUint32, []byte(`{}`), 1.5, float32(nan), 3, []byte{0xff}},
		{20_000, 5, 0, []byte{0xff}, nan, float32(math.Inf(1)), 3, nil},
		{20_000, 5, 0, nil, math.Inf(-1), 0.1, 3, nil},
	}))
	require.NoError(t, err)
	requireLines(t, `{"timestamp":"2024-10-04 00:00:00.000","model_id":"-5","prediction_id":"4294967295","features":"{}","predicted_value":1.5,"actual_value":null,"model_version":3}`+"\n"+
		`{"timestamp":"2024-10-04 00:00:00.000","model_id":"5","prediction_id":"0","features":"`+"\xff"+`","predicted_value":NaN,"actual_value":Infinity,"model_version":3}`+"\n"+
		`{"timestamp":"2024-10-04 00:00:00.000","model_id":"5","prediction_id":"0","features":"","predicted_value":-Infinity,"actual_value":0.10000000149011612,"model_version":3}`+"\n", lines)
	type actual struct {
		Actual *float64 `parquet:"actual_value,optional"`
		Model  string   `parquet:"model_id"`
	}
	rows, err := rowfile.Parquet(bytes.NewReader(written(t, []actual{{&nan, "a"}, {nil, "b"}, {new(2.0), "c"}})), rowfile.Actuals(), 1<<20)
	require.NoError(t, err)
	text, err := io.ReadAll(rows)
	require.NoError(t, err)
	requireLines(t, `{"model_id":"a"}`+"\n"+`{"model_id":"b"}`+"\n"+`{"actual_value":2,"model_id":"c"}`+"\n", string(text))
}

// TestParquetRefused sends files beyond the limits, and columns that are no cells.
func TestParquetRefused(t *testing.T) {
	f := func(file []byte, tooLarge bool, want string) {
		t.Helper()
		_, err := linesOf(file)
		var e *rowfile.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, tooLarge, e.TooLarge)
		require.Contains(t, e.Text, want)
	}
	type number struct {
		A int64 `parquet:"predicted_value"`
	}
	f(written(t, make([]number, 131_073)), true, "the Parquet file has 131073 rows; 131072 are allowed")
	type text struct {
		A string `parquet:"model_id,plain,snappy"`
	}
	f(written(t, []text{{strings.Repeat("x", 9<<20)}}), true, "the Parquet file has pages of more than 8388608 bytes once decompressed")
	type nested struct {
		A struct{ B int64 } `parquet:"actual_value"`
	}
	f(written(t, make([]nested, 1)), false, "the column 'actual_value' of the Parquet file is a struct; a number is needed")
	type mapped struct {
		A map[string]string `parquet:"timestamp"`
	}
	f(written(t, make([]mapped, 1)), false, "the column 'timestamp' of the Parquet file is a map; a timestamp is needed")
	type twice struct {
		A int64 `parquet:"actual_value"`
		B int64 `parquet:"Actual Value"`
	}
	f(written(t, make([]twice, 1)), false, "the file has the column actual_value twice, as 'actual_value' and 'Actual Value'; drop one")
	type none struct {
		A int64 `parquet:"a\x1b]0;x"`
	}
	f(written(t, make([]none, 1)), false, `the Parquet file has no column of the data source: it has 'a\x1b]0;x'; the columns are timestamp`)
	good := written(t, make([]number, 3), parquet.Compression(&parquet.Snappy))
	f(bytes.Replace(good, []byte{0x15, 0x02, 0x19}, []byte{0x15, 0x06, 0x19}, 1)[:len(good)-1], false, "it is cut off")
}

// TestParquetFileIsStreamed reads a file of several pages and row groups in less memory than it takes.
func TestParquetFileIsStreamed(t *testing.T) {
	const rows = 300_000
	type row struct {
		ID        string  `parquet:"prediction_id,plain"`
		Predicted float64 `parquet:"predicted_value,plain"`
	}
	var file bytes.Buffer
	w := parquet.NewGenericWriter[row](&file, parquet.Compression(&parquet.Uncompressed), parquet.PageBufferSize(64<<10), parquet.MaxRowsPerRowGroup(100_000))
	batch := make([]row, 1000)
	for n := 0; n < rows; n += len(batch) {
		for i := range batch {
			batch[i] = row{fmt.Sprintf("%060d", n+i), float64(n + i)}
		}
		_, err := w.Write(batch)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.Greater(t, file.Len(), 16<<20)
	lines, err := rowfile.ParquetFile(bytes.NewReader(file.Bytes()), int64(file.Len()), rowfile.Predictions(), 1<<20)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.Copy(io.Discard, lines)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Greater(t, n, int64(rows*100))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20))
}

// FuzzParquetRows holds the reader of rows to lines, or an Error, in bounded memory.
func FuzzParquetRows(f *testing.F) {
	type row struct {
		Model    string   `parquet:"model_id,dict"`
		Value    *float64 `parquet:"actual_value,optional"`
		Features *item    `parquet:"features,optional"`
	}
	for _, codec := range []parquet.WriterOption{parquet.Compression(&parquet.Uncompressed), parquet.Compression(&parquet.Snappy)} {
		for version := 1; version <= 2; version++ {
			f.Add(written(f, []row{{Model: "a"}, {Model: "b", Value: new(1.0), Features: &item{K: 1}}, {Model: "a", Features: &item{S: new("x")}}}, codec, parquet.DataPageVersion(version)))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := linesOf(file)
		runtime.ReadMemStats(&after)
		var e *rowfile.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("not an Error: %v", err)
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 512<<20 {
			t.Fatalf("%d bytes cost %d", len(file), cost)
		}
	})
}
