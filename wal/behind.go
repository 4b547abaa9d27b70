package wal

import "errors"

// behind is what lies behind the last good record of a file.
type behind struct {
	end       int64  // offset behind the last byte that is not zero; the scanner's offset if there is none
	testimony int64  // highest syncedOff of the record headers found
	lsn       uint64 // highest LSN of the record headers found
}

// lookBehind searches the rest of the file for record headers that are whole, wherever they stand, and for anything but
// zeros. A header's own checksum starts from the store id, so no payload can pose as one.
func (s *scanner) lookBehind() (behind, error) {
	found := behind{end: s.off}
	for off := s.off; off < s.size; {
		n := min(scanChunk, s.size-off)
		b, err := s.view(off, n)
		if err != nil {
			return behind{}, err
		}
		last := off+n == s.size
		next := off + n
		if !last {
			next -= recordHeaderSize - recordAlign // A header may begin where the chunk ends.
		}
		if !isZero(b) {
			if err := s.searchHeaders(b, off, &found); err != nil {
				return behind{}, err
			}
		}
		off = next
	}
	return found, nil
}

// searchHeaders is lookBehind for the bytes b at off.
func (s *scanner) searchHeaders(b []byte, off int64, found *behind) error {
	for i := len(b); i > 0; i-- {
		if b[i-1] != 0 {
			found.end = max(found.end, off+int64(i))
			break
		}
	}
	for at := 0; at+recordHeaderSize <= len(b); at += recordAlign {
		if le.Uint32(b[at+offFile:]) != s.number {
			continue
		}
		h, err := decodeRecordHeader(b[at:], s.seed)
		if errors.Is(err, ErrVersion) {
			return err
		}
		if err == nil {
			found.testimony = max(found.testimony, h.syncedOff)
			found.lsn = max(found.lsn, h.lsn)
		}
	}
	return nil
}

// resume moves the scanner, which next has left at a bad record, to the first record from there on that is whole by
// itself and not older than what was read, so that next returns it as if nothing were missing before it. It returns false
// if there is none in the file. It is for reading what is left of a damaged log, never for recovery.
func (s *scanner) resume() (bool, error) {
	for off := s.off; off+recordHeaderSize <= s.size; {
		b, err := s.view(off, min(scanChunk, s.size-off))
		if err != nil {
			return false, err
		}
		at := 0
		for ; at+recordHeaderSize <= len(b); at += recordAlign {
			if le.Uint32(b[at+offFile:]) != s.number {
				continue
			}
			h, err := decodeRecordHeader(b[at:], s.seed)
			if errors.Is(err, ErrVersion) {
				return false, err
			}
			if err != nil {
				continue
			}
			whole, err := s.stands(h, off+int64(at))
			if whole || err != nil {
				return whole, err
			}
			break // The window has moved.
		}
		off += int64(at)
		if at+recordHeaderSize <= len(b) {
			off += recordAlign
		}
	}
	return false, nil
}

// stands says whether the record with header h at off is whole and newer than what was read; if so the scanner is put
// before it.
func (s *scanner) stands(h recordHeader, off int64) (bool, error) {
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
