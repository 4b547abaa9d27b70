package wal

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/residualdb/residual/internal/vfs"
)

// SyncPolicy says when a record is on disk relative to the return of [Log.Append].
type SyncPolicy uint8

const (
	// SyncAlways returns when the record is on disk. It is the default.
	SyncAlways SyncPolicy = iota

	// SyncInterval returns when the record is in the operating system's cache, which is synced every
	// Options.SyncInterval. A process may die; if the machine stops, the records of the last interval are lost.
	SyncInterval

	// SyncNever returns when the record is in the operating system's cache and syncs only where a log file ends and in
	// Close. If the machine stops, the records of the newest file may be lost.
	SyncNever
)

func (p SyncPolicy) String() string {
	switch p {
	case SyncAlways:
		return "always"
	case SyncInterval:
		return "interval"
	case SyncNever:
		return "never"
	default:
		return fmt.Sprintf("SyncPolicy(%d)", uint8(p))
	}
}

const (
	defaultFileBytes    = 64 << 20
	defaultQueueBytes   = 64 << 20
	defaultSyncInterval = 100 * time.Millisecond
	defaultIdleMark     = time.Second
	fileBytesMin        = 8 * blockSize
)

// Options configures a Log. The zero value of a field is its default; a store should set StoreID.
type Options struct {
	// FS holds the directory. Default: the operating system's.
	FS vfs.FS

	// StoreID is the identity of the store: a log directory of another one is refused with ErrForeign. It also seeds
	// the checksums, so it should be random.
	StoreID [16]byte

	// Sync is the durability of Append. Default: SyncAlways.
	Sync SyncPolicy

	// SyncInterval is the longest time between two syncs under the policy of that name. Default: 100 ms.
	SyncInterval time.Duration

	// IdleMark is how long after its last sync an idle log writes a sync mark. Until then, damage to the last group cannot
	// be told from a torn write. Default: 1 s.
	IdleMark time.Duration

	// FileBytes is the size to which log files are preallocated, rounded up to 4 KiB. A larger record gets a larger
	// file. As much again is left free on the disk for checkpoints. Default: 64 MiB.
	FileBytes int64

	// QueueBytes bounds the records that are queued or being written, synced and published. While they are as many, Append
	// returns ErrFull; the last one let in may pass the bound. Default: 64 MiB.
	QueueBytes int64

	// Checkpoint is the position up to which the caller has the records elsewhere: they are not replayed, and the log
	// must continue exactly there. Default: the beginning.
	Checkpoint Position

	// OnStart runs first on each goroutine of the log. Default: nothing.
	OnStart func()

	// OnError receives failures that happen in the background, in order, from a goroutine of the log. It must not call
	// the log. Default: they are only returned by Err and by the calls that they affect.
	OnError func(error)
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	o.SyncInterval = cmp.Or(o.SyncInterval, defaultSyncInterval)
	o.IdleMark = cmp.Or(o.IdleMark, defaultIdleMark)
	o.FileBytes = blockUp(cmp.Or(o.FileBytes, defaultFileBytes))
	o.QueueBytes = cmp.Or(o.QueueBytes, defaultQueueBytes)
	if o.OnStart == nil {
		o.OnStart = func() {}
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("wal: "+format, args...))
		}
	}
	check(o.Sync <= SyncNever, "Sync is %s", o.Sync)
	check(o.SyncInterval > 0, "SyncInterval is %s; it must be positive", o.SyncInterval)
	check(o.IdleMark > 0, "IdleMark is %s; it must be positive", o.IdleMark)
	check(o.FileBytes >= fileBytesMin, "FileBytes is %d; it must be at least %d", o.FileBytes, fileBytesMin)
	check(o.FileBytes <= fileBytesMax, "FileBytes is %d; it must be at most %d", o.FileBytes, int64(fileBytesMax))
	check(o.QueueBytes > 0, "QueueBytes is %d; it must be positive", o.QueueBytes)
	return errors.Join(errs...)
}
