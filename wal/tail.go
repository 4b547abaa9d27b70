package wal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/internal/vfs"
)

// BrokenMax is the number of files with a torn tail that are kept aside.
const BrokenMax = 4

var errChanged = errors.New("log file changed while it was copied")

// tail is the newest log file as recovery found it.
type tail struct {
	header    fileHeader
	end       int64 // behind the last good record
	crc       uint32
	brokenEnd int64 // behind the last byte that is not zero
}

// start makes the file that the log goes on in, and is the first change to the directory. If the log is new, that is log
// file 1. Otherwise it is a copy of the newest file as far as it is good, under the same name: what was read may be in the
// cache alone, because a process may have died after a sync that failed, and behind a torn tail nothing is ever written.
func (r *recovery) start() (lf *logFile, crc uint32, retry bool, err error) {
	if err := r.clear(); err != nil {
		return nil, 0, false, err
	}
	if r.tail == nil {
		lf, retry, err = r.dir.build(fileHeader{
			number: 1, storeID: r.opts.StoreID, firstLSN: 1, length: r.opts.FileBytes,
		}, nil)
		return lf, 0, retry, err
	}
	if r.found.CutBytes > 0 && r.found.CutFile == "" {
		if err := r.keepBroken(); err != nil {
			return nil, 0, vfs.IsNoSpace(err), err
		}
	}
	h := r.tail.header
	h.length = max(r.opts.FileBytes, fileSizeFor(r.tail.end))
	lf, retry, err = r.dir.build(h, func(f vfs.File) (end int64, err error) {
		end, crc, err = r.copyTail(f)
		return end, err
	})
	if err != nil {
		return nil, 0, retry, err
	}
	if err := r.prune(); err != nil {
		return nil, 0, false, errors.Join(err, lf.file.Close())
	}
	return lf, crc, false, nil
}

// clear makes the directory if there is none, and removes what an earlier process did not finish or remove. That the
// directory exists does not say that the process which made it could sync it.
func (r *recovery) clear() error {
	if err := r.dir.fs.MkdirAll(r.dir.path); err != nil {
		return err
	}
	if err := r.dir.fs.SyncDir(filepath.Dir(r.dir.path)); err != nil {
		return err
	}
	names := slices.Clone(r.names.temps)
	for _, number := range r.names.covered {
		names = append(names, logName(number))
	}
	for _, name := range names {
		if err := r.dir.fs.Remove(r.dir.join(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copyTail writes the good records of the newest file to f, behind its header. It verifies what it copies: by now the
// cache may give other bytes than it gave before.
func (r *recovery) copyTail(f vfs.File) (end int64, crc uint32, err error) {
	t := r.tail
	a := newAssembly(f, t.header)
	err = r.dir.withFile(logName(t.header.number), func(src vfs.File, size int64) error {
		s := newScanner(src, size, t.header)
		for s.off < t.end {
			rec, err := s.next()
			if err != nil {
				return fmt.Errorf("%w: %w", errChanged, err)
			}
			if err := a.copy(rec, s); err != nil {
				return err
			}
		}
		if s.off != t.end || s.crc != t.crc {
			return errChanged
		}
		return a.finish()
	})
	return a.end(), a.crc, err
}

// keepBroken copies the newest file with its torn tail aside.
func (r *recovery) keepBroken() error {
	number, copyNumber := r.tail.header.number, 0
	for _, name := range r.names.broken {
		if n, c, _ := parseBrokenName(name); n == number {
			copyNumber = max(copyNumber, c)
		}
	}
	path := r.dir.join(brokenName(number, copyNumber+1))
	if err := r.dir.copyFile(logName(number), path, r.tail.brokenEnd); err != nil {
		return err
	}
	r.found.CutFile = path
	return nil
}

// copyFile makes a synced copy of the first size bytes of a file of the directory.
func (d dir) copyFile(name, path string, size int64) error {
	f, err := d.fs.Create(path)
	if err != nil {
		return err
	}
	err = d.withFile(name, func(src vfs.File, _ int64) error {
		s := &scanner{src: src, size: size}
		for off := int64(0); off < size; off += scanChunk {
			b, err := s.view(off, min(scanChunk, size-off))
			if err != nil {
				return err
			}
			if err := vfs.WriteFull(f, b, off); err != nil {
				return err
			}
		}
		return f.Sync()
	})
	if err = errors.Join(err, f.Close()); err != nil {
		_ = d.fs.Remove(path) // The cause is err.
	}
	return err
}

// prune removes the oldest broken files beyond BrokenMax.
func (r *recovery) prune() error {
	kept := r.names.broken
	if r.found.CutFile != "" {
		kept = append(kept, filepath.Base(r.found.CutFile))
	}
	slices.SortFunc(kept, func(a, b string) int {
		an, ac, _ := parseBrokenName(a)
		bn, bc, _ := parseBrokenName(b)
		return cmp.Or(cmp.Compare(an, bn), cmp.Compare(ac, bc))
	})
	for _, name := range kept[:max(0, len(kept)-BrokenMax)] {
		if err := r.dir.fs.Remove(r.dir.join(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
