package wal

import (
	"errors"
	"fmt"
)

// Classes of errors, to be tested with errors.Is.
var (
	// ErrCorrupt is returned when the log on disk is damaged in a way that a crash cannot explain. It comes as a
	// [*CorruptError]. Nothing in the directory was changed.
	ErrCorrupt = errors.New("wal: corrupt")

	// ErrForeign is returned when a log file belongs to another store.
	ErrForeign = errors.New("wal: log file of another store")

	// ErrVersion is returned when a log file or record was written by a newer version of the format.
	ErrVersion = errors.New("wal: unknown format version")

	// ErrFull is returned when the queue holds QueueBytes already. Nothing was written; try again later.
	ErrFull = errors.New("wal: queue full")

	// ErrNoSpace is returned while the disk has no room for the next log file. Nothing was written. The log resumes
	// by itself when there is space.
	ErrNoSpace = errors.New("wal: no space for the next log file")

	// ErrUnavailable is returned while the next log file cannot be opened for another reason, such as a lack of file
	// descriptors. Nothing was written. The log resumes by itself.
	ErrUnavailable = errors.New("wal: next log file unavailable")

	// ErrPoisoned is returned after a write or sync has failed: nothing was written for this call, and nothing will
	// be until the log is opened anew.
	ErrPoisoned = errors.New("wal: poisoned by an earlier failure")

	// ErrOutcomeUnknown is returned when a record may or may not be in the log: the context ended after the record was
	// queued, or its write or sync failed. The next Open tells.
	ErrOutcomeUnknown = errors.New("wal: outcome unknown")

	// ErrClosed is returned after Close.
	ErrClosed = errors.New("wal: closed")

	// ErrTooLarge is returned for a payload of more than [RecordBytesMax].
	ErrTooLarge = errors.New("wal: record too large")

	// ErrType is returned for a record type outside [1, TypeMax].
	ErrType = errors.New("wal: record type out of range")
)

// CorruptError says where the log is damaged.
type CorruptError struct {
	Path   string
	Offset int64
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: %s at offset %d: %s", ErrCorrupt, e.Path, e.Offset, e.Err)
}

// Unwrap returns the class and the cause.
func (e *CorruptError) Unwrap() []error { return []error{ErrCorrupt, e.Err} }
