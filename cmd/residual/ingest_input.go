package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/residualdb/residual/cmd/residual/internal/client"
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
// of the bytes of the file: where that is sent as it is they are those acknowledged, otherwise those read.
func (in *input) open(format string, count func(int)) (*flow, error) {
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
		if k.format == "ndjson" {
			last := int64(0)
			return &flow{ReadCloser: file, kind: k, acknowledged: func(sum int64) {
				count(int(sum - last))
				last = sum
			}}, nil
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
	if f.format == "json" {
		f.ReadCloser, f.format = reading{client.Elements(content), closeContent}, "ndjson"
	}
	return f, nil
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
