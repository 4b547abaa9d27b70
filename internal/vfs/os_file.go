package vfs

import (
	"errors"
	"io"
	"os"
)

type osFile struct {
	*os.File
}

var _ File = (*osFile)(nil)

func (f *osFile) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	return f.readable()
}

// readable asks a file system that has just said that a file is on disk whether it is still there. One that is shut down
// meanwhile may say so of what it could not write: ext4 drops the conversion of allocated space to written space, without
// an error. But it says EIO to reads from before it begins to drop.
func (f *osFile) readable() error {
	var b [1]byte
	_, err := f.ReadAt(b[:], 0)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *osFile) Allocate(off, n int64) error {
	err := f.control("allocate", func(fd int) error { return allocate(fd, off, n) })
	if errors.Is(err, errors.ErrUnsupported) {
		return f.zeroFill(off + n)
	}
	return err
}

// zeroFill is Allocate for file systems that cannot reserve space: it writes zeros from the end of the file up to end.
// A hole before the old end stays one.
func (f *osFile) zeroFill(end int64) error {
	size, err := f.Size()
	if err != nil || size >= end {
		return err
	}
	zeros := make([]byte, min(end-size, 1<<20))
	for size < end {
		n, err := f.WriteAt(zeros[:min(end-size, int64(len(zeros)))], size)
		if err != nil {
			return err
		}
		size += int64(n)
	}
	return nil
}

func (f *osFile) Linked() (bool, error) {
	st, err := stat(f.File)
	return st.Nlink > 0, err
}

// control runs a system call on the descriptor.
func (f *osFile) control(op string, call func(fd int) error) error {
	return pathError(op, f.Name(), control(f.File, call))
}
