package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/residualdb/residual/internal/vfs"
)

// Finding is damage that Verify found.
type Finding struct {
	Path   string
	Offset int64
	Err    error
}

func (f Finding) String() string { return fmt.Sprintf("%s: offset %d: %s", f.Path, f.Offset, f.Err) }

// Verified is what Verify found.
type Verified struct {
	Files   int
	Records uint64 // whole ones
	Bytes   int64  // of their payloads
	LastLSN uint64

	// TornBytes is the length of a torn tail, up to its last byte that is not zero. It is no damage: Open cuts it off.
	TornBytes int64

	// Lost are LSNs that an earlier Salvage has given up.
	Lost []LSNRange

	// Findings are in the order of the log. There are none if Open would open the log.
	Findings []Finding
}

// Verify reads the whole log in a directory and reports all damage, not only the first. It changes nothing. storeID and
// checkpoint are as in [Options]. The error is for a directory that cannot be listed.
func Verify(fsys vfs.FS, path string, storeID [16]byte, checkpoint Position) (Verified, error) {
	v := verification{dir: dir{fsys, path}, storeID: storeID, known: true, crc: checkpoint.CRC}
	names, err := v.dir.read(checkpoint)
	if err != nil {
		return Verified{}, err
	}
	v.done.LastLSN = checkpoint.LSN
	numbers := names.logs
	if len(numbers) == 0 && checkpoint != (Position{}) {
		v.find(logName(checkpoint.File+1), 0, errMissing)
	}
	want := checkpoint.File + 1
	for _, number := range numbers {
		for ; want < number; want++ {
			v.find(logName(want), 0, errMissing)
			v.known = false
		}
		want++
		v.file(number)
	}
	if v.successor {
		v.find(logName(want), 0, errSuccessor)
	}
	if len(v.done.Findings) > 0 {
		v.done.TornBytes = 0
	}
	return v.done, nil
}

type verification struct {
	dir     dir
	storeID [16]byte
	done    Verified

	// The end of the file before. end is zero before the first file.
	known     bool
	crc       uint32
	end       int64
	successor bool // it says that there is one more
}

func (v *verification) find(name string, off int64, err error) {
	if c := (*CorruptError)(nil); errors.As(err, &c) {
		off, err = c.Offset, c.Err
	}
	v.done.Findings = append(v.done.Findings, Finding{Path: v.dir.join(name), Offset: off, Err: err})
}

// file reads one log file. A file whose header cannot be used is reported and its records are left unread.
func (v *verification) file(number uint32) {
	name := logName(number)
	v.done.Files++
	known := v.known
	v.known, v.successor, v.done.TornBytes = false, false, 0
	h, size, err := v.dir.readHeader(number)
	switch {
	case err != nil:
		v.find(name, 0, err)
		return
	case h.number != number:
		v.find(name, offNumber, errNumber)
		return
	case h.storeID != v.storeID:
		v.find(name, offStoreID, ErrForeign)
		return
	case size < h.length:
		v.find(name, size, errShrunk)
	}
	if known && (h.prev.lsn != v.done.LastLSN || h.prev.crc != v.crc || v.end != 0 && h.prev.end != v.end) {
		v.find(name, offPrevFile, errFacts)
	}
	if err := v.records(h); err != nil {
		v.find(name, 0, err)
	}
}

// endOf returns where the header of the next log file says that this one ends, or zero if it does not say.
func (v *verification) endOf(number uint32) (int64, error) {
	next, _, err := v.dir.readHeader(number + 1)
	switch {
	case errors.Is(err, ErrCorrupt), errors.Is(err, ErrVersion), errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case next.number != number+1 || next.storeID != v.storeID:
		return 0, nil
	}
	return next.prev.end, nil
}

// records reads the records of the log file with header h, those behind damage too.
func (v *verification) records(h fileHeader) error {
	until, err := v.endOf(h.number)
	if err != nil {
		return err
	}
	name := logName(h.number)
	return v.dir.withFile(name, func(f vfs.File, size int64) error {
		s := newScanner(f, size, h)
		defer func() { v.done.LastLSN, v.known, v.crc, v.end = s.lsn, true, s.crc, s.off }()
		more := true
		for more {
			var err error
			more, err = v.record(s)
			if bad := (*badRecordError)(nil); errors.As(err, &bad) {
				more, err = v.damage(s, name, until, bad.reason)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// record counts the next record. It returns false at the end of the file.
func (v *verification) record(s *scanner) (more bool, err error) {
	before := s.lsn
	f, err := s.next()
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	case f.kind == typeEnd:
		s.off, s.crc = f.off, f.prevCRC
		v.successor = true
		return false, nil
	case f.kind == typeGap:
		v.done.Lost = append(v.done.Lost, LSNRange{before + 1, f.lsn})
	case f.kind <= TypeMax:
		v.done.Records++
		v.done.Bytes += int64(f.length)
	}
	return true, nil
}

// damage judges bytes that are no record. They are a torn tail, or what an ended file may have behind its end, unless a
// record behind them or the next file says that they were on disk. Otherwise damage moves on to the next whole record,
// and returns false if there is none.
func (v *verification) damage(s *scanner, name string, until int64, reason error) (more bool, err error) {
	off := s.off
	found, err := s.lookBehind()
	if err != nil {
		return false, err
	}
	if found.testimony <= off && until <= off {
		v.done.TornBytes = found.end - off
		return false, nil
	}
	v.find(name, off, fmt.Errorf("%w: %w", errBehind, reason))
	return s.resume()
}
