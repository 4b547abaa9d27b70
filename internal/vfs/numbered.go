package vfs

import (
	"path/filepath"
	"strconv"
	"strings"
)

// MakeNumberedDir makes the directory prefix + n in dir, where n is one more than the highest number that is there, and
// returns its path once its name is durable.
func MakeNumberedDir(fs FS, dir, prefix string) (string, error) {
	names, err := fs.List(dir)
	if err != nil {
		return "", err
	}
	last := 0
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, prefix); ok {
			if n, err := strconv.Atoi(digits); err == nil {
				last = max(last, n)
			}
		}
	}
	path := filepath.Join(dir, prefix+strconv.Itoa(last+1))
	if err := fs.MkdirAll(path); err != nil {
		return "", err
	}
	return path, fs.SyncDir(dir)
}
