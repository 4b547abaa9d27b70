package vfs

import (
	"errors"
	"syscall"
)

// ErrLocked is returned when a lock is held by another process, or by another holder in this one.
var ErrLocked = errors.New("vfs: locked by another process")

// ErrNotRegular is returned when a name to be opened as a file is a directory, a device or another special file.
var ErrNotRegular = errors.New("vfs: not a regular file")

// IsNoSpace reports whether err means that the disk or the quota is full: the one failure of a write that passes by itself.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
