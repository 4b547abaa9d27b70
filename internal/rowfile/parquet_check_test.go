package rowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"
)

// drain reads all rows of a file that a client sent.
func drain(file []byte) (int64, error) {
	rows, err := Parquet(bytes.NewReader(file), nil, 8<<20)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, rows)
}

// TestParquetBombs changes what the pages of a good file claim or hold: each is refused before it costs memory.
func TestParquetBombs(t *testing.T) {
	type row struct {
		Model string `parquet:"model_id,dict"`
	}
	var good bytes.Buffer
	w := parquet.NewGenericWriter[row](&good)
	_, err := w.Write(make([]row, 100))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	n, err := drain(good.Bytes())
	require.NoError(t, err)
	require.Positive(t, n)

	runs := func(count uint64) []byte {
		return binary.AppendUvarint([]byte{1}, count<<1)
	}
	page := func(h format.PageHeader, data []byte) []byte {
		h.CompressedPageSize = int32(len(data))
		if h.UncompressedPageSize == 0 {
			h.UncompressedPageSize = int32(len(data))
		}
		encoded, err := thrift.Marshal(new(thrift.CompactProtocol), h)
		require.NoError(t, err)
		return append(encoded, data...)
	}
	dataPage := func(values int32, encoding format.Encoding) format.PageHeader {
		return format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: values, Encoding: encoding})}
	}
	for _, c := range []struct {
		name  string
		codec format.CompressionCodec
		pages []byte
	}{
		{"run of 2^31 values", format.Uncompressed, page(dataPage(1, format.RLEDictionary), append(runs(1<<30), 0))},
		{"many long runs", format.Uncompressed, page(dataPage(100, format.RLEDictionary), bytes.Repeat([]byte{0xc8, 1, 0}, 1000))},
		{"2^31 values", format.Uncompressed, page(dataPage(1<<31-1, format.Plain), nil)},
		{"negative values", format.Uncompressed, page(dataPage(-1, format.Plain), nil)},
		{"delta of 2^31 values", format.Uncompressed, page(dataPage(1, format.DeltaBinaryPacked), binary.AppendUvarint([]byte{128, 1, 4}, 1<<31-1))},
		{"prefix of a prefix", format.Uncompressed, page(dataPage(1, format.DeltaByteArray), nil)},
		{"claims 2 GiB", format.Snappy, page(format.PageHeader{Type: format.DataPage, UncompressedPageSize: 1<<31 - 1, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 1})}, []byte{1, 0, 0})},
		{"snappy that claims more than its page", format.Snappy, page(format.PageHeader{UncompressedPageSize: 3, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 1})}, binary.AppendUvarint(nil, 1<<31-1))},
		{"lz4", format.Lz4Raw, page(dataPage(1, format.Plain), nil)},
		{"negative size", format.Uncompressed, page(format.PageHeader{UncompressedPageSize: -1}, nil)},
		{"no kind of page", format.Uncompressed, page(format.PageHeader{}, []byte("x"))},
		{"not a page", format.Uncompressed, []byte("nonsense")},
	} {
		check := parquetCheck{data: c.pages, size: int64(len(c.pages)), rowsMax: 1000, bytesLeft: 1 << 20}
		meta := format.ColumnMetaData{Codec: c.codec, TotalCompressedSize: int64(len(c.pages))}
		require.Error(t, check.chunk(&meta, false), c.name)
	}
	for _, meta := range []format.ColumnMetaData{
		{DataPageOffset: -1}, {DataPageOffset: 1 << 60}, {TotalCompressedSize: -1}, {TotalCompressedSize: 1 << 60}, {DictionaryPageOffset: -1},
	} {
		require.Error(t, (&parquetCheck{data: []byte("x"), size: 1}).chunk(&meta, false), "%+v", meta)
	}
}

// TestParquetFilesThatAreTooMuch sends honest files beyond the limits, and columns that are no cells.
func TestParquetFilesThatAreTooMuch(t *testing.T) {
	f := func(name, want string, write func(io.Writer)) {
		t.Helper()
		var file bytes.Buffer
		write(&file)
		_, err := drain(file.Bytes())
		require.ErrorContains(t, err, want, name)
	}
	f("rows", "rows; 131072 are allowed", func(w io.Writer) {
		type row struct {
			A int64 `parquet:"a"`
		}
		require.NoError(t, parquet.Write(w, make([]row, 131073)))
	})
	f("nested", "column 'a' of the Parquet file is nested", func(w io.Writer) {
		type row struct {
			A struct{ B int64 } `parquet:"a"`
		}
		require.NoError(t, parquet.Write(w, make([]row, 1)))
	})
	f("repeated", "column 'a' of the Parquet file is nested or repeated", func(w io.Writer) {
		type row struct {
			A []int64 `parquet:"a"`
		}
		require.NoError(t, parquet.Write(w, make([]row, 1)))
	})
	f("text", "larger than allowed", func(w io.Writer) {
		type row struct {
			A string `parquet:"a,plain,snappy"`
		}
		require.NoError(t, parquet.Write(w, []row{{strings.Repeat("x", 9<<20)}}))
	})
}

// FuzzParquetFile holds the reader of files to its promise: rows, or an Error, in bounded memory.
func FuzzParquetFile(f *testing.F) {
	type row struct {
		Model string   `parquet:"model_id,dict"`
		Value *float64 `parquet:"actual_value,optional"`
	}
	for _, codec := range []parquet.WriterOption{parquet.Compression(&parquet.Snappy), parquet.Compression(&parquet.Zstd)} {
		for _, version := range []int{1, 2} {
			var file bytes.Buffer
			w := parquet.NewGenericWriter[row](&file, codec, parquet.DataPageVersion(version))
			_, err := w.Write([]row{{Model: "a"}, {Model: "b"}, {Model: "a"}})
			require.NoError(f, err)
			require.NoError(f, w.Close())
			f.Add(file.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := drain(file)
		runtime.ReadMemStats(&after)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("not an Error: %v", err)
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 256<<20 {
			t.Fatalf("%d bytes cost %d", len(file), cost)
		}
	})
}
