package wal

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/internal/vfs"
)

// BrokenMax is the number of files with a torn tail that are kept aside.
const BrokenMax = 4

var errChanged = errors.New("log file changed while it was copied")

// reopen makes the file that the log goes on in, and is the first change to the directory. If the log is new, that is log
// file 1. Otherwise it is a copy of the newest file as far as it is good, under the same name: what was read may be in the
// cache alone, because a process may have died after a sync that failed, and behind a torn tail nothing is ever written.
// It returns the checksum of the last record in it too. Errors are as those of dir.createFile.
func (r *recovery) reopen() (lf *logFile, crc uint32, err error) {
	if err := r.clear(); err != nil {
		return nil, 0, err
	}
	if r.header.number == 0 {
		lf, err = r.dir.createFile(fileHeader{number: 1, storeID: r.opts.StoreID, firstLSN: 1, length: r.opts.FileBytes}, nil)
		return lf, 0, err
	}
	if r.found.TornBytes > 0 && r.found.BrokenFile == "" {
		if err := r.keepBroken(); err != nil {
			return nil, 0, err
		}
	}
	h := r.header
	h.length = max(r.opts.FileBytes, fileSizeFor(r.end.end))
	lf, err = r.dir.createFile(h, func(f vfs.File) (end int64, err error) {
		end, crc, err = r.copyNewest(f)
		return end, err
	})
	if err != nil {
		return nil, 0, err
	}
	if err := r.prune(); err != nil {
		return nil, 0, errors.Join(err, lf.file.Close())
	}
	return lf, crc, nil
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
	return r.dir.remove(names...)
}

// copyNewest writes the good records of the newest file to f, behind its header. It verifies what it copies: by now the
// cache may give other bytes than it gave before.
func (r *recovery) copyNewest(f vfs.File) (end int64, crc uint32, err error) {
	b := newFileBuilder(f, r.header)
	err = r.dir.withFile(logName(r.header.number), func(src vfs.File, size int64) error {
		s := newScanner(src, size, r.header)
		for s.off < r.end.end {
			rec, err := s.next()
			if err != nil {
				return fmt.Errorf("%w: %w", errChanged, err)
			}
			if err := b.copy(rec, s); err != nil {
				return err
			}
		}
		if s.off != r.end.end || s.crc != r.end.CRC {
			return errChanged
		}
		return b.finish()
	})
	return b.off, b.crc, err
}

// keepBroken copies the newest file with its torn tail aside.
func (r *recovery) keepBroken() error {
	number, copyNumber := r.header.number, 0
	for _, name := range r.names.broken {
		if n, c, _ := parseBrokenName(name); n == number {
			copyNumber = max(copyNumber, c)
		}
	}
	path := r.dir.join(brokenName(number, copyNumber+1))
	if err := r.dir.copyFile(logName(number), path, r.end.end+r.found.TornBytes); err != nil {
		if vfs.IsNoSpace(err) {
			err = transient(err)
		}
		return err
	}
	r.found.BrokenFile = path
	return nil
}

// prune removes the oldest broken files beyond BrokenMax.
func (r *recovery) prune() error {
	kept := r.names.broken
	if r.found.BrokenFile != "" {
		kept = append(kept, filepath.Base(r.found.BrokenFile))
	}
	slices.SortFunc(kept, func(a, b string) int {
		an, ac, _ := parseBrokenName(a)
		bn, bc, _ := parseBrokenName(b)
		return cmp.Or(cmp.Compare(an, bn), cmp.Compare(ac, bc))
	})
	return r.dir.remove(kept[:max(0, len(kept)-BrokenMax)]...)
}
