package vfs

import "golang.org/x/sys/unix"

func (f *osFile) SyncData() error { return f.control("fdatasync", unix.Fdatasync) }

func allocate(fd int, off, n int64) error { return unix.Fallocate(fd, 0, off, n) }
