//go:build unix && !linux

package vfs

import "errors"

// SyncData is Sync: that is what flushes the drive's cache on every system, and the saving of fdatasync is Linux's.
func (f *osFile) SyncData() error { return f.Sync() }

// allocate is unsupported here: File.Allocate writes zeros instead.
func allocate(int, int64, int64) error { return errors.ErrUnsupported }
