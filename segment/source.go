package segment

import (
	"encoding/binary"
	"fmt"
)

// Source is where the bytes of a segment are.
type Source interface {
	// Bytes returns n bytes at off, in scratch if it has to copy them and there is room. resident says that the bytes
	// stay where they are, unchanged, and were found good since they got there; otherwise their checksums are verified
	// on every read.
	Bytes(off, n int64, scratch []byte) (b []byte, resident bool, err error)
}

// Memory is a Source of bytes in memory whose checksums nobody has verified yet.
type Memory []byte

// Bytes implements [Source].
func (m Memory) Bytes(off, n int64, _ []byte) ([]byte, bool, error) {
	if off < 0 || n < 0 || off > int64(len(m))-n {
		return nil, false, fmt.Errorf("%w: truncated", ErrCorrupt)
	}
	return m[off : off+n], false, nil
}

// read returns bytes of the segment, which live until the next use of sc.
func (sc *Scratch) read(src Source, off, n int64) (b []byte, resident bool, err error) {
	b, resident, err = src.Bytes(off, n, sc.raw[:0])
	if err != nil {
		return nil, false, err
	}
	if int64(len(b)) != n {
		return nil, false, fmt.Errorf("%w: truncated", ErrCorrupt)
	}
	if !resident && cap(b) > cap(sc.raw) {
		sc.raw = b
	}
	return b, resident, nil
}

// readChecked returns n bytes whose last checksumLen are the checksum of the others, without it.
func (sc *Scratch) readChecked(src Source, off, n int64) ([]byte, error) {
	b, resident, err := sc.read(src, off, n)
	if err != nil {
		return nil, err
	}
	b, sum := b[:n-checksumLen], b[n-checksumLen:]
	if !resident && checksum(b) != binary.LittleEndian.Uint32(sum) {
		return nil, fmt.Errorf("%w: checksum of %d bytes at %d", ErrCorrupt, n, off)
	}
	return b, nil
}
