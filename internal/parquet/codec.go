package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is how pages are compressed.
type Codec int32

// The codecs.
const (
	uncompressed Codec = iota
	snappy
	gzipped
	lzo
	brotlied
	lz4Hadoop
	zstandard
	lz4Raw
)

var codecNames = [...]string{"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"}

// String returns the name that the format has for it.
func (c Codec) String() string { return nameOf(codecNames[:], int(c)) }

// windowBytes is the memory that a zstd frame may ask for, beyond that of a page.
const windowBytes = 8 << 20

var (
	errSize  = errors.New("a page is not as long as it says")
	errCodec = errors.New("its codec is not supported: write it with Snappy, zstd, gzip, Brotli, LZ4 or without")
)

// decompress returns a page's bytes, if they are as many as it says.
func (c Codec) decompress(data []byte, size int64) (page []byte, err error) {
	var from io.Reader
	switch c {
	case uncompressed:
		page = data
	case snappy:
		n, err := s2.DecodedLen(data)
		if err != nil || int64(n) != size {
			return nil, errSize
		}
		return s2.Decode(nil, data)
	case lz4Raw:
		return unpackBlock(data, size)
	case lz4Hadoop:
		return unpackHadoop(data, size)
	case gzipped:
		if from, err = gzip.NewReader(bytes.NewReader(data)); err != nil {
			return nil, err
		}
	case brotlied:
		from = brotli.NewReader(bytes.NewReader(data))
	case zstandard:
		reader, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(max(size, windowBytes))))
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		from = reader
	default:
		return nil, errCodec
	}
	if from != nil {
		if page, err = io.ReadAll(io.LimitReader(from, size+1)); err != nil {
			return nil, fmt.Errorf("a page cannot be decompressed: %w", err)
		}
	}
	if int64(len(page)) != size {
		return nil, errSize
	}
	return page, nil
}

// lz4RatioMax is more than a block of LZ4 can grow by: a length of 255 takes a byte.
const lz4RatioMax = 256

func unpackBlock(data []byte, size int64) ([]byte, error) {
	if size > lz4RatioMax*int64(len(data))+lz4RatioMax {
		return nil, errSize
	}
	page := make([]byte, size)
	if n, err := lz4.UncompressBlock(data, page); err != nil || int64(n) != size {
		return nil, errSize
	}
	return page, nil
}

// unpackHadoop reads what was written as LZ4 before LZ4_RAW: frames of Hadoop, of which each has its two lengths before it, a frame of
// LZ4 itself, or a block. Which it is, the bytes tell.
func unpackHadoop(data []byte, size int64) ([]byte, error) {
	var page []byte
	for rest := data; len(rest) >= 8; {
		unpacked, packed := int64(binary.BigEndian.Uint32(rest)), int64(binary.BigEndian.Uint32(rest[4:]))
		if rest = rest[8:]; packed > int64(len(rest)) || int64(len(page))+unpacked > size {
			break
		}
		block, err := unpackBlock(rest[:packed], unpacked)
		if err != nil {
			break
		}
		page, rest = append(page, block...), rest[packed:]
		if int64(len(page)) == size && len(rest) == 0 {
			return page, nil
		}
	}
	if bytes.HasPrefix(data, []byte("\x04\x22\x4d\x18")) {
		page, err := io.ReadAll(io.LimitReader(lz4.NewReader(bytes.NewReader(data)), size+1))
		if err != nil || int64(len(page)) != size {
			return nil, errSize
		}
		return page, nil
	}
	return unpackBlock(data, size)
}
