package body

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

const (
	// ExpansionMax is the ratio of decompressed to compressed bytes a body may have beyond expansionFree bytes.
	// NDJSON of predictions reaches about 30.
	ExpansionMax  = 200
	expansionFree = 1 << 20
	// windowBytesMax bounds the memory that a zstd frame may ask for.
	windowBytesMax = 8 << 20
)

// Decoders holds idle decompressors. One is taken per compressed body and returned when the body is closed.
type Decoders struct {
	gzip, zstd sync.Pool
}

// open puts the decompressor named by a Content-Encoding on top of wire, bounded in output and in expansion.
func (d *Decoders) open(encoding []byte, wire *wireReader) (io.Reader, func(), error) {
	limited := &expansionReader{wire: wire, left: wire.max, max: wire.max}
	switch name := string(bytes.ToLower(bytes.TrimSpace(encoding))); name {
	case "", "identity":
		return wire, func() {}, nil
	case "gzip":
		reader, _ := d.gzip.Get().(*gzip.Reader)
		if reader == nil {
			reader = new(gzip.Reader)
		}
		limited.from = &lazyGzip{Reader: reader, wire: wire}
		return limited, func() { d.gzip.Put(reader) }, nil
	case "zstd":
		reader, err := d.zstdReader(wire)
		if err != nil {
			return nil, nil, err
		}
		limited.from = reader
		return limited, func() {
			// Reset to nil lets go of the request's memory; it cannot fail.
			_ = reader.Reset(nil)
			d.zstd.Put(reader)
		}, nil
	default:
		return nil, nil, problem.New(fasthttp.StatusUnsupportedMediaType, "compression",
			"the Content-Encoding %s is unknown; gzip, zstd and identity are allowed, one of them", problem.Shown(name))
	}
}

// zstdReader returns a decoder that works in the caller's goroutine and refuses windows beyond windowBytesMax.
func (d *Decoders) zstdReader(wire *wireReader) (*zstd.Decoder, error) {
	if reader, ok := d.zstd.Get().(*zstd.Decoder); ok {
		return reader, reader.Reset(wire)
	}
	return zstd.NewReader(wire, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(windowBytesMax))
}

// lazyGzip reads the gzip header with the first byte of the body, so that a bad one is an error of the body.
type lazyGzip struct {
	*gzip.Reader

	wire   *wireReader
	opened bool
}

func (l *lazyGzip) Read(p []byte) (int, error) {
	if !l.opened {
		l.opened = true
		if err := l.Reset(l.wire); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
	return l.Reader.Read(p)
}

// expansionReader stops a decompressed body that is too long, or that grew too much out of too little.
type expansionReader struct {
	from      io.Reader
	wire      *wireReader
	left, max int64
	out       int64
}

func (e *expansionReader) Read(p []byte) (int, error) {
	n, err := e.from.Read(p)
	e.out += int64(n)
	e.left -= int64(n)
	if e.left < 0 {
		return 0, problem.TooLarge("the body decompresses to more than the allowed %d bytes", e.max)
	}
	if e.out > expansionFree && e.out > ExpansionMax*e.wire.read {
		return 0, problem.TooLarge("the body decompresses to more than %d times its size", ExpansionMax)
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if e.wire.err != nil && !errors.Is(e.wire.err, io.EOF) {
		return n, e.wire.err
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return n, problem.TooLarge("the zstd window is larger than the allowed %d bytes", windowBytesMax)
	}
	return n, problem.New(fasthttp.StatusBadRequest, "compression", "the compressed body is broken or cut short").HangingUp()
}
