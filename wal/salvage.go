package wal

import (
	"errors"
	"io"
	"math"
	"path/filepath"
	"slices"

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
	s := salvage{dir: dir{fsys, path}, storeID: storeID, prev: fileEnd{Position: checkpoint}}
	names, err := s.dir.list(checkpoint)
	if err != nil {
		return Salvaged{}, err
	}
	last := checkpoint.File
	if checkpoint != (Position{}) {
		last++
	}
	for _, number := range names.logs {
		_, _, err := s.dir.readHeader(number, storeID)
		if err != nil && (!errors.Is(err, ErrCorrupt) || errors.Is(err, errNumber)) {
			return Salvaged{}, err
		}
		last = number
	}
	for number := checkpoint.File + 1; number <= last; number++ {
		if err := s.file(number, !slices.Contains(names.logs, number)); err != nil {
			return s.done, err
		}
		if number == last && s.successor {
			last++
		}
	}
	// An earlier run may have replaced files and failed to sync their names.
	return s.done, s.dir.fs.SyncDir(s.dir.path)
}

type salvage struct {
	dir     dir
	storeID [16]byte
	done    Salvaged

	prev      fileEnd // the end of the log so far
	successor bool    // the file before says that there is one more
}

// file sees to one log file: it is left as it is if it continues the log and is whole, and written anew otherwise.
func (s *salvage) file(number uint32, missing bool) error {
	name := logName(number)
	if missing {
		s.done.Missing = append(s.done.Missing, s.dir.join(name))
		return s.rewrite(number, nil, fileHeaderSize)
	}
	if intact, err := s.intact(number); intact || err != nil {
		return err
	}
	if err := s.keep(name); err != nil {
		return err
	}
	return s.dir.withFile(name, func(old vfs.File, size int64) error { return s.rewrite(number, old, size) })
}

// intact says whether a log file may stay as it is, and if so takes note of its end.
func (s *salvage) intact(number uint32) (bool, error) {
	r := newReader(s.dir, s.storeID, s.prev.Position)
	intact := true
	r.damaged = func(_ string, err error) error {
		if !errors.Is(err, ErrCorrupt) {
			return err
		}
		intact = false
		return nil
	}
	err := r.file(number)
	if err != nil || !intact || s.prev.end != 0 && r.header.prev.end != s.prev.end {
		return false, err
	}
	s.successor = r.successor
	s.done.Records += r.found.Records
	s.done.Lost = append(s.done.Lost, r.found.Lost...)
	s.prev = r.prev
	return true, nil
}

// keep copies a log file aside.
func (s *salvage) keep(name string) (err error) {
	if s.done.Kept == "" {
		if s.done.Kept, err = vfs.MakeNumberedDir(s.dir.fs, s.dir.path, salvagePrefix); err != nil {
			return err
		}
	}
	if err := s.dir.copyFile(name, filepath.Join(s.done.Kept, name), math.MaxInt64); err != nil {
		return err
	}
	return s.dir.fs.SyncDir(s.done.Kept)
}

// rewrite replaces a log file by one that continues the log with what is whole in old, of size bytes.
func (s *salvage) rewrite(number uint32, old vfs.File, size int64) error {
	h := fileHeader{
		number: number, storeID: s.storeID, firstLSN: s.prev.LSN + 1, length: max(fileBytesMin, fileSizeFor(size)), prev: s.prev,
	}
	s.successor = false
	lf, err := s.dir.createFile(h, func(f vfs.File) (int64, error) {
		b := newFileBuilder(f, h)
		if err := s.copyWhole(b, newScanner(old, size, h)); err != nil {
			return 0, err
		}
		err := b.finish()
		s.prev = fileEnd{Position{LSN: b.lsn, File: number, CRC: b.crc}, b.off}
		return b.off, err
	})
	if err != nil {
		return err
	}
	s.done.Rewritten = append(s.done.Rewritten, lf.path)
	return lf.file.Close()
}

// copyWhole takes over the whole records of a log file, and puts a gap where some are missing.
func (s *salvage) copyWhole(b *fileBuilder, old *scanner) error {
	highest := uint64(0) // LSN that left a trace
	for more := true; more; {
		f, err := old.next()
		bad := (*badRecordError)(nil)
		switch {
		case errors.Is(err, io.EOF):
			more = false
			continue
		case errors.As(err, &bad):
			tail, err := old.scanTail()
			if err != nil {
				return err
			}
			highest = max(highest, tail.lsn)
			if more, err = old.resync(); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		highest = max(highest, f.lsn)
		switch {
		case f.kind == typeEnd:
			s.successor, more = true, false
		case f.kind <= TypeMax:
			if err := s.gap(b, f.lsn-1); err != nil {
				return err
			}
			if err := b.add(f.kind, f.lsn, fileHeaderSize, f.payload()); err != nil {
				return err
			}
			s.done.Records++
		}
	}
	return s.gap(b, highest)
}

// gap records that the LSNs up to last are lost, if they are not there.
func (s *salvage) gap(b *fileBuilder, last uint64) error {
	if last <= b.lsn {
		return nil
	}
	s.done.Lost = append(s.done.Lost, LSNRange{b.lsn + 1, last})
	return b.add(typeGap, last, fileHeaderSize, nil)
}
