package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/rowfile"
	"github.com/residualdb/residual/source/internal/connector"
)

const (
	// startBytes is how much of a file is looked at to tell what it is.
	startBytes = 64 << 10
	// windowBytesMax bounds the memory that a zstd frame may ask for.
	windowBytesMax = 8 << 20
	// pageBytesMax bounds a page of a Parquet file, of which there is one in memory for each column.
	pageBytesMax = 32 << 20
)

// content is a version of a file as lines of NDJSON, from a position on.
type content struct {
	lines lines
	// direct is set for a file that is NDJSON as it is, so that the offset of a line is known.
	direct bool
	// unit is what one of the lines is in the file: a line, or a row.
	unit string
	// format is that of the lines.
	format event.Format
	object *object
	raw    *faultReader
	close  []func()
}

// opening is what is needed to read files.
type opening struct {
	place   place
	columns []rowfile.Column
	// format is as that of [Config].
	format string
}

// open opens a file behind a position of its version. The error is of one of the classes of files, or of the place.
func (o *opening) open(ctx context.Context, file *object, behind position) (*content, error) {
	c := &content{object: file, unit: "line"}
	if behind.offset > 0 && behind.state == stateReading {
		raw, err := o.place.open(ctx, file, behind.offset)
		if err != nil {
			return nil, err
		}
		c.closing(raw)
		c.raw, c.direct = &faultReader{from: raw}, true
		c.lines = lines{from: c.raw, count: behind.lines, offset: behind.offset}
		return c, nil
	}
	rows, err := c.rows(ctx, o)
	if err == nil {
		c.lines = lines{from: rows}
		err = c.lines.skip(behind.lines)
		if errors.Is(err, io.EOF) {
			c.lines.ended, err = true, nil
		}
	}
	if err != nil {
		err = c.classed(err)
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the use of the file.
func (c *content) Close() {
	for _, f := range c.close {
		f()
	}
}

func (c *content) closing(file io.Closer) {
	c.close = append(c.close, func() { _ = file.Close() }) // it was only read
}

// next returns the next run of lines in the memory of buf, and the position behind it.
func (c *content) next(buf []byte) (run []byte, behind position, err error) {
	if run, err = c.lines.next(buf); err != nil {
		return nil, position{}, c.classed(err)
	}
	behind = position{state: stateReading, lines: c.lines.count, offset: -1, version: c.object.version}
	if c.direct {
		behind.offset = c.lines.offset
	}
	if c.lines.ended && len(c.lines.rest) == 0 && c.lines.err == nil {
		behind = position{state: stateDone, version: c.object.version}
	}
	return run, behind, nil
}

// rows returns the file as NDJSON.
func (c *content) rows(ctx context.Context, o *opening) (io.Reader, error) {
	raw, err := o.place.open(ctx, c.object, 0)
	if err != nil {
		return nil, err
	}
	c.closing(raw)
	c.raw = &faultReader{from: raw}
	packed := bufio.NewReaderSize(c.raw, startBytes)
	start, _ := packed.Peek(rowfile.FormatBytes) // fewer of a shorter file
	unpacked, err := c.unpack(packed, rowfile.CompressionOf(start))
	if err != nil {
		return nil, err
	}
	compressed := unpacked != packed
	start, err = unpacked.Peek(rowfile.FormatBytes)
	if len(start) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	format, err := o.formatOf(start, c.object.key)
	if err != nil {
		return nil, err
	}
	switch format {
	case rowfile.ParquetFormat:
		if compressed {
			return nil, errors.New("it is Parquet that is compressed as a whole: Parquet compresses its pages itself")
		}
		return c.parquet(ctx, o)
	case rowfile.CSVFormat:
		c.unit, c.format = "row", event.Records
		return rowfile.CSV(unpacked, o.columns, 0), nil
	case rowfile.JSONDocument:
		c.unit = "row"
		return rowfile.JSONArray(rowfile.PlainText(unpacked)), nil
	case rowfile.NDJSON, rowfile.Unknown:
	}
	if c.direct = !compressed && plain(start); c.direct {
		return unpacked, nil
	}
	return rowfile.PlainText(unpacked), nil
}

// plain tells whether a text begins as UTF-8 does, or ASCII.
func plain(start []byte) bool {
	if slices.Contains(start[:min(len(start), 4)], 0) {
		return false
	}
	return !rowfile.IsWide(start)
}

// unpack returns what a file holds that is compressed in some way.
func (c *content) unpack(packed *bufio.Reader, by rowfile.Compression) (*bufio.Reader, error) {
	switch by {
	case rowfile.Gzip:
		unpacked, err := gzip.NewReader(packed)
		if err != nil {
			return nil, err
		}
		return bufio.NewReaderSize(unpacked, startBytes), nil
	case rowfile.Zstd:
		unpacked, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(windowBytesMax))
		if err != nil {
			return nil, err
		}
		c.close = append(c.close, unpacked.Close)
		return bufio.NewReaderSize(unpacked, startBytes), nil
	case rowfile.Plain:
	}
	return packed, nil
}

// formatOf returns the format of a file: as its beginning tells where that is sure, as it is said to be, or as its name tells.
func (o *opening) formatOf(start []byte, name string) (rowfile.Format, error) {
	found, err := rowfile.FormatOf(start, name)
	if err != nil {
		return found, err
	}
	said := rowfile.Format(o.format)
	switch {
	case said == rowfile.Unknown && found != rowfile.Unknown:
		return found, nil
	case said == rowfile.Unknown && rowfile.IsCSV(start, o.columns):
		return rowfile.CSVFormat, nil
	case said == rowfile.Unknown:
		return found, connector.Advise(errors.New("its format is not known"), "add IMPORT_FORMAT ndjson, csv or parquet")
	case found == rowfile.ParquetFormat && said != found:
		if begun, _ := rowfile.FormatOf(start, ""); begun == found {
			return found, fmt.Errorf("it is Parquet, and said to be %s", said)
		}
	case found == rowfile.JSONDocument && said == rowfile.NDJSON:
		return found, nil
	}
	return said, nil
}

// parquet reads a file here and there.
func (c *content) parquet(ctx context.Context, o *opening) (io.Reader, error) {
	c.unit = "row"
	file, err := o.place.openAt(ctx, c.object)
	if err != nil {
		return nil, err
	}
	c.closing(file)
	at := &faultReader{at: file}
	c.raw = at
	return rowfile.ParquetFile(at, c.object.size, o.columns, pageBytesMax)
}

// classed gives an error the class of files that cannot be read, unless it is of the place that the file comes from.
func (c *content) classed(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case c.raw != nil && c.raw.err != nil:
		return c.raw.err
	case c.raw == nil || ofFile(err):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it is compressed and cut off", errUnreadable)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("%w: its zstd window is larger than the allowed %d bytes", errUnreadable, windowBytesMax)
	}
	return fmt.Errorf("%w: %w", errUnreadable, err)
}

// faultReader reads a file from its place, and keeps the error of that: what reads through it may hide the cause.
type faultReader struct {
	from io.Reader
	at   io.ReaderAt
	read int64
	err  error
}

func (f *faultReader) Read(p []byte) (int, error) {
	n, err := f.from.Read(p)
	f.note(n, err)
	return n, err
}

// ReadAt implements [io.ReaderAt].
func (f *faultReader) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.at.ReadAt(p, at)
	f.note(n, err)
	return n, err
}

func (f *faultReader) note(n int, err error) {
	f.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
}
