package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

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

// build makes the log file of header h under a temporary name and gives it its own once it is on disk with what fill
// wrote behind the header. fill returns the offset behind that. An existing file of the name is replaced.
//
// retry is true if the error left everything as it was and may pass: the disk is full, or the file could not be opened.
func (d dir) build(h fileHeader, fill func(vfs.File) (int64, error)) (lf *logFile, retry bool, err error) {
	path := d.join(logName(h.number))
	temp := path + newSuffix
	if err := d.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, true, err
	}
	f, err := d.fs.Create(temp)
	if err != nil {
		return nil, true, err
	}
	end, err := d.fillFile(f, h, fill)
	if err != nil {
		retry = vfs.IsNoSpace(err)
		_ = f.Close() // The file is given up, the cause is err.
		_ = d.fs.Remove(temp)
		return nil, retry, fmt.Errorf("%s: %w", temp, err)
	}
	if err := d.fs.Rename(temp, path); err != nil {
		_ = f.Close()
		return nil, false, err
	}
	if err := d.fs.SyncDir(d.path); err != nil {
		_ = f.Close()
		return nil, false, err
	}
	return &logFile{
		file: f, path: path, header: h,
		off: end, limit: h.length - reserveBytes, synced: end, marked: true,
	}, false, nil
}

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
