package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/httpapi"
)

// input is one argument of ingest.
type input struct {
	name string
	file io.Reader
	// bytes is the length of the file; -1 if it has none, like a pipe.
	bytes int64
}

// openInputs opens all files before anything is sent, so that a mistyped name costs nothing.
func openInputs(names []string, stdin io.Reader) ([]*input, error) {
	var inputs []*input
	for _, name := range names {
		in, err := openInput(name, stdin)
		if err != nil {
			closeInputs(inputs)
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func openInput(name string, stdin io.Reader) (*input, error) {
	if name == "-" {
		return &input{name: "standard input", file: stdin, bytes: -1}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory; files of NDJSON are needed", name)
	}
	if err != nil {
		_ = file.Close() // the first error counts
		return nil, err
	}
	in := &input{name: name, file: file, bytes: -1}
	if info.Mode().IsRegular() {
		in.bytes = info.Size()
	}
	return in, nil
}

func closeInputs(inputs []*input) {
	for _, in := range inputs {
		if file, ok := in.file.(*os.File); ok && in.name != "standard input" {
			_ = file.Close() // it was only read
		}
	}
}

// flow is an input as it is sent.
type flow struct {
	io.ReadCloser
	kind
	// pauses is set for a stream that may be written while it is read.
	pauses bool
	// acknowledged learns of the bytes acknowledged so far.
	acknowledged func(int64)
}

// open returns the rows of an input, decompressed, in the format that it is said to have or, with formatAuto, looks like. count learns
// of the bytes of the file: where that is sent as it is they are those acknowledged, otherwise those read. source is the data source
// that the rows are for.
func (in *input) open(format, source string, count func(int)) (*flow, error) {
	start, err := in.start()
	if err != nil {
		return nil, err
	}
	file, isFile := in.file.(*os.File)
	plain := isFile && in.bytes > 0 && compressionOf(start) == ""
	if plain {
		k, err := kindOf(start, in.name, format)
		if err != nil {
			return nil, err
		}
		switch k.format {
		case "ndjson":
			last := int64(0)
			return &flow{ReadCloser: file, kind: k, acknowledged: func(sum int64) {
				count(int(sum - last))
				last = sum
			}}, nil
		case "parquet":
			at := &countingAt{file: file}
			rows, err := httpapi.ParquetRows(source, at, in.bytes)
			at.count = count // the rows lie before what was read so far
			return &flow{ReadCloser: io.NopCloser(rows), kind: kind{format: "ndjson"}, acknowledged: func(int64) {}}, err
		}
	}
	f := &flow{pauses: in.bytes < 0, acknowledged: func(int64) {}}
	raw := bufio.NewReaderSize(&countingReader{in.file, count}, startBytes)
	content, closeContent, err := decompressed(raw)
	if err != nil {
		return nil, err
	}
	if start, err = peek(content); err == nil {
		f.kind, err = kindOf(start, in.name, format)
	}
	if err != nil {
		return nil, errors.Join(err, closeContent())
	}
	f.ReadCloser = reading{content, closeContent}
	switch f.format {
	case "json":
		f.ReadCloser, f.format = reading{client.Elements(content), closeContent}, "ndjson"
	case "parquet":
		rows, err := heldParquet(source, content)
		if err != nil {
			return nil, errors.Join(err, closeContent())
		}
		f.ReadCloser, f.format = reading{rows, closeContent}, "ndjson"
	}
	return f, nil
}

// parquetHeldMax bounds a Parquet file that cannot be read here and there, and so is held in memory.
const parquetHeldMax = 1 << 30

// heldParquet returns the rows of a Parquet file as NDJSON that is compressed or comes from a pipe.
func heldParquet(source string, content io.Reader) (io.Reader, error) {
	held, err := io.ReadAll(io.LimitReader(content, parquetHeldMax+1))
	if err != nil {
		return nil, err
	}
	if len(held) > parquetHeldMax {
		return nil, fmt.Errorf("a Parquet file that is compressed or comes from a pipe may have %d bytes; name one that is plain", parquetHeldMax)
	}
	return httpapi.ParquetRows(source, bytes.NewReader(held), int64(len(held)))
}

// start returns how a file begins; nil for a stream, which cannot be read twice.
func (in *input) start() ([]byte, error) {
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
		text := bytes.TrimLeft(start, textMark+" \t\r\n")
		switch ended := errors.Is(err, io.EOF); {
		case err != nil && !ended:
			return nil, err
		case ended, len(start) >= startBytes, bytes.IndexByte(text, '\n') >= 0, bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
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
	start, err := raw.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch compressionOf(start) {
	case "gzip":
		content, err := gzip.NewReader(raw)
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(content, startBytes), content.Close, nil
	case "zstd":
		content, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(content, startBytes), content.IOReadCloser().Close, nil
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

// kind is what an input holds, and how that is to be read.
type kind struct {
	// format is ndjson, json (one array), csv or parquet.
	format string
	// delimiter is what stands between the fields of CSV.
	delimiter rune
}

// startBytes is how much of an input is looked at to recognise it.
const startBytes = 64 << 10

const (
	gzipMagic    = "\x1f\x8b"
	zstdMagic    = "\x28\xb5\x2f\xfd"
	parquetMagic = "PAR1"
	textMark     = "\xef\xbb\xbf"
)

var errUnknownKind = errors.New("neither NDJSON, a JSON array, CSV with a header, nor Parquet")

// compressionOf returns gzip, zstd, or "" for what begins otherwise.
func compressionOf(start []byte) string {
	switch {
	case bytes.HasPrefix(start, []byte(gzipMagic)):
		return "gzip"
	case bytes.HasPrefix(start, []byte(zstdMagic)):
		return "zstd"
	}
	return ""
}

// kindOf returns what an input of a name is that begins with start, decompressed: what format says, unless that is auto. What is not
// recognised is an error, because all of its lines would be rejected one by one; but a file that is named NDJSON is that.
func kindOf(start []byte, name, format string) (kind, error) {
	text := bytes.TrimLeft(bytes.TrimPrefix(start, []byte(textMark)), " \t\r\n")
	header, _, _ := strings.Cut(string(text), "\n")
	delimiter := ','
	named := false
	for _, d := range client.Delimiters {
		if client.IsHeader(header, d) {
			delimiter, named = d, true
			break
		}
	}
	if format == formatAuto {
		format = guess(start, text, name)
		if format == "" && named {
			format = "csv"
		}
	}
	if format == "" {
		return kind{}, fmt.Errorf("%w: it begins with %q; --format says what it is", errUnknownKind, text[:min(len(text), 24)])
	}
	return kind{format, delimiter}, nil
}

// formatAuto is the format of an input that is to be recognised.
const formatAuto = "auto"

// guess returns the format that the first bytes or else the name tell, "" if neither does.
func guess(start, text []byte, name string) string {
	extension := filepath.Ext(name)
	for _, packed := range []string{".gz", ".gzip", ".zst"} {
		if strings.EqualFold(extension, packed) {
			extension = filepath.Ext(strings.TrimSuffix(name, extension))
		}
	}
	extension = strings.ToLower(extension)
	switch {
	case bytes.HasPrefix(start, []byte(parquetMagic)):
		return "parquet"
	case len(text) == 0, text[0] == '{', extension == ".ndjson", extension == ".jsonl":
		return "ndjson"
	case text[0] == '[':
		return "json"
	case extension == ".csv":
		return "csv"
	}
	return ""
}
