package vfs

import "golang.org/x/sys/unix"

func (f *osFile) SyncData() error {
	if err := f.control("fdatasync", unix.Fdatasync); err != nil {
		return err
	}
	return f.readable()
}

func allocate(fd int, off, n int64) error { return unix.Fallocate(fd, 0, off, n) }
