package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
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

// open returns the stream to send, decompressed, and a function that learns of the bytes acknowledged so far. count
// learns of the bytes of the file: where that is sent as it is they are those acknowledged, otherwise those read.
func (in *input) open(count func(int)) (stream io.ReadCloser, acknowledged func(int64), err error) {
	raw, none := &countingReader{in.file, count}, func(int64) {}
	switch filepath.Ext(in.name) {
	case ".gz":
		stream, err = gzip.NewReader(raw)
		return stream, none, err
	case ".zst":
		decoder, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return decoder.IOReadCloser(), none, nil
	}
	if file, ok := in.file.(*os.File); ok && in.bytes > 0 {
		last := int64(0)
		return file, func(sum int64) {
			count(int(sum - last))
			last = sum
		}, nil
	}
	return io.NopCloser(raw), none, nil
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
