package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	library "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/race"
)

// limits are those of a server that takes 8 MiB.
var limits = Limits{Bytes: 8 << 20, Page: 8 << 20, Rows: 1 << 17}

// read reads all leaves of a file to their ends.
func read(file []byte) (values int, err error) {
	f, err := Open(bytes.NewReader(file), int64(len(file)), limits)
	if err != nil {
		return 0, err
	}
	var leaves []*Node
	for leaf := range f.Root.Leaves {
		leaves = append(leaves, leaf)
	}
	columns, err := f.Columns(leaves)
	if err != nil {
		return 0, err
	}
	for {
		more, err := columns.Next()
		if err != nil || !more {
			return values, err
		}
		for _, column := range columns.All {
			for first := true; ; first = false {
				level, ended, err := column.Peek()
				if err != nil {
					return values, err
				}
				if ended || !first && level.Repetition == 0 {
					break
				}
				if _, _, err := column.Read(); err != nil {
					return values, err
				}
				values++
			}
		}
	}
}

// TestBombs changes what the pages of a good file claim or hold: each is refused, or read, at no more cost than the bytes that are
// allowed.
func TestBombs(t *testing.T) {
	runs := func(count uint64) []byte { return binary.AppendUvarint([]byte{1}, count<<1) }
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
	varints := func(numbers ...uint64) (b []byte) {
		for _, n := range numbers {
			b = binary.AppendUvarint(b, n)
		}
		return b
	}
	for _, c := range []struct {
		name, want string
		codec      Codec
		pages      []byte
	}{
		{"indexes without a dictionary", "its dictionary is missing (RLE_DICTIONARY)", uncompressed, page(dataPage(1, format.RLEDictionary), append(runs(1<<30), 0))},
		{"2^31 values of no bytes", "its values are broken", uncompressed, page(dataPage(1<<31-1, format.Plain), nil)},
		{"negative values", "does not lie inside", uncompressed, page(dataPage(-1, format.Plain), nil)},
		{"2^31 differences", "its values are broken", uncompressed, page(dataPage(9, format.DeltaLengthByteArray), varints(128, 4, 1<<31-1, 0))},
		{"2^60 differences", "its values are broken", uncompressed, page(dataPage(9, format.DeltaLengthByteArray), varints(128, 4, 1<<60, 0))},
		{"differences in blocks of 2^62", "its values are broken", uncompressed, page(dataPage(9, format.DeltaByteArray), varints(1<<62, 1, 9, 0))},
		{"prefix of a prefix", "its values are broken", uncompressed, page(dataPage(1, format.DeltaByteArray), nil)},
		{"claims 2 GiB", "more than 8388608 bytes", snappy, page(format.PageHeader{Type: format.DataPage, UncompressedPageSize: 1<<31 - 1, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 1})}, []byte{1, 0, 0})},
		{"snappy that claims more than its page", "not as long", snappy, page(format.PageHeader{UncompressedPageSize: 3, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 1})}, varints(1<<31-1))},
		{"lz4 that claims more than it can be", "not as long", lz4Raw, page(format.PageHeader{UncompressedPageSize: 1 << 20, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 1})}, []byte{1})},
		{"lz4 of hadoop that claims more", "not as long", lz4Hadoop, page(format.PageHeader{UncompressedPageSize: 1 << 20, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 1})}, []byte{0, 0x10, 0, 0, 0, 0, 0, 1, 1})},
		{"lzo", "its codec is not supported: write it with", lzo, page(dataPage(1, format.Plain), nil)},
		{"an encoding of no kind", "its encoding is not supported for its type (unknown 99)", uncompressed, page(dataPage(1, 99), nil)},
		{"an encoding of another type", "its encoding is not supported for its type (DELTA_BINARY_PACKED)", uncompressed, page(dataPage(1, format.DeltaBinaryPacked), []byte{1})},
		{"negative size", "does not lie inside", uncompressed, page(format.PageHeader{UncompressedPageSize: -1}, nil)},
		{"pages of no kind", "fewer values than its row group has rows", uncompressed, page(format.PageHeader{Type: 77}, []byte("x"))},
		{"not a page", "the header of a page is broken", uncompressed, []byte("\xff\xff\xff\xff")},
		{"a page cut off", "does not lie inside", uncompressed, page(dataPage(1, format.Plain), make([]byte, 50))[:40]},
	} {
		node := &Node{Name: "a", path: "a", Type: ByteArray}
		file := &File{file: bytes.NewReader(c.pages), size: int64(len(c.pages)), limits: limits, groups: []group{{100, []chunk{{codec: c.codec, size: int64(len(c.pages))}}}}}
		columns := &Columns{file: file, All: []*Column{{Node: node, file: file}}}
		before := allocated()
		var err error
		for more := true; more && err == nil; {
			if more, err = columns.Next(); more {
				_, _, err = columns.All[0].Read()
			}
		}
		require.ErrorContains(t, err, c.want, c.name)
		require.Less(t, allocated()-before, uint64(1<<20), c.name)
	}
	for _, to := range []chunk{{start: -1}, {start: 1 << 60}, {size: -1}, {size: 1 << 60}, {encrypted: true}, {elsewhere: true}} {
		require.Error(t, (&Column{Node: &Node{}, file: &File{file: strings.NewReader("x"), size: 1}}).begin(to), "%+v", to)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestFooterBombs reads footers that claim lists and texts of any length: none costs more than the footer.
func TestFooterBombs(t *testing.T) {
	file := func(footer []byte) []byte {
		return append(binary.LittleEndian.AppendUint32(append([]byte(magic), footer...), uint32(len(footer))), magic...)
	}
	for _, footer := range [][]byte{
		{},
		{0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07},                                      // a schema of 2^31 elements
		{0x28, 0xff, 0xff, 0xff, 0xff, 0x07},                                            // a text of 2^31 bytes
		bytes.Repeat([]byte{0x1c}, 1<<16),                                               // structures in structures
		bytes.Repeat([]byte{0x19, 0x19}, 1<<16),                                         // lists in lists
		{0x29, 0x1c, 0x48, 1, 'a', 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0},            // a root of 2^31 children
		append([]byte{0x29, 0xfc, 0x80, 0x80, 0x08}, bytes.Repeat([]byte{0}, 1<<17)...), // more nodes than are allowed
	} {
		before := allocated()
		_, err := read(file(footer))
		require.ErrorIs(t, err, ErrFile)
		require.Less(t, allocated()-before, uint64(64<<20))
	}
	for name, want := range map[string]string{
		"": "too short", "PAR1PAR1": "too short", "PAR1\x00\x00\x00\x00PAR2": "does not end with PAR1", "PAR2\x00\x00\x00\x00PAR1": "does not begin with PAR1",
		"PAR1\xff\xff\xff\xffPAR1": "its footer does not lie inside of it", "PARE\x00\x00\x00\x00PARE": "encrypted",
	} {
		_, err := read([]byte(name))
		require.ErrorContains(t, err, want)
	}
}

// TestLevelsAreBounded reads a list that a few bytes claim to have any number of values.
func TestLevelsAreBounded(t *testing.T) {
	file := &File{file: strings.NewReader(""), limits: Limits{Bytes: 1000, Page: 1000}}
	column := &Column{Node: &Node{Definition: 2, Repetition: 1}, file: file, left: math.MaxInt32}
	column.definitions = runs{width: 2, left: math.MaxInt32}
	column.repeats = runs{width: 1, left: math.MaxInt32, value: 1}
	for range 1000 * levelsPerByte {
		_, null, err := column.Read()
		require.NoError(t, err)
		require.True(t, null)
	}
	for range levelsPerByte { // it is counted in whole bytes
		_, _, err := column.Read()
		if err != nil {
			require.ErrorIs(t, err, ErrTooLarge)
			return
		}
	}
	t.Fatal("levels without end")
}

// TestRuns compares with a plain list of values, however it is cut into runs and groups.
func TestRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := 1; width <= widthMax; width++ {
		var data []byte
		var want []uint32
		for range 20 {
			if r.IntN(2) == 0 {
				n, value := r.IntN(20), uint32(r.Uint64()&(1<<width-1))
				data = binary.AppendUvarint(data, uint64(n)<<1)
				for i := range (width + 7) / 8 {
					data = append(data, byte(value>>(8*i)))
				}
				for range n {
					want = append(want, value)
				}
				continue
			}
			groups := 1 + r.IntN(3)
			data = binary.AppendUvarint(data, uint64(groups)<<1|1)
			packed := make([]byte, groups*width)
			for i := range 8 * groups {
				value := uint32(r.Uint64() & (1<<width - 1))
				want = append(want, value)
				for bit := range width {
					at := i*width + bit
					packed[at/8] |= byte(value>>bit&1) << (at % 8)
				}
			}
			data = append(data, packed...)
		}
		reader := runs{data: data, width: width}
		for i, value := range want {
			got, ok := reader.next()
			require.True(t, ok, "%d of width %d", i, width)
			require.Equal(t, value, got)
		}
		_, ok := reader.next()
		require.False(t, ok)
	}
}

// TestHadoopLZ4 reads a page in each of the ways that were called LZ4.
func TestHadoopLZ4(t *testing.T) {
	text := []byte(strings.Repeat("residual ", 100))
	block, err := library.Lz4Raw.Encode(nil, text)
	require.NoError(t, err)
	half, err := library.Lz4Raw.Encode(nil, text[:450])
	require.NoError(t, err)
	frame := func(size int, block []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(size))
		return append(binary.BigEndian.AppendUint32(b, uint32(len(block))), block...)
	}
	for _, data := range [][]byte{block, frame(900, block), append(frame(450, half), frame(450, half)...)} {
		page, err := lz4Hadoop.decompress(data, 900)
		require.NoError(t, err)
		require.Equal(t, text, page)
	}
}

type seedRow struct {
	Model   string    `parquet:"model_id,dict"`
	Value   *float64  `parquet:"actual_value,optional"`
	Split   float32   `parquet:"predicted_value,split"`
	ID      string    `parquet:"prediction_id,delta"`
	Count   int64     `parquet:"count,delta"`
	Flag    bool      `parquet:"flag"`
	Vector  []float64 `parquet:"vector,list"`
	Feature struct {
		Rooms *int32 `parquet:"rooms,optional"`
	} `parquet:"features"`
}

func seedFile(tb testing.TB, codec library.WriterOption, version, rows int) []byte {
	tb.Helper()
	var file bytes.Buffer
	w := library.NewGenericWriter[seedRow](&file, codec, library.DataPageVersion(version), library.PageBufferSize(512), library.MaxRowsPerRowGroup(7))
	for i := range rows {
		row := seedRow{Model: "ab"[i%2:], ID: fmt.Sprint("p", i), Count: int64(i), Flag: i%3 == 0, Vector: make([]float64, i%3)}
		if i%2 == 0 {
			row.Value, row.Feature.Rooms = new(float64(i)), new(int32(i))
		}
		_, err := w.Write([]seedRow{row})
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	return file.Bytes()
}

// TestDamage cuts and changes good files: each is read, or refused with an error of a class, and never a panic.
func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, codec := range []library.WriterOption{library.Compression(&library.Uncompressed), library.Compression(&library.Snappy), library.Compression(&library.Lz4Raw)} {
		for version := 1; version <= 2; version++ {
			good := seedFile(t, codec, version, 20)
			n, err := read(good)
			require.NoError(t, err)
			require.Greater(t, n, 7*20)
			for range race.Cases(3000) {
				bad := bytes.Clone(good)
				for range 1 + r.IntN(3) {
					bad[r.IntN(len(bad))] = byte(r.Uint32())
				}
				if r.IntN(10) == 0 {
					bad = bad[:r.IntN(len(bad))]
				}
				if _, err := read(bad); err != nil {
					requireClass(t, err)
				}
			}
		}
	}
}

func requireClass(t *testing.T, err error) {
	t.Helper()
	_, isColumn := errors.AsType[*ColumnError](err)
	require.True(t, isColumn || errors.Is(err, ErrFile) || errors.Is(err, ErrTooLarge), "%v", err)
	require.Contains(t, err.Error(), "Parquet file")
}

// FuzzFile holds the reader of files to its promise: values, or an error of a class, in bounded memory.
func FuzzFile(f *testing.F) {
	for _, codec := range []library.WriterOption{library.Compression(&library.Uncompressed), library.Compression(&library.Snappy), library.Compression(&library.Zstd), library.Compression(&library.Brotli)} {
		for version := 1; version <= 2; version++ {
			f.Add(seedFile(f, codec, version, 3))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		before := allocated()
		_, err := read(file)
		if err != nil {
			requireClass(t, err)
		}
		if cost := allocated() - before; cost > 256<<20 {
			t.Fatalf("%d bytes cost %d", len(file), cost)
		}
	})
}

// TestZstdWindows reads a page that is one frame as large as its window, and refuses a frame whose window its page does not need.
func TestZstdWindows(t *testing.T) {
	text := bytes.Repeat([]byte("residual"), 2<<20)
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(32<<20), zstd.WithSingleSegment(true))
	require.NoError(t, err)
	page, err := zstandard.decompress(encoder.EncodeAll(text, nil), int64(len(text)))
	require.NoError(t, err)
	require.Equal(t, text, page)
	claim := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xb0, 0x03 | 1<<3, 0, 0, '\n'} // a window of 4 GiB for one byte
	before := allocated()
	_, err = zstandard.decompress(claim, 1)
	require.ErrorIs(t, err, zstd.ErrWindowSizeExceeded)
	require.Less(t, allocated()-before, uint64(4<<20))
}
