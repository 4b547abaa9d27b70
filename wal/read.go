package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/residualdb/residual/internal/vfs"
)

// Reasons why a set of log files is not a log.
var (
	errMissing      = errors.New("log file is missing")
	errNumber       = errors.New("log file has another number than its name")
	errShrunk       = errors.New("log file is shorter than it was made")
	errCheckpoint   = errors.New("log file does not follow the checkpoint")
	errEnd          = errors.New("log file does not end where the next one says")
	errSyncedDamage = errors.New("damage before what a later record says was on disk")
	errSuccessor    = errors.New("log file says that a next one exists, but there is none")
	errName         = errors.New("unexpected name")
)

// LSNRange is a range of LSNs, both ends included.
type LSNRange struct{ First, Last uint64 }

// Contents says what is in a log.
type Contents struct {
	Files   int
	Records uint64 // whole ones
	Bytes   int64  // of their payloads
	LastLSN uint64

	// TornBytes is the length of a torn tail, up to its last byte that is not zero: what was being written when the machine
	// stopped. It is no damage, and Open cuts it off.
	TornBytes int64

	// Lost are LSNs that a Salvage has given up.
	Lost []LSNRange
}

// reader reads a log and changes nothing. Open, Verify and Salvage go by it alone, so that they agree on what is damage. It
// belongs to one goroutine. docs/durability.md has the steps and their reasons.
type reader struct {
	dir     dir
	storeID [16]byte

	// record receives each record of the caller's. Default: nothing.
	record func(frame) error

	// damaged receives what is wrong with a file, in the order of the log. If it returns an error, reading ends with that;
	// otherwise it goes on with what is whole behind the damage. Default: it returns what it receives.
	damaged func(name string, err error) error

	found     Contents
	files     *fileList  // those whose records were read
	header    fileHeader // of the last of them
	prev      fileEnd    // where that ends; the checkpoint if there is none
	successor bool       // the last file says that there is a next one
}

func newReader(d dir, storeID [16]byte, checkpoint Position) *reader {
	return &reader{
		dir: d, storeID: storeID,
		record:  func(frame) error { return nil },
		damaged: func(_ string, err error) error { return err },
		found:   Contents{LastLSN: checkpoint.LSN}, files: &fileList{}, prev: fileEnd{Position: checkpoint},
	}
}

// log reads the log files of these numbers, which are those behind the checkpoint.
func (r *reader) log(numbers []uint32) error {
	next := r.prev.File + 1
	if len(numbers) == 0 && r.prev.Position != (Position{}) {
		return r.corrupt(logName(next), 0, errMissing)
	}
	for _, number := range numbers {
		for ; next < number; next++ {
			if err := r.corrupt(logName(next), 0, errMissing); err != nil {
				return err
			}
		}
		next++
		if err := r.file(number); err != nil {
			return err
		}
	}
	if r.successor {
		return r.corrupt(logName(next), 0, errSuccessor)
	}
	return nil
}

func (r *reader) corrupt(name string, off int64, reason error) error {
	return r.damaged(name, r.dir.corrupt(name, off, reason))
}

// file reads one log file. The records of one whose header cannot be used are left unread.
func (r *reader) file(number uint32) error {
	name := logName(number)
	r.found.Files++
	r.successor, r.found.TornBytes = false, 0
	h, size, err := r.dir.readHeader(number, r.storeID)
	if err != nil {
		return r.damaged(name, err)
	}
	if size < h.length {
		if err := r.corrupt(name, size, errShrunk); err != nil {
			return err
		}
	}
	if isFirst := r.prev.end == 0 && r.prev.File == number-1; isFirst && h.prev.Position != r.prev.Position {
		if err := r.corrupt(name, offPrevFile, errCheckpoint); err != nil {
			return err
		}
	}
	end, err := r.statedEnd(number)
	if err == nil {
		err = r.records(h, end)
	}
	if err != nil {
		return r.damaged(name, err)
	}
	if end != (fileEnd{}) && end != r.prev {
		return r.corrupt(name, r.prev.end, errEnd)
	}
	return nil
}

// statedEnd returns where a log file ends by the header of the next one, the zero fileEnd if that does not say it.
func (r *reader) statedEnd(number uint32) (fileEnd, error) {
	next, _, err := r.dir.readHeader(number+1, r.storeID)
	for _, class := range [...]error{ErrCorrupt, ErrVersion, ErrForeign, fs.ErrNotExist} {
		if errors.Is(err, class) {
			return fileEnd{}, nil
		}
	}
	return next.prev, err
}

// records reads the records of the log file with header h, those behind damage too. end is where the next file says that
// this one ends, or zero.
func (r *reader) records(h fileHeader, end fileEnd) error {
	name := logName(h.number)
	return r.dir.withFile(name, func(f vfs.File, size int64) error {
		s := newScanner(f, size, h)
		defer func() {
			r.header, r.prev = h, fileEnd{Position{LSN: s.lsn, File: h.number, CRC: s.crc}, s.off}
			r.found.LastLSN = s.lsn
			r.files.set(&h, s.off-fileHeaderSize)
		}()
		for more := true; more; {
			var err error
			more, err = r.next(s)
			if bad := (*badRecordError)(nil); errors.As(err, &bad) {
				more, err = r.judge(s, name, end.end, bad.reason)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// next reads the next record. It returns false at the end of the file.
func (r *reader) next(s *scanner) (more bool, err error) {
	before := s.lsn
	f, err := s.next()
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	case f.kind == typeEnd:
		s.off, s.crc = f.off, f.prevCRC
		r.successor = true
		return false, nil
	case f.kind == typeGap:
		r.found.Lost = append(r.found.Lost, LSNRange{before + 1, f.lsn})
	case f.kind <= TypeMax:
		r.found.Records++
		r.found.Bytes += int64(f.length)
		return true, r.record(f)
	}
	return true, nil
}

// judge says what bytes are that are no record. They are a torn tail, or what an ended file may have behind its end, unless
// a record behind them or the next file says that they were on disk. If they are damage, it moves on to the next whole
// record, and returns false if there is none.
func (r *reader) judge(s *scanner, name string, end int64, reason error) (more bool, err error) {
	tail, err := s.scanTail()
	if err != nil {
		return false, err
	}
	if tail.syncedOff <= s.off && end <= s.off {
		r.found.TornBytes = tail.end - s.off
		return false, nil
	}
	if err := r.corrupt(name, s.off, fmt.Errorf("%w: %w", errSyncedDamage, reason)); err != nil {
		return false, err
	}
	return s.resync()
}
