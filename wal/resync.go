package wal

import (
	"bytes"
	"errors"
	"io"
)

// tornTail is what lies behind the last good record of a file.
type tornTail struct {
	end       int64  // offset behind the last byte that is not zero; that behind the last good record if there is none
	syncedOff int64  // the highest of the record headers found
	lsn       uint64 // the highest of the record headers found
}

// scanTail searches the rest of the file for record headers that are whole, wherever they stand, and for anything but
// zeros. It leaves the scanner where it is.
func (s *scanner) scanTail() (tornTail, error) {
	end, err := s.dataEnd()
	if err != nil {
		return tornTail{}, err
	}
	tail := tornTail{end: end}
	for off := s.off; ; off += recordAlign {
		var h recordHeader
		h, off, err = s.nextHeader(off, end)
		switch {
		case errors.Is(err, io.EOF):
			return tail, nil
		case err != nil:
			return tornTail{}, err
		}
		tail.syncedOff, tail.lsn = max(tail.syncedOff, h.syncedOff), max(tail.lsn, h.lsn)
	}
}

// dataEnd returns the offset behind the last byte of the file that is not zero, and at least the scanner's.
func (s *scanner) dataEnd() (int64, error) {
	for end := s.size; end > s.off; {
		n := min(scanChunk, end-s.off)
		b, err := s.view(end-n, n)
		if err != nil {
			return 0, err
		}
		if !isZero(b) {
			return end - n + int64(len(bytes.TrimRight(b, "\x00"))), nil
		}
		end -= n
	}
	return s.off, nil
}

// nextHeader returns the first record header that begins in [off, end) and is whole in itself, and where it stands, or
// io.EOF. A header's own checksum starts from the store id, so no payload can pose as one.
func (s *scanner) nextHeader(off, end int64) (recordHeader, int64, error) {
	end = min(end, s.size-recordHeaderSize+1)
	for off < end {
		if _, err := s.view(off, recordHeaderSize); err != nil {
			return recordHeader{}, 0, err
		}
		b := s.window[off-s.windowOff:]
		for ; len(b) >= recordHeaderSize && off < end; b, off = b[recordAlign:], off+recordAlign {
			if le.Uint32(b[offFile:]) != s.number {
				continue
			}
			h, err := decodeRecordHeader(b, s.seed)
			if err == nil || errors.Is(err, ErrVersion) {
				return h, off, err
			}
		}
	}
	return recordHeader{}, 0, io.EOF
}

// resync moves the scanner, which next has left at a bad record, to the first record from there on that is whole by
// itself and not older than what was read, so that next returns it as if nothing were missing before it. It returns false
// if there is none in the file. It is for reading what is left of a damaged log, never for recovery.
func (s *scanner) resync() (bool, error) {
	for off := s.off; ; off += recordAlign {
		var h recordHeader
		var err error
		h, off, err = s.nextHeader(off, s.size)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		whole, err := s.resyncAt(h, off)
		if whole || err != nil {
			return whole, err
		}
	}
}

// resyncAt puts the scanner before the record with header h at off, if that is whole and newer than what was read.
func (s *scanner) resyncAt(h recordHeader, off int64) (bool, error) {
	size := frameSize(int(h.length))
	isNew := h.lsn > s.lsn || h.lsn == s.lsn && (h.kind == typePad || h.kind == typeEnd)
	if !isNew || h.length > RecordBytesMax || size > s.size-off || h.syncedOff < fileHeaderSize || h.syncedOff > off {
		return false, nil
	}
	b, err := s.view(off, size)
	if err != nil || checkRecord(b) != nil {
		return false, err
	}
	s.off, s.crc, s.lsn = off, h.prevCRC, h.lsn
	if h.kind <= TypeMax || h.kind == typeGap {
		s.lsn--
	}
	return true, nil
}
