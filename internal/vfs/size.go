package vfs

import (
	"errors"
	"path/filepath"
)

// FileBytes returns the length of a file.
func FileBytes(fs FS, name string) (int64, error) {
	f, err := fs.OpenRead(name)
	if err != nil {
		return 0, err
	}
	size, err := f.Size()
	return size, errors.Join(err, f.Close())
}

// DirBytes returns the length of all files of a directory that holds no other directories.
func DirBytes(fs FS, dir string) (bytes int64, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := FileBytes(fs, filepath.Join(dir, name))
		if err != nil {
			return 0, err
		}
		bytes += n
	}
	return bytes, nil
}
