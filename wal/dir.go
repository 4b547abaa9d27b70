package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/residualdb/residual/internal/vfs"
)

// Blocks kept free at the end of a log file behind its last record: one into which its pad record may reach, one for a
// sync mark, one for the end record.
const reserveBytes = 3 * blockSize

// fileSizeFor is the size of a file with room for a record of frame bytes.
func fileSizeFor(frame int64) int64 { return fileHeaderSize + blockUp(frame) + reserveBytes }

// logFile is the log file that is written. It belongs to the writer.
type logFile struct {
	file   vfs.File
	path   string
	header fileHeader

	off    int64 // where the next record goes
	limit  int64 // records end at or before it
	synced int64 // what is before it is on disk
	marked bool  // the last record testifies to all before it, or there is none
}

// dir is the log directory.
type dir struct {
	fs   vfs.FS
	path string
}

func (d dir) join(name string) string { return filepath.Join(d.path, name) }

func (d dir) corrupt(name string, off int64, reason error) error {
	return &CorruptError{Path: d.join(name), Offset: off, Err: reason}
}

// fileNames is what the names in a log directory say.
type fileNames struct {
	covered []uint32 // log files that the checkpoint covers
	logs    []uint32 // log files behind it
	temps   []string
	broken  []string
}

// list sorts the names in the directory.
func (d dir) list(checkpoint Position) (fileNames, error) {
	names, err := d.fs.List(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileNames{}, err
	}
	var found fileNames
	for _, name := range names {
		number, isLog, err := parseLogName(name)
		_, _, isBroken := parseBrokenName(name)
		switch {
		case err != nil:
			return fileNames{}, d.corrupt(name, 0, errName)
		case isLog && number <= checkpoint.File:
			found.covered = append(found.covered, number)
		case isLog:
			found.logs = append(found.logs, number)
		case isBroken:
			found.broken = append(found.broken, name)
		case strings.HasSuffix(name, logSuffix+newSuffix):
			found.temps = append(found.temps, name)
		}
	}
	return found, nil
}

// remove removes files, as far as they are there.
func (d dir) remove(names ...string) error {
	for _, name := range names {
		if err := d.fs.Remove(d.join(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// readHeader reads the first block of the log file of a number. The error is of class ErrCorrupt, ErrVersion or ErrForeign
// if it is not that of a log file of this store and number.
func (d dir) readHeader(number uint32, storeID [16]byte) (h fileHeader, size int64, err error) {
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
		switch {
		case errors.Is(err, ErrVersion):
			return err
		case err != nil:
			return d.corrupt(name, 0, err)
		case h.number != number:
			return d.corrupt(name, offNumber, errNumber)
		case h.storeID != storeID:
			return ErrForeign
		}
		return nil
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

// copyFile makes a synced copy of a file of the directory, or of its first bytes if it is longer than limit.
func (d dir) copyFile(name, path string, limit int64) error {
	f, err := d.fs.Create(path)
	if err != nil {
		return err
	}
	err = d.withFile(name, func(src vfs.File, size int64) error {
		size = min(size, limit)
		n, err := io.CopyBuffer(io.NewOffsetWriter(f, 0), io.NewSectionReader(src, 0, size), make([]byte, scanChunk))
		if err == nil && n < size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		return f.Sync()
	})
	if err = errors.Join(err, f.Close()); err != nil {
		_ = d.fs.Remove(path) // The cause is err.
	}
	return err
}

// createFile makes the log file of header h under a temporary name and gives it its own once it is on disk with what fill
// wrote behind the header. fill returns the offset behind that. An existing file of the name is replaced.
//
// An error of class ErrNoSpace or ErrUnavailable has left everything as it was, and may pass.
func (d dir) createFile(h fileHeader, fill func(vfs.File) (int64, error)) (*logFile, error) {
	name := logName(h.number)
	temp := d.join(name + newSuffix)
	if err := d.remove(name + newSuffix); err != nil {
		return nil, transient(err)
	}
	f, err := d.fs.Create(temp)
	if err != nil {
		return nil, transient(err)
	}
	end, err := d.fillFile(f, h, fill)
	if err != nil {
		_ = f.Close() // The file is given up, the cause is err.
		_ = d.fs.Remove(temp)
		if err = fmt.Errorf("%s: %w", temp, err); vfs.IsNoSpace(err) {
			err = transient(err)
		}
		return nil, err
	}
	if err := d.fs.Rename(temp, d.join(name)); err != nil {
		_ = f.Close()
		return nil, err
	}
	if err := d.fs.SyncDir(d.path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &logFile{
		file: f, path: d.join(name), header: h, off: end, limit: h.length - reserveBytes, synced: end, marked: true,
	}, nil
}

// transient gives an error that has left everything as it was its class, unless the directory is not this store's any more.
func transient(err error) error {
	switch {
	case errors.Is(err, vfs.ErrTaken):
		return err
	case vfs.IsNoSpace(err):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

func isTransient(err error) bool { return errors.Is(err, ErrNoSpace) || errors.Is(err, ErrUnavailable) }

func (d dir) fillFile(f vfs.File, h fileHeader, fill func(vfs.File) (int64, error)) (end int64, err error) {
	if err := f.Allocate(0, h.length); err != nil {
		return 0, err
	}
	block := make([]byte, fileHeaderSize)
	h.encode(block)
	if err := vfs.WriteFull(f, block, 0); err != nil {
		return 0, err
	}
	end = fileHeaderSize
	if fill != nil {
		if end, err = fill(f); err != nil {
			return 0, err
		}
	}
	return end, f.Sync()
}
