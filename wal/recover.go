package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/residualdb/residual/internal/vfs"
)

// Reasons why a set of log files is not a log.
var (
	errMissing    = errors.New("log file is missing")
	errNumber     = errors.New("log file has another number than its name")
	errShrunk     = errors.New("log file is shorter than it was made")
	errFacts      = errors.New("log file does not follow the one before it")
	errCheckpoint = errors.New("log file does not follow the checkpoint")
	errEnd        = errors.New("log file does not end where the next one says")
	errBehind     = errors.New("damage before what a later record says was on disk")
	errSuccessor  = errors.New("log file says that a next one exists, but there is none")
	errName       = errors.New("unexpected name")
)

// LSNRange is a range of LSNs, both ends included.
type LSNRange struct{ First, Last uint64 }

// Recovered says what Open found.
type Recovered struct {
	Files    int
	Records  uint64 // replayed
	Bytes    int64  // of their payloads
	LastLSN  uint64
	Duration time.Duration

	// CutBytes is the length of a torn tail that was cut off, up to its last byte that is not zero: what was being written
	// when the machine stopped. The file as it was is kept as CutFile until BrokenMax later ones are.
	CutBytes int64
	CutFile  string

	// Lost are LSNs that Salvage has given up, in this or an earlier run.
	Lost []LSNRange
}

// recovery reads a log directory without changing it.
type recovery struct {
	dir    dir
	opts   Options
	replay func(Record) error
	began  time.Time

	names   directory
	headers []fileHeader // of names.logs
	sizes   []int64
	files   *fileList
	found   Recovered

	// The end of the log.
	lsn  uint64
	crc  uint32
	tail *tail // nil if there is no log file
}

// directory is what the names in a log directory say.
type directory struct {
	covered []uint32 // log files that the checkpoint covers
	logs    []uint32 // log files behind it
	temps   []string
	broken  []string
}

// recoverLog is the reading part of Open, as numbered in docs/durability.md.
func recoverLog(d dir, opts Options, replay func(Record) error) (*recovery, error) {
	r := &recovery{
		dir: d, opts: opts, replay: replay, began: opts.Now(), files: &fileList{},
		lsn: opts.Checkpoint.LSN, crc: opts.Checkpoint.CRC,
	}
	var err error
	if r.names, err = d.read(opts.Checkpoint); err != nil {
		return nil, err
	}
	if err := r.readHeaders(); err != nil {
		return nil, err
	}
	for i := range r.headers {
		if err := r.readFile(i); err != nil {
			return nil, err
		}
	}
	r.found.Files, r.found.LastLSN = len(r.headers), r.lsn
	return r, nil
}

// read sorts the names in the directory.
func (d dir) read(checkpoint Position) (directory, error) {
	names, err := d.fs.List(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return directory{}, err
	}
	var found directory
	for _, name := range names {
		number, isLog, err := parseLogName(name)
		_, _, isBroken := parseBrokenName(name)
		switch {
		case err != nil:
			return directory{}, d.corrupt(name, 0, errName)
		case isLog && number <= checkpoint.File:
			found.covered = append(found.covered, number)
		case isLog:
			found.logs = append(found.logs, number)
		case isBroken:
			found.broken = append(found.broken, name)
		case len(name) > len(newSuffix) && name[len(name)-len(newSuffix):] == newSuffix:
			found.temps = append(found.temps, name)
		}
	}
	return found, nil
}

func (d dir) corrupt(name string, off int64, reason error) error {
	return &CorruptError{Path: d.join(name), Offset: off, Err: reason}
}

// readHeaders reads the first block of each log file and checks that the files follow each other and the checkpoint.
func (r *recovery) readHeaders() error {
	prev := facts{number: r.opts.Checkpoint.File, lsn: r.opts.Checkpoint.LSN, crc: r.opts.Checkpoint.CRC}
	if len(r.names.logs) == 0 && prev != (facts{}) {
		return r.dir.corrupt(logName(prev.number+1), 0, errMissing)
	}
	for i, number := range r.names.logs {
		if number != prev.number+1 {
			return r.dir.corrupt(logName(prev.number+1), 0, errMissing)
		}
		h, size, err := r.dir.readHeader(number)
		if err != nil {
			return err
		}
		switch {
		case h.number != number:
			return r.dir.corrupt(logName(number), offNumber, errNumber)
		case h.storeID != r.opts.StoreID:
			return fmt.Errorf("%s: %w", r.dir.join(logName(number)), ErrForeign)
		case size < h.length:
			return r.dir.corrupt(logName(number), size, errShrunk)
		case i == 0 && (h.prev.lsn != prev.lsn || h.prev.crc != prev.crc):
			return r.dir.corrupt(logName(number), offPrevFile, errCheckpoint)
		}
		r.headers, r.sizes = append(r.headers, h), append(r.sizes, size)
		prev.number = number
	}
	return nil
}

// readHeader reads the first block of a log file.
func (d dir) readHeader(number uint32) (h fileHeader, size int64, err error) {
	name := logName(number)
	err = d.withFile(name, func(f vfs.File, fileSize int64) error {
		size = fileSize
		if size < fileHeaderSize {
			return d.corrupt(name, size, errShrunk)
		}
		b, err := (&scanner{src: f, size: fileHeaderSize}).view(0, fileHeaderSize)
		if err != nil {
			return err
		}
		h, err = decodeFileHeader(b)
		if err != nil && !errors.Is(err, ErrVersion) {
			return d.corrupt(name, 0, err)
		}
		return err
	})
	return h, size, err
}

// withFile calls read with a file that is open for reading.
func (d dir) withFile(name string, read func(f vfs.File, size int64) error) error {
	f, err := d.fs.OpenRead(d.join(name))
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil {
		err = read(f, size)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if corrupt := (*CorruptError)(nil); err != nil && !errors.As(err, &corrupt) {
		err = fmt.Errorf("%s: %w", d.join(name), err)
	}
	return err
}

// readFile replays one log file. All but the newest must be whole up to where the next one's header says they end.
func (r *recovery) readFile(i int) error {
	h := r.headers[i]
	name := logName(h.number)
	return r.dir.withFile(name, func(f vfs.File, size int64) error {
		s := newScanner(f, min(size, r.sizes[i]), h)
		if i+1 < len(r.headers) {
			return r.readEnded(s, name, r.headers[i+1].prev)
		}
		return r.readNewest(s, name, h)
	})
}

func (r *recovery) readEnded(s *scanner, name string, end facts) error {
	for s.off < end.end {
		if err := r.readRecord(s); err != nil {
			return r.damage(name, s.off, err)
		}
	}
	if s.off != end.end || s.lsn != end.lsn || s.crc != end.crc {
		return r.dir.corrupt(name, s.off, errEnd)
	}
	r.files.setCurrent(s.number, 0)
	r.files.endCurrent(s.off - fileHeaderSize)
	return nil
}

// damage gives what next returned for a record that has to be there its place.
func (r *recovery) damage(name string, off int64, err error) error {
	bad := (*badRecordError)(nil)
	switch {
	case errors.Is(err, io.EOF):
		return r.dir.corrupt(name, off, errEnd)
	case errors.As(err, &bad):
		return r.dir.corrupt(name, off, bad.reason)
	default:
		return err
	}
}

// readNewest replays the newest file as far as it is good. What it leaves behind is the tail.
func (r *recovery) readNewest(s *scanner, name string, h fileHeader) error {
	var err error
	for err == nil {
		err = r.readRecord(s)
	}
	if bad := (*badRecordError)(nil); !errors.Is(err, io.EOF) && !errors.As(err, &bad) {
		return err
	}
	found, err := s.lookBehind()
	if err != nil {
		return err
	}
	if found.testimony > s.off {
		return r.dir.corrupt(name, s.off, errBehind)
	}
	r.tail = &tail{header: h, end: s.off, crc: s.crc, brokenEnd: found.end}
	r.found.CutBytes = found.end - s.off
	r.lsn, r.crc = s.lsn, s.crc
	return nil
}

// readRecord reads a record and replays it if it is the caller's.
func (r *recovery) readRecord(s *scanner) error {
	before := s.lsn
	f, err := s.next()
	if err != nil {
		return err
	}
	switch f.kind {
	case typePad:
		return nil
	case typeGap:
		r.found.Lost = append(r.found.Lost, LSNRange{before + 1, f.lsn})
		return nil
	case typeEnd:
		return &CorruptError{Path: r.dir.join(logName(s.number + 1)), Err: errSuccessor}
	}
	r.found.Records++
	r.found.Bytes += int64(f.length)
	if err := r.replay(Record{LSN: f.lsn, Type: f.kind, Payload: f.payload()}); err != nil {
		return fmt.Errorf("replay record %d: %w", f.lsn, err)
	}
	return nil
}

// result completes what Open reports.
func (r *recovery) result(now time.Time) Recovered {
	r.found.Duration = now.Sub(r.began)
	return r.found
}
