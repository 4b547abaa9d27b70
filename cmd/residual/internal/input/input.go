package input

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/residualdb/residual/internal/rowfile"
)

// Input is a file of events, or standard input.
type Input struct {
	Name string
	file io.Reader
	// bytes is the length of the file; -1 if it has none, like a pipe.
	bytes int64
}

// Open opens all files before anything is sent, so that a mistyped name costs nothing.
func Open(names []string, stdin io.Reader) ([]*Input, error) {
	var inputs []*Input
	for _, name := range names {
		in, err := openInput(name, stdin)
		if err != nil {
			Close(inputs)
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func openInput(name string, stdin io.Reader) (*Input, error) {
	if name == "-" {
		return &Input{Name: "standard input", file: stdin, bytes: -1}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory; files of events are needed", name)
	}
	if err != nil {
		_ = file.Close() // the first error counts
		return nil, err
	}
	in := &Input{Name: name, file: file, bytes: -1}
	if info.Mode().IsRegular() {
		in.bytes = info.Size()
	}
	return in, nil
}

// TotalBytes is the length of all inputs, -1 if one has none.
func TotalBytes(inputs []*Input) int64 {
	total := int64(0)
	for _, in := range inputs {
		if in.bytes < 0 {
			return -1
		}
		total += in.bytes
	}
	return total
}

// Close closes inputs, but for standard input.
func Close(inputs []*Input) {
	for _, in := range inputs {
		if file, ok := in.file.(*os.File); ok && in.Name != "standard input" {
			_ = file.Close() // it was only read
		}
	}
}

// flow is an input as it is sent: lines of NDJSON, whatever its format.
type flow struct {
	io.ReadCloser
	// Pauses is set for a stream that may be written while it is read.
	Pauses bool
	// Acknowledged learns of the bytes acknowledged so far.
	Acknowledged func(int64)
}

// Open returns the rows of an input, decompressed, in the format that it is said to have or, with [Auto], looks like. count learns
// of the bytes of the file: where that is sent as it is they are those acknowledged, otherwise those read. columns are those that a
// file for the data source may have.
func (in *Input) Open(format string, columns []rowfile.Column, count func(int)) (*flow, error) {
	start, err := in.start()
	if err != nil {
		return nil, err
	}
	file, isFile := in.file.(*os.File)
	if isFile && in.bytes > 0 && rowfile.CompressionOf(start) == rowfile.Plain && !bytes.Contains(start[:min(len(start), 4)], []byte{0}) && !rowfile.IsWide(start) {
		found, err := formatOf(start, in.Name, format, columns)
		if err != nil {
			return nil, err
		}
		switch found {
		case rowfile.NDJSON:
			last := int64(0)
			return &flow{ReadCloser: file, Acknowledged: func(sum int64) {
				count(int(sum - last))
				last = sum
			}}, nil
		case rowfile.ParquetFormat:
			at := &countingAt{file: file}
			rows, err := rowfile.ParquetFile(at, in.bytes, columns, pageBytesMax)
			at.count = count // the rows lie before what was read so far
			return &flow{ReadCloser: io.NopCloser(rows), Acknowledged: func(int64) {}}, err
		case rowfile.JSONDocument, rowfile.CSVFormat, rowfile.Unknown:
		}
	}
	f := &flow{Pauses: in.bytes < 0, Acknowledged: func(int64) {}}
	raw := bufio.NewReaderSize(&countingReader{in.file, count}, startBytes)
	content, closeContent, err := decompressed(raw)
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf(content, in.Name, format, columns)
	if err != nil {
		return nil, errors.Join(err, closeContent())
	}
	f.ReadCloser = reading{rows, func() error {
		err := closeContent()
		if closer, ok := rows.(io.Closer); ok {
			err = errors.Join(err, closer.Close())
		}
		return err
	}}
	return f, nil
}

// rowsOf returns the rows of a stream as NDJSON.
func rowsOf(content *bufio.Reader, name, format string, columns []rowfile.Column) (io.Reader, error) {
	if magic, _ := content.Peek(len(parquetMagic)); string(magic) != parquetMagic {
		content = rowfile.PlainText(content)
	}
	start, err := peek(content)
	if err != nil {
		return nil, err
	}
	found, err := formatOf(start, name, format, columns)
	if err != nil {
		return nil, err
	}
	switch found {
	case rowfile.JSONDocument:
		return rowfile.JSONArray(content), nil
	case rowfile.CSVFormat:
		return rowfile.CSV(content, columns, 0), nil
	case rowfile.ParquetFormat:
		return spooledParquet(content, columns)
	case rowfile.NDJSON, rowfile.Unknown:
	}
	return content, nil
}

// spooled is the rows of a file that goes when it is closed.
type spooled struct {
	io.Reader
	io.Closer
}

// spooledParquet returns the rows of a Parquet file as NDJSON that is compressed or comes from a pipe. What it says of itself is at its
// end, so it goes through a file without a name.
func spooledParquet(content io.Reader, columns []rowfile.Column) (io.Reader, error) {
	file, err := os.CreateTemp("", "residual-ingest-*")
	if err != nil {
		return nil, err
	}
	err = os.Remove(file.Name())
	size := int64(0)
	if err == nil {
		size, err = io.Copy(file, content)
	}
	var rows io.Reader
	if err == nil {
		rows, err = rowfile.ParquetFile(file, size, columns, pageBytesMax)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return spooled{rows, file}, nil
}

// start returns how a file begins; nil for a stream, which cannot be read twice.
func (in *Input) start() ([]byte, error) {
	file, ok := in.file.(*os.File)
	if !ok || in.bytes < 0 {
		return nil, nil
	}
	start := make([]byte, startBytes)
	n, err := file.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return start[:n], nil
}

// peek returns how a stream begins: as much of it as is needed to recognise it, because a pipe may be slow to bring more.
func peek(stream *bufio.Reader) ([]byte, error) {
	for n := 1; ; n = stream.Buffered() + 1 {
		_, err := stream.Peek(min(n, startBytes))
		start, _ := stream.Peek(stream.Buffered()) // which is there
		text := bytes.TrimLeft(start, " \t\r\n")
		switch ended := errors.Is(err, io.EOF); {
		case err != nil && !ended:
			return nil, err
		case ended, len(start) >= startBytes, bytes.ContainsAny(text, "\r\n"), bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
			return start, nil
		}
	}
}

// reading is a stream and what ends its use.
type reading struct {
	io.Reader
	closed func() error
}

func (r reading) Close() error { return r.closed() }

// decompressed returns what a stream holds, which its first bytes tell, whatever its name.
func decompressed(raw *bufio.Reader) (*bufio.Reader, func() error, error) {
	start, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch rowfile.CompressionOf(start) {
	case rowfile.Gzip:
		content, err := gzip.NewReader(raw)
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(content, startBytes), content.Close, nil
	case rowfile.Zstd:
		content, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(content, startBytes), content.IOReadCloser().Close, nil
	case rowfile.Plain:
	}
	return raw, func() error { return nil }, nil
}

type countingReader struct {
	r     io.Reader
	count func(int)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.count(n)
	return n, err
}

// countingAt counts the bytes up to the last one that was read. It is read by one goroutine.
type countingAt struct {
	file  io.ReaderAt
	count func(int) // nil until counting begins
	upTo  int64
}

func (c *countingAt) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.file.ReadAt(p, at)
	if end := at + int64(n); c.count != nil && end > c.upTo {
		c.count(int(end - c.upTo))
		c.upTo = end
	}
	return n, err
}

// startBytes is how much of an input is looked at to recognise it.
const startBytes = 64 << 10

const parquetMagic = "PAR1"

// pageBytesMax bounds a page of a Parquet file of any length.
const pageBytesMax = 512 << 20

// ErrUnknownKind is returned for a file that is not recognised.
var ErrUnknownKind = errors.New("neither NDJSON, a JSON array, CSV with a header, nor Parquet")

// Auto is the format of an input that is to be recognised.
const Auto = "auto"

// formatOf returns the format of an input of a name that begins with start, decompressed: what format says, unless that is auto. What is
// not recognised is an error, because all of its lines would be rejected one by one.
func formatOf(start []byte, name, format string, columns []rowfile.Column) (rowfile.Format, error) {
	if format != Auto {
		return rowfile.Format(format), nil
	}
	found, err := rowfile.FormatOf(start, name)
	if err != nil || found != rowfile.Unknown {
		return found, err
	}
	text := bytes.TrimSpace(start)
	switch {
	case len(text) == 0:
		return rowfile.NDJSON, nil
	case rowfile.IsCSV(text, columns):
		return rowfile.CSVFormat, nil
	}
	return rowfile.Unknown, fmt.Errorf("%w: it begins with %q; --format says what it is", ErrUnknownKind, text[:min(len(text), 24)])
}
