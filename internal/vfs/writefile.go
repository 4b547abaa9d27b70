package vfs

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path/filepath"
)

// TempSuffix ends the names of files that WriteFileAtomic has not finished. After a crash such a file is garbage.
const TempSuffix = ".tmp"

// WriteFileAtomic makes data the content of the file name in dir: written under a temporary name, synced, renamed, and
// the directory synced. When it returns nil the new content is durable. After an error or a crash the file has either
// its old content or the new. One file must not be written by two callers at a time.
func WriteFileAtomic(fs FS, dir, name string, data []byte) error {
	if err := ReplaceFile(fs, dir, name, data); err != nil {
		return err
	}
	if err := fs.SyncDir(dir); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
	}
	return nil
}

// ReplaceFile is WriteFileAtomic without its last step: the content is durable, and the name becomes so when the caller
// has synced the directory. After an error nothing has happened.
func ReplaceFile(fs FS, dir, name string, data []byte) error {
	target := filepath.Join(dir, name)
	if err := replace(fs, target, data); err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	return nil
}

// replace renames a finished and synced temporary file over target, and removes it where that fails.
func replace(fs FS, target string, data []byte) error {
	temp := target + TempSuffix
	if err := fs.Remove(temp); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	f, err := fs.Create(temp)
	if err != nil {
		return err
	}
	err = WriteFull(f, data, 0)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = fs.Rename(temp, target)
	}
	if err != nil {
		return errors.Join(err, fs.Remove(temp))
	}
	return nil
}

// WriteFull writes p at off. Unlike a bare WriteAt it never reports success for a write that stopped short.
func WriteFull(f io.WriterAt, p []byte, off int64) error {
	n, err := f.WriteAt(p, off)
	if err == nil && n < len(p) {
		return io.ErrShortWrite
	}
	return err
}
