package vfs

import (
	"errors"
	"os"
)

type osFile struct {
	*os.File
}

var _ File = (*osFile)(nil)

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

// control runs a system call on the descriptor, which stays open until the call is over.
func (f *osFile) control(op string, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = conn.Control(func(fd uintptr) {
		callErr = retry(func() error { return call(int(fd)) })
	})
	if err != nil {
		// Control itself fails on closed files alone, with an error that does not say fs.ErrClosed.
		callErr = os.ErrClosed
	}
	return pathError(op, f.Name(), callErr)
}
