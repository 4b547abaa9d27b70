package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/residualdb/residual/engine/internal/base"
)

// CheckPack reads the file of a pack of the store id from its begin to its end, passes it on to all, and holds it against ref. Of
// the segments it holds none in memory.
func CheckPack(src io.ReaderAt, id [16]byte, ref FileRef, all io.Writer) error {
	if ref.Size < packHeaderBytes+packFooterBytes {
		return fmt.Errorf("%w: a pack of %d bytes", base.ErrCorrupt, ref.Size)
	}
	footer := make([]byte, packFooterBytes)
	if err := readFull(src, footer, ref.Size-packFooterBytes); err != nil {
		return err
	}
	offset, length, crc, err := parsePackFooter(footer, ref.Size)
	if err != nil {
		return err
	}
	if crc != ref.CRC {
		return fmt.Errorf("%w: the directory is not the one that the manifest names", base.ErrCorrupt)
	}
	dir := make([]byte, length)
	if err := readFull(src, dir, offset); err != nil {
		return err
	}
	entries, err := parsePackDirectory(dir, crc, offset)
	if err != nil {
		return err
	}
	c := checkedReader{src: src, all: all, chunk: make([]byte, checkChunk)}
	if _, err := c.to(packHeaderBytes); err != nil {
		return err
	}
	if err := checkPackHeader(c.chunk[:packHeaderBytes], id, ref.Number); err != nil {
		return err
	}
	for i, e := range entries {
		if _, err := c.to(e.Offset); err != nil { // the padding
			return err
		}
		sum, err := c.to(e.Offset + e.Length)
		if err != nil {
			return err
		}
		if sum != e.CRC {
			return fmt.Errorf("%w: segment %d at %d fails its check", base.ErrCorrupt, i, e.Offset)
		}
	}
	_, err = c.to(ref.Size)
	return err
}

// checkChunk is how much of a pack is read at a time; it has room for the header.
const checkChunk = 256 << 10

// checkedReader reads a file from its begin on.
type checkedReader struct {
	src   io.ReaderAt
	all   io.Writer // gets all that is read
	off   int64
	chunk []byte
}

// to reads on up to an offset and returns the CRC of what it has read.
func (c *checkedReader) to(end int64) (part uint32, err error) {
	for c.off < end {
		b := c.chunk[:min(int64(len(c.chunk)), end-c.off)]
		if err := readFull(c.src, b, c.off); err != nil {
			return 0, err
		}
		c.off += int64(len(b))
		if _, err := c.all.Write(b); err != nil {
			return 0, err
		}
		part = crc32.Update(part, castagnoli, b)
	}
	return part, nil
}

func readFull(src io.ReaderAt, b []byte, off int64) error {
	n, err := src.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(b), off, err)
}
