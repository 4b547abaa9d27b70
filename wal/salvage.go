package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/residualdb/residual/internal/vfs"
)

// salvagePrefix begins the names of the directories, inside the log's, that keep what Salvage has replaced.
const salvagePrefix = "salvaged-"

// Salvaged says what Salvage did.
type Salvaged struct {
	Records uint64 // in the log now

	// Lost are LSNs that are gone. What is lost behind the last whole record leaves no trace of how much it was.
	Lost []LSNRange

	// Rewritten are the log files that were written anew; Missing are those of them that did not exist.
	Rewritten []string
	Missing   []string

	// Kept is the directory in which the replaced files are kept, empty if none was.
	Kept string
}

// Salvage makes a damaged log one that opens again, out of the records that are whole. Lost LSNs are recorded in the log
// and reported by each later Open. Replaced files are kept aside. A log that opens is left alone.
//
// It gives up acknowledged records: it is for an operator who has no other copy. The directory must not be open. After
// an error or a crash it can be repeated. Nothing is changed if a log file is of another store, of a newer version, or
// holds another number than its name says, which the operator can set right without a loss.
func Salvage(fsys vfs.FS, path string, storeID [16]byte, checkpoint Position) (Salvaged, error) {
	s := salvage{
		dir: dir{fsys, path}, storeID: storeID,
		prev: facts{number: checkpoint.File, crc: checkpoint.CRC, lsn: checkpoint.LSN},
	}
	names, err := s.dir.read(checkpoint)
	if err != nil {
		return Salvaged{}, err
	}
	last := checkpoint.File
	if checkpoint != (Position{}) {
		last++
	}
	for _, number := range names.logs {
		if err := s.dir.refuse(number, storeID); err != nil {
			return Salvaged{}, err
		}
		last = number
	}
	for number := checkpoint.File + 1; number <= last; number++ {
		if err := s.file(number); err != nil {
			return s.done, err
		}
		if number == last && s.successor {
			last++
		}
	}
	// An earlier run may have replaced files and failed to sync their names.
	return s.done, s.dir.fs.SyncDir(s.dir.path)
}

// refuse fails for a log file whose header is whole and says that it must not be replaced.
func (d dir) refuse(number uint32, storeID [16]byte) error {
	name := logName(number)
	h, _, err := d.readHeader(number)
	switch {
	case errors.Is(err, ErrCorrupt):
		return nil
	case err != nil:
		return err
	case h.storeID != storeID:
		return fmt.Errorf("%s: %w", d.join(name), ErrForeign)
	case h.number != number:
		return d.corrupt(name, offNumber, errNumber)
	}
	return nil
}

type salvage struct {
	dir     dir
	storeID [16]byte
	done    Salvaged

	prev      facts // the end of the log so far
	successor bool  // the file before says that there is one more
}

// file sees to one log file: it is left as it is if it continues the log and is whole, and written anew otherwise.
func (s *salvage) file(number uint32) error {
	name := logName(number)
	_, statErr := s.size(name)
	missing := errors.Is(statErr, fs.ErrNotExist)
	switch {
	case missing:
		s.done.Missing = append(s.done.Missing, s.dir.join(name))
	case statErr != nil:
		return statErr
	default:
		if intact, err := s.intact(number); intact || err != nil {
			return err
		}
		if err := s.keep(name); err != nil {
			return err
		}
	}
	return s.rewrite(name, number, missing)
}

func (s *salvage) size(name string) (size int64, err error) {
	err = s.dir.withFile(name, func(_ vfs.File, n int64) error {
		size = n
		return nil
	})
	return size, err
}

// intact says whether a log file may stay as it is, and if so takes note of its end.
func (s *salvage) intact(number uint32) (bool, error) {
	h, size, err := s.dir.readHeader(number)
	if errors.Is(err, ErrCorrupt) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if size < h.length || h.prev.lsn != s.prev.lsn || h.prev.crc != s.prev.crc || s.prev.end != 0 && h.prev.end != s.prev.end {
		return false, nil
	}
	v := verification{dir: s.dir, storeID: s.storeID}
	if err := v.records(h); err != nil || len(v.done.Findings) > 0 {
		return false, err
	}
	s.successor = v.successor
	s.done.Records += v.done.Records
	s.done.Lost = append(s.done.Lost, v.done.Lost...)
	s.prev = facts{number: number, crc: v.crc, lsn: v.done.LastLSN, end: v.end}
	return true, nil
}

// keep copies a log file aside.
func (s *salvage) keep(name string) error {
	if s.done.Kept == "" {
		if err := s.makeKept(); err != nil {
			return err
		}
	}
	size, err := s.size(name)
	if err != nil {
		return err
	}
	if err := s.dir.copyFile(name, filepath.Join(s.done.Kept, name), size); err != nil {
		return err
	}
	return s.dir.fs.SyncDir(s.done.Kept)
}

// makeKept makes the directory for what is replaced, numbered after those of earlier runs.
func (s *salvage) makeKept() error {
	names, err := s.dir.fs.List(s.dir.path)
	if err != nil {
		return err
	}
	last := 0
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, salvagePrefix); ok {
			if n, err := strconv.Atoi(digits); err == nil {
				last = max(last, n)
			}
		}
	}
	s.done.Kept = s.dir.join(salvagePrefix + strconv.Itoa(last+1))
	if err := s.dir.fs.MkdirAll(s.done.Kept); err != nil {
		return err
	}
	return s.dir.fs.SyncDir(s.dir.path)
}

// rewrite replaces a log file by one that continues the log with what is whole in it.
func (s *salvage) rewrite(name string, number uint32, missing bool) error {
	h := fileHeader{number: number, storeID: s.storeID, firstLSN: s.prev.lsn + 1, length: fileBytesMin, prev: s.prev}
	if !missing {
		size, err := s.size(name)
		if err != nil {
			return err
		}
		h.length = fileSizeFor(size)
	}
	lf, _, err := s.dir.build(h, func(f vfs.File) (int64, error) {
		a := newAssembly(f, h)
		s.successor = false
		if !missing {
			err := s.dir.withFile(name, func(old vfs.File, size int64) error { return s.gather(a, newScanner(old, size, h)) })
			if err != nil {
				return 0, err
			}
		}
		err := a.finish()
		s.prev = facts{number: number, crc: a.crc, lsn: a.lsn, end: a.end()}
		return a.end(), err
	})
	if err != nil {
		return err
	}
	s.done.Rewritten = append(s.done.Rewritten, lf.path)
	return lf.file.Close()
}

// gather takes over the whole records of a log file, and puts a gap where some are missing.
func (s *salvage) gather(a *assembly, old *scanner) error {
	highest := uint64(0) // LSN that left a trace
	for {
		f, err := old.next()
		if bad := (*badRecordError)(nil); errors.As(err, &bad) {
			found, err := old.lookBehind()
			if err != nil {
				return err
			}
			highest = max(highest, found.lsn)
			more, err := old.resume()
			if err != nil {
				return err
			}
			if more {
				continue
			}
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		highest = max(highest, f.lsn)
		if f.kind == typeEnd {
			s.successor = true
			break
		}
		if f.kind > TypeMax {
			continue
		}
		if err := s.gap(a, f.lsn-1); err != nil {
			return err
		}
		if err := a.add(f.kind, f.lsn, f.payload()); err != nil {
			return err
		}
		s.done.Records++
	}
	return s.gap(a, highest)
}

// gap records that the LSNs up to last are lost, if they are not there.
func (s *salvage) gap(a *assembly, last uint64) error {
	if last <= a.lsn {
		return nil
	}
	s.done.Lost = append(s.done.Lost, LSNRange{a.lsn + 1, last})
	return a.add(typeGap, last, nil)
}
