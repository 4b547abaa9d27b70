package rowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// parquetCheck bounds what a Parquet file costs to read. A page of some bytes can claim any number of values and any
// size once decompressed, and the reader allocates what it claims; so each page is held to the limits first.
type parquetCheck struct {
	// data is the file, in memory; of one that is not, chunks are read from file into data.
	data []byte
	file io.ReaderAt
	size int64
	// rowsMax bounds the rows of the file; bytesLeft bounds its pages decompressed, all together.
	rowsMax, bytesLeft int64
}

// plainDictionary is what files of the first version of the format call RLEDictionary.
const plainDictionary format.Encoding = 2

// windowBytesMax bounds the memory that a zstd frame may ask for.
const windowBytesMax = 8 << 20

var errPage = errors.New("page beyond its bounds")

// columns checks what a file says of itself.
func (c *parquetCheck) columns(f *parquet.File) error {
	if f.NumRows() < 0 || f.NumRows() > c.rowsMax {
		return &Error{Text: fmt.Sprintf("the Parquet file has %d rows; %d are allowed", f.NumRows(), c.rowsMax), TooLarge: true}
	}
	for _, column := range f.Root().Columns() {
		if !column.Leaf() || column.Repeated() {
			return errorf("the column %s of the Parquet file is nested or repeated; flat columns are allowed", shown(column.Name()))
		}
	}
	return nil
}

// group checks all pages of a row group.
func (c *parquetCheck) group(f *parquet.File, n int) error {
	group := &f.Metadata().RowGroups[n]
	for i := range group.Columns {
		if err := c.chunk(&group.Columns[i].MetaData, f.Root().Columns()[i].Optional()); err != nil {
			return &Error{Text: "the Parquet file is broken, or its pages are larger than allowed or encoded in an unknown way"}
		}
	}
	return nil
}

// chunk walks the pages of one column in one row group.
func (c *parquetCheck) chunk(meta *format.ColumnMetaData, optional bool) error {
	start := meta.DataPageOffset
	if meta.DictionaryPageOffset != 0 {
		start = meta.DictionaryPageOffset
	}
	if start < 0 || start > c.size || meta.TotalCompressedSize < 0 || meta.TotalCompressedSize > c.size-start {
		return errPage
	}
	held, err := c.bytes(start, meta.TotalCompressedSize)
	if err != nil {
		return err
	}
	pages := bytes.NewReader(held)
	var protocol thrift.CompactProtocol
	for pages.Len() > 0 {
		var header format.PageHeader
		if err := thrift.NewDecoder(protocol.NewReader(pages)).Decode(&header); err != nil {
			return err
		}
		n := int64(header.CompressedPageSize)
		if n < 0 || n > int64(pages.Len()) {
			return errPage
		}
		at := int64(len(held) - pages.Len())
		if err := c.page(&header, meta.Codec, held[at:at+n], optional); err != nil {
			return err
		}
		if _, err := pages.Seek(n, io.SeekCurrent); err != nil {
			return err
		}
	}
	return nil
}

// bytes returns n bytes of the file, which are valid until the next call.
func (c *parquetCheck) bytes(start, n int64) ([]byte, error) {
	if c.file == nil {
		return c.data[start : start+n], nil
	}
	c.data = slices.Grow(c.data[:0], int(n))[:n]
	if got, err := c.file.ReadAt(c.data, start); got < len(c.data) {
		return nil, err
	}
	return c.data, nil
}

// page checks one page: its size decompressed, and the number of values it really holds against the one it claims.
func (c *parquetCheck) page(h *format.PageHeader, codec format.CompressionCodec, data []byte, optional bool) error {
	size := int64(h.UncompressedPageSize)
	if c.bytesLeft -= size; size < 0 || c.bytesLeft < 0 {
		return errPage
	}
	switch {
	case h.DictionaryPageHeader.Valid:
		if int64(h.DictionaryPageHeader.V.NumValues) > size {
			return errPage
		}
		_, err := decompressPage(codec, data, size)
		return err
	case h.DataPageHeader.Valid:
		v1 := &h.DataPageHeader.V
		values, err := decompressPage(codec, data, size)
		if err != nil {
			return err
		}
		if optional {
			if len(values) < 4 || int64(binary.LittleEndian.Uint32(values)) > int64(len(values)-4) {
				return errPage
			}
			end := 4 + binary.LittleEndian.Uint32(values)
			if err := checkRuns(values[4:end], 1, v1.NumValues); err != nil {
				return err
			}
			values = values[end:]
		}
		return c.values(v1.Encoding, values, v1.NumValues)
	case h.DataPageHeaderV2.Valid:
		v2 := &h.DataPageHeaderV2.V
		levels := int64(v2.DefinitionLevelsByteLength)
		if v2.RepetitionLevelsByteLength != 0 || levels < 0 || levels > min(size, int64(len(data))) {
			return errPage
		}
		if err := checkRuns(data[:levels], 1, v2.NumValues); err != nil {
			return err
		}
		if v2.IsCompressed.Valid && !v2.IsCompressed.V {
			codec = format.Uncompressed
		}
		values, err := decompressPage(codec, data[levels:], size-levels)
		if err != nil {
			return err
		}
		return c.values(v2.Encoding, values, v2.NumValues)
	}
	return errPage
}

// values checks how many values a page's data hold.
func (c *parquetCheck) values(encoding format.Encoding, data []byte, claimed int32) error {
	if claimed < 0 || int64(claimed) > c.rowsMax {
		return errPage
	}
	switch encoding {
	case format.Plain, format.ByteStreamSplit:
		return nil
	case plainDictionary, format.RLEDictionary:
		if len(data) == 0 {
			return nil
		}
		return checkRuns(data[1:], uint64(data[0]), claimed)
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray:
		// Both start with: values per block, blocks, values.
		for i := range uint(3) {
			u, n := binary.Uvarint(data)
			if n <= 0 || i == 2 && u > uint64(claimed) {
				return errPage
			}
			data = data[n:]
		}
		return nil
	default:
		return errPage
	}
}

// checkRuns adds up a hybrid of runs and bit-packed groups of eight.
func checkRuns(data []byte, width uint64, claimed int32) error {
	if width > 32 {
		return errPage
	}
	var total uint64
	for len(data) > 0 {
		u, n := binary.Uvarint(data)
		if n <= 0 {
			return errPage
		}
		count, skip := u>>1, (width+7)/8
		if u&1 == 1 {
			skip = count * width
			count *= 8
		}
		// The last group may be padded.
		if total += count; count > 1<<31 || total > uint64(claimed)+7 || skip > uint64(len(data)-n) {
			return errPage
		}
		data = data[uint64(n)+skip:]
	}
	return nil
}

// decompressPage returns a page's data if they are as long as the page claims.
func decompressPage(codec format.CompressionCodec, data []byte, size int64) ([]byte, error) {
	var from io.Reader
	switch codec {
	case format.Uncompressed:
		if int64(len(data)) != size {
			return nil, errPage
		}
		return data, nil
	case format.Snappy:
		if n, err := s2.DecodedLen(data); err != nil || int64(n) != size {
			return nil, errPage
		}
		return s2.Decode(nil, data)
	case format.Gzip:
		reader, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		from = reader
	case format.Zstd:
		reader, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowBytesMax))
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		from = reader
	default:
		return nil, errPage
	}
	page, err := io.ReadAll(io.LimitReader(from, size+1))
	if err != nil || int64(len(page)) != size {
		return nil, errPage
	}
	return page, nil
}
