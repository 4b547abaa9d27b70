package wal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/residualdb/residual/internal/vfs"
)

// Kept returns the bytes of the files in a log directory that are no part of the log any more: copies of files whose torn
// tail was cut off, and what Salvage has replaced. It is 0 where there is no directory.
func Kept(fsys vfs.FS, path string) (int64, error) {
	names, err := fsys.List(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	kept := int64(0)
	for _, name := range names {
		var n int64
		switch _, _, broken := parseBrokenName(name); {
		case broken:
			n, err = vfs.FileBytes(fsys, filepath.Join(path, name))
		case strings.HasPrefix(name, salvagePrefix):
			n, err = vfs.DirBytes(fsys, filepath.Join(path, name))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		kept += n
	}
	return kept, nil
}
