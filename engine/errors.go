package engine

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// Classes of errors a caller branches on with [errors.Is].
var (
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("engine: closed")
	// ErrLocked is returned by Open when another process holds the directory.
	ErrLocked = errors.New("engine: directory is in use by another process")
	// ErrTaken is returned, beside [ErrDegraded] or [ErrOutcomeUnknown], once the directory is no longer what its path leads
	// to: it was moved, removed or replaced, or its lock or id was. Nothing is written any more, neither to the directory
	// nor to what is in its place.
	ErrTaken = vfs.ErrTaken
	// ErrCorrupt is returned when stored bytes fail their check. Nothing is written after it.
	ErrCorrupt = errors.New("engine: corrupt")
	// ErrVersion is returned by Open for a directory written by a newer format.
	ErrVersion = errors.New("engine: newer format version")
	// ErrFull is returned by Append when the queue before the log is full, or memory was full of rows that could not be
	// sealed in time. Nothing was stored; try again later.
	ErrFull = errors.New("engine: queue full")
	// ErrUnsealed is the ErrFull of a store whose memory is full of rows that cannot be sealed.
	ErrUnsealed = fmt.Errorf("%w of rows that are not sealed", ErrFull)
	// ErrNoSpace is returned by Append while the disk is full. Nothing was stored; appends resume by themselves.
	ErrNoSpace = errors.New("engine: no space on disk")
	// ErrUnavailable is returned by Append while the log cannot go on for a reason that passes by itself, such as a lack of
	// file descriptors, or while sealed rows that it is about cannot be read. Nothing was stored.
	ErrUnavailable = errors.New("engine: unavailable")
	// ErrDegraded is returned by Append after a write or sync failed. Queries go on; a restart recovers.
	ErrDegraded = errors.New("engine: degraded")
	// ErrOutcomeUnknown is returned by Append when the disk failed under it: the batch may or may not survive a
	// restart. Retry with the same idempotency key.
	ErrOutcomeUnknown = errors.New("engine: outcome unknown")
	// ErrConflict is returned by AppendOnce when the key was used with another body.
	ErrConflict = errors.New("engine: idempotency key reused with another body")
	// ErrTooLarge is returned by Append for a batch over the record limit of the log.
	ErrTooLarge = errors.New("engine: batch too large")
	// ErrBatch is returned by Append for a batch whose columns do not fit together or hold values no decoder accepts.
	ErrBatch = errors.New("engine: malformed batch")
	// ErrQuery is returned for a query whose parameters contradict each other.
	ErrQuery = errors.New("engine: malformed query")
)

// errMisplaced is the reason for refusing a file that is whole and of another store, or under another's name.
var errMisplaced = errors.New("the file belongs to another store or has another's name")

// logError gives an error of the log the class that callers of this package test.
func logError(err error) error {
	for _, c := range [...]struct{ log, engine error }{
		{wal.ErrFull, ErrFull},
		{wal.ErrNoSpace, ErrNoSpace},
		{wal.ErrUnavailable, ErrUnavailable},
		{wal.ErrPoisoned, ErrDegraded},
		{wal.ErrOutcomeUnknown, ErrOutcomeUnknown},
		{wal.ErrClosed, ErrClosed},
		{wal.ErrTooLarge, ErrTooLarge},
		{wal.ErrCorrupt, ErrCorrupt},
		{wal.ErrForeign, ErrCorrupt},
		{wal.ErrVersion, ErrVersion},
	} {
		if errors.Is(err, c.log) {
			return fmt.Errorf("%w: %w", c.engine, err)
		}
	}
	return err
}

// missing gives the error for a file that ought to be there its class.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// segmentError does the same for an error of a segment.
func segmentError(err error) error {
	switch {
	case errors.Is(err, segment.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case errors.Is(err, segment.ErrVersion):
		return fmt.Errorf("%w: %w", ErrVersion, err)
	}
	return err
}
