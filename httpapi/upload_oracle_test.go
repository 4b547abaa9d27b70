package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
)

var parquetSeed = flag.Uint64("parquet.seed", rand.Uint64(), "seed of TestParquetOracle")

// parquetKind is a way in which programs write a column: a type of Go, the options of its tag, and a value beside the
// JSON that it stands for.
type parquetKind struct {
	goType  reflect.Type
	options string
	next    func(r *rand.Rand) (value any, text string)
}

// kindOf makes a kind of type T.
func kindOf[T any](options string, next func(r *rand.Rand) (T, string)) parquetKind {
	return parquetKind{reflect.TypeFor[T](), options, func(r *rand.Rand) (any, string) {
		value, text := next(r)
		return value, text
	}}
}

// nullable tells whether the library writes such a column with nulls.
func (k parquetKind) nullable() bool {
	return k.goType.Kind() != reflect.Array && k.options != "delta" && k.options != "enum"
}

// integer is a kind of integers with a sign or without, which are themselves.
func integer[T int32 | int64 | uint32 | uint64](options string) parquetKind {
	return kindOf(options, func(r *rand.Rand) (T, string) {
		n := T(r.Uint64() >> r.IntN(64))
		return n, fmt.Sprint(n)
	})
}

// stamps is a kind of timestamps as numbers of a unit, some of them beyond what is taken.
func stamps(options string, unit time.Duration) parquetKind {
	return kindOf(options, func(r *rand.Rand) (int64, string) {
		at := time.Unix(r.Int64N(2_000_000_000)-10_000, r.Int64N(1e9)).UTC().Truncate(unit)
		return at.UnixNano() / int64(unit), jsonOf(at.Format("2006-01-02T15:04:05.999999999Z"))
	})
}

// texts is a kind of strings, some of them no names.
func texts(options string, some ...string) parquetKind {
	return kindOf(options, func(r *rand.Rand) (string, string) {
		text := some[r.IntN(len(some))]
		return text, jsonOf(text)
	})
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

var (
	goodNames = []string{"a", "model_1", "é", "🦜", "../x", strings.Repeat("n", 256), `q"\`}
	names     = append(slices.Repeat(goodNames, 9), strings.Repeat("n", 257), "", "a\x01b")
	timeKinds = []parquetKind{
		stamps("timestamp(millisecond)", time.Millisecond), stamps("timestamp(microsecond)", time.Microsecond),
		stamps("timestamp(nanosecond)", 1), int96Stamps,
		texts("", "2025-04-26 17:55:44.123", "2025-04-26T17:55:44+02:00", "1745690144", "soon"), integer[int64](""),
	}
	nameKinds = []parquetKind{
		texts("", names...), texts("dict", names...), texts("plain", names...), texts("delta", names...), texts("enum", "a", "b"),
		uuids, integer[int64](""),
	}
	valueKinds = []parquetKind{
		integer[int32](""), integer[int64]("delta"), integer[uint32](""), integer[uint64]("dict"),
		doubles(""), doubles("dict"), floats, smallDecimals, largeDecimals, byteDecimals, texts("", "1", "x"), booleans,
	}
	featureKinds = []parquetKind{
		texts("", `{"a": 1}`, `{}`, `[1,2]`, `{"a":`, `{"a":1,"a":2}`, ""), texts("json", `{"b":"é"}`, "1"),
		texts("plain", append(slices.Repeat([]string{"{}"}, 99), strings.Repeat("1", 65_537))...),
	}
)

var booleans = kindOf("", func(r *rand.Rand) (bool, string) {
	b := r.IntN(2) == 0
	return b, strconv.FormatBool(b)
})

var int96Stamps = kindOf("", func(r *rand.Rand) (deprecated.Int96, string) {
	day, nanos := r.Uint32N(25_000), r.Uint64N(86_400e9)
	at := time.Unix(int64(day)*86_400, int64(nanos)).UTC()
	return deprecated.Int96{uint32(nanos), uint32(nanos >> 32), 2_440_588 + day}, jsonOf(at.Format(time.RFC3339Nano))
})

var uuids = kindOf("uuid", func(r *rand.Rand) ([16]byte, string) {
	hi, lo := r.Uint64(), r.Uint64()
	var id [16]byte
	for i := range 8 {
		id[i], id[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	return id, fmt.Sprintf(`"%x-%x-%x-%x-%x"`, id[:4], id[4:6], id[6:8], id[8:10], id[10:])
})

// doubleText is a number as JSON; what is none is none there either, which is rejected.
func doubleText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+") + "inity"
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}

func doubles(options string) parquetKind {
	return kindOf(options, func(r *rand.Rand) (float64, string) {
		f := math.Float64frombits(r.Uint64())
		if r.IntN(2) == 0 {
			f = []float64{
				0, math.Copysign(0, -1), math.Inf(1), math.NaN(), math.SmallestNonzeroFloat64, math.MaxFloat64, 0.1,
			}[r.IntN(7)]
		}
		return f, doubleText(f)
	})
}

var floats = kindOf("split", func(r *rand.Rand) (float32, string) {
	f := math.Float32frombits(r.Uint32())
	return f, doubleText(float64(f))
})

var smallDecimals = kindOf("decimal(2:9)", func(r *rand.Rand) (int32, string) {
	n := r.Int32N(2_000_000_000) - 1_000_000_000
	return n, new(big.Rat).SetFrac64(int64(n), 100).FloatString(2)
})

var largeDecimals = kindOf("decimal(5:18)", func(r *rand.Rand) (int64, string) {
	n := r.Int64N(2e18) - 1e18
	return n, new(big.Rat).SetFrac64(n, 100_000).FloatString(5)
})

var byteDecimals = kindOf("decimal(10:38)", func(r *rand.Rand) ([16]byte, string) {
	var b [16]byte // two's complement, big-endian
	n := int64(r.Uint64()) >> r.IntN(64)
	for i := range b {
		b[i] = byte(n >> min(8*(15-i), 63))
	}
	return b, new(big.Rat).SetFrac64(n, 10_000_000_000).FloatString(10)
})

// parquetColumn is a column of a file.
type parquetColumn struct {
	name string
	kind parquetKind
	// nulls tells that every tenth value or so is none.
	nulls bool
}

// randomColumns returns those of the data source in any order, and one that it does not have.
func randomColumns(r *rand.Rand) (columns []parquetColumn) {
	for _, c := range []struct {
		name  string
		kinds []parquetKind
	}{
		{"timestamp", timeKinds},
		{"model_id", nameKinds},
		{"prediction_id", nameKinds},
		{"features", featureKinds},
		{"predicted_value", valueKinds},
		{"actual_value", valueKinds},
		{"model_version", nameKinds},
		{"environment", nameKinds},
		{"more", valueKinds},
	} {
		// The first kinds of each are the ones that rows are made of; the others come up now and then.
		kind := c.kinds[0]
		if r.IntN(3) == 0 {
			kind = c.kinds[r.IntN(len(c.kinds))]
		}
		columns = append(columns, parquetColumn{c.name, kind, r.IntN(3) == 0 && kind.nullable()})
	}
	r.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	return columns
}

// member is a value as the line has it: a file has NaN where nobody knows the actual, and whole numbers as names.
func member(column parquetColumn, text string) string {
	isName := slices.Contains([]string{"model_id", "prediction_id", "model_version", "environment"}, column.name)
	switch {
	case text == "NaN" && column.name == "actual_value":
		text = "null"
	case isName && text[0] != '"':
		text = jsonOf(text)
	}
	return jsonOf(column.name) + ":" + text
}

// writeParquet writes n rows of the columns in one or more row groups and pages, and returns the file beside the same
// rows as lines.
func writeParquet(t *testing.T, r *rand.Rand, columns []parquetColumn, n int) (file, lines []byte) {
	t.Helper()
	fields := make([]reflect.StructField, len(columns))
	for i, c := range columns {
		field := reflect.StructField{Name: fmt.Sprint("F", i), Type: c.kind.goType}
		tag := c.name
		if c.nulls {
			field.Type = reflect.PointerTo(field.Type)
			tag += ",optional"
		}
		if c.kind.options != "" {
			tag += "," + c.kind.options
		}
		field.Tag = reflect.StructTag(fmt.Sprintf("parquet:%q", tag))
		fields[i] = field
	}
	rowType := reflect.StructOf(fields)
	codecs := []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli, &parquet.Lz4Raw}
	var out bytes.Buffer
	w := parquet.NewWriter(&out, parquet.SchemaOf(reflect.New(rowType).Interface()),
		parquet.Compression(codecs[r.IntN(len(codecs))]), parquet.DataPageVersion(1+r.IntN(2)),
		parquet.MaxRowsPerRowGroup(1+r.Int64N(int64(2*n))), parquet.PageBufferSize(256<<r.IntN(8)))
	for range n {
		row := reflect.New(rowType)
		var members []string
		for i, c := range columns {
			if c.nulls && r.IntN(10) == 0 {
				if c.name != "more" {
					members = append(members, jsonOf(c.name)+":null")
				}
				continue
			}
			value, text := c.kind.next(r)
			if c.name != "more" { // which is dropped
				members = append(members, member(c, text))
			}
			to := row.Elem().Field(i)
			if c.nulls {
				to.Set(reflect.New(c.kind.goType))
				to = to.Elem()
			}
			to.Set(reflect.ValueOf(value))
		}
		require.NoError(t, w.Write(row.Interface()))
		lines = append(append(append(append(lines, '{'), strings.Join(members, ",")...), '}'), '\n')
	}
	require.NoError(t, w.Close())
	return out.Bytes(), lines
}

// TestParquetOracle uploads files of random columns, types, encodings and nulls, and the same rows as lines: both are
// stored alike, and what is rejected is so for the same reason.
func TestParquetOracle(t *testing.T) {
	t.Logf("replay with -parquet.seed=%d", *parquetSeed)
	r := rand.New(rand.NewPCG(*parquetSeed, 0))
	server := start(t, httpapi.Options{})
	stored := 0
	for i := range 20 {
		columns := randomColumns(r)
		file, lines := writeParquet(t, r, columns, 1+r.IntN(200))
		for format, body := range map[string][]byte{"parquet": file, "ndjson": lines} {
			resp, answer := server.do(t, "POST", upload+"&format="+format, bytes.NewReader(body))
			require.Equal(t, 200, resp.StatusCode, "file %d, %s: %s: %+v", i, format, answer, columns)
		}
		sent := server.store.batches
		requireAlike(t, &sent[0], &sent[1], columns)
		stored += sent[0].Len()
		server.store.batches = nil
	}
	require.Greater(t, stored, 100)
}

// requireAlike compares two batches, but for the order in which they came.
func requireAlike(t *testing.T, a, b *event.Batch, columns []parquetColumn) {
	t.Helper()
	require.Equal(t, a.Len(), b.Len(), "%+v", columns)
	for i := range a.Len() {
		x, y := a.Event(i), b.Event(i)
		same := math.Float64bits(x.PredictedValue) == math.Float64bits(y.PredictedValue) &&
			math.Float64bits(x.ActualValue) == math.Float64bits(y.ActualValue)
		if x != y || !same {
			t.Fatalf("row %d: %+v and %+v", i, x, y)
		}
	}
	require.Len(t, a.Rejects, len(b.Rejects))
	for i := range a.Rejects {
		x, y := &a.Rejects[i], &b.Rejects[i]
		require.Equal(t, fmt.Sprint(x.Line, x.Column, x.Reason), fmt.Sprint(y.Line, y.Column, y.Reason))
	}
}
