package base

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// The classes of errors, which package engine documents.
var (
	ErrClosed         = errors.New("engine: closed")
	ErrLocked         = errors.New("engine: directory is in use by another process")
	ErrTaken          = vfs.ErrTaken
	ErrCorrupt        = errors.New("engine: corrupt")
	ErrVersion        = errors.New("engine: newer format version")
	ErrFull           = errors.New("engine: queue full")
	ErrUnsealed       = fmt.Errorf("%w of rows that are not sealed", ErrFull)
	ErrNoSpace        = errors.New("engine: no space on disk")
	ErrUnavailable    = errors.New("engine: unavailable")
	ErrDegraded       = errors.New("engine: degraded")
	ErrOutcomeUnknown = errors.New("engine: outcome unknown")
	ErrConflict       = errors.New("engine: idempotency key reused with another body")
	ErrTooLarge       = errors.New("engine: batch too large")
	ErrPositionsFull  = errors.New("engine: no room for more positions")
	ErrBatch          = errors.New("engine: malformed batch")
	ErrQuery          = errors.New("engine: malformed query")
	ErrNoStore        = errors.New("engine: no store")
	ErrDestination    = errors.New("engine: wrong destination")
)

// ErrMisplaced is the reason for refusing a file that is whole and of another store, or under another's name.
var ErrMisplaced = errors.New("the file belongs to another store or has another's name")

// LogError gives an error of the log the class that callers of this package test.
func LogError(err error) error {
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

// Missing gives the error for a file that ought to be there its class.
func Missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// SegmentError does the same for an error of a segment.
func SegmentError(err error) error {
	switch {
	case errors.Is(err, segment.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case errors.Is(err, segment.ErrVersion):
		return fmt.Errorf("%w: %w", ErrVersion, err)
	}
	return err
}
