package wal

import (
	"errors"
	"fmt"
	"io"
)

// scanChunk is how much of a file is read at a time.
const scanChunk = 1 << 20

// Reasons why a record does not continue the log.
var (
	errLength   = errors.New("record longer than the rest of the file")
	errFileNum  = errors.New("record of another log file")
	errOrder    = errors.New("record out of order")
	errChain    = errors.New("record does not follow the one before it")
	errSynced   = errors.New("record testifies to what comes after it")
	errTrailing = errors.New("file ends within a record header")
)

// badRecordError is what next returns when the bytes at the scanner's offset are not a record that continues the log.
type badRecordError struct{ reason error }

func (b *badRecordError) Error() string { return b.reason.Error() }
func (b *badRecordError) Unwrap() error { return b.reason }

// frame is a record in its file.
type frame struct {
	recordHeader

	off int64
	raw []byte // valid until the scanner moves on
}

func (f *frame) payload() []byte { return f.raw[recordHeaderSize : recordHeaderSize+int64(f.length)] }

// scanner reads the records of one log file in order.
type scanner struct {
	src    io.ReaderAt
	size   int64
	seed   uint32
	number uint32

	// The end of what was read: where the next record goes and what it must continue.
	off    int64
	lsn    uint64
	crc    uint32
	marked bool // the last record testifies to all before it

	window    []byte // the bytes at windowOff
	windowOff int64
}

// newScanner starts behind the header of a file of size bytes.
func newScanner(src io.ReaderAt, size int64, h fileHeader) *scanner {
	return &scanner{
		src: src, size: size, seed: checksumSeed(h.storeID), number: h.number,
		off: fileHeaderSize, lsn: h.prev.LSN, crc: h.prev.CRC,
	}
}

// view returns the bytes at [off, off+n), which lie in the file. They are valid until the next view.
func (s *scanner) view(off, n int64) ([]byte, error) {
	if off >= s.windowOff && off+n <= s.windowOff+int64(len(s.window)) {
		return s.window[off-s.windowOff:][:n], nil
	}
	want := min(max(n, scanChunk), s.size-off)
	if int64(cap(s.window)) < want {
		s.window = make([]byte, want)
	}
	s.window, s.windowOff = s.window[:want], off
	if got, err := s.src.ReadAt(s.window, off); int64(got) < want {
		s.window = s.window[:0]
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read at offset %d: %w", off, err)
	}
	return s.window[:n], nil
}

// next returns the next record. At the end of the file it returns io.EOF, for bytes that are no record a *badRecordError, and
// an error of class ErrVersion for a record of a newer format; the scanner then stays where it is.
func (s *scanner) next() (frame, error) {
	left := s.size - s.off
	switch {
	case left == 0:
		return frame{}, io.EOF
	case left < recordHeaderSize:
		return frame{}, &badRecordError{errTrailing}
	}
	b, err := s.view(s.off, recordHeaderSize)
	if err != nil {
		return frame{}, err
	}
	h, err := decodeRecordHeader(b, s.seed)
	switch {
	case errors.Is(err, ErrVersion):
		return frame{}, err
	case err != nil:
		return frame{}, &badRecordError{err}
	}
	if err := s.continues(h); err != nil {
		return frame{}, &badRecordError{err}
	}
	size := frameSize(int(h.length))
	if h.length > RecordBytesMax || size > left {
		return frame{}, &badRecordError{errLength}
	}
	if b, err = s.view(s.off, size); err != nil {
		return frame{}, err
	}
	if err := checkRecord(b); err != nil {
		return frame{}, &badRecordError{err}
	}
	f := frame{recordHeader: h, off: s.off, raw: b}
	s.off += size
	s.lsn, s.crc = h.lsn, recordCRC(b)
	s.marked = h.kind == typePad && h.syncedOff == f.off
	return f, nil
}

// continues says whether a record with header h may stand at the scanner's offset.
func (s *scanner) continues(h recordHeader) error {
	var inOrder bool
	switch h.kind {
	case typePad, typeEnd:
		inOrder = h.lsn == s.lsn
	case typeGap:
		inOrder = h.lsn > s.lsn
	default:
		inOrder = h.lsn == s.lsn+1
	}
	switch {
	case h.file != s.number:
		return errFileNum
	case !inOrder:
		return errOrder
	case h.prevCRC != s.crc:
		return errChain
	case h.syncedOff < fileHeaderSize || h.syncedOff > s.off:
		return errSynced
	}
	return nil
}
