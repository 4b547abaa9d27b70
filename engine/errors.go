package engine

import (
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/segment"
)

// Classes of errors a caller branches on with [errors.Is].
var (
	// ErrClosed is returned by every method after Close.
	ErrClosed = base.ErrClosed
	// ErrLocked is returned by Open when another process holds the directory.
	ErrLocked = base.ErrLocked
	// ErrTaken is returned, beside [ErrDegraded] or [ErrOutcomeUnknown], once the directory is no longer what its path leads
	// to: it was moved, removed or replaced, or its lock or id was. Nothing is written any more, neither to the directory
	// nor to what is in its place.
	ErrTaken = base.ErrTaken
	// ErrCorrupt is returned when stored bytes fail their check. Nothing is written after it.
	ErrCorrupt = base.ErrCorrupt
	// ErrVersion is returned by Open for a directory written by a newer format.
	ErrVersion = base.ErrVersion
	// ErrFull is returned by Append when the queue before the log is full, or memory was full of rows that could not be
	// sealed in time. Nothing was stored; try again later.
	ErrFull = base.ErrFull
	// ErrUnsealed is the ErrFull of a store whose memory is full of rows that cannot be sealed.
	ErrUnsealed = base.ErrUnsealed
	// ErrNoSpace is returned by Append while the disk is full. Nothing was stored; appends resume by themselves.
	ErrNoSpace = base.ErrNoSpace
	// ErrUnavailable is returned by Append while the log cannot go on for a reason that passes by itself, such as a lack of
	// file descriptors, or while sealed rows that it is about cannot be read. Nothing was stored.
	ErrUnavailable = base.ErrUnavailable
	// ErrDegraded is returned by Append after a write or sync of the log or of a checkpoint failed, stored bytes failed their
	// check, or the directory was taken. Queries go on; a restart recovers.
	ErrDegraded = base.ErrDegraded
	// ErrOutcomeUnknown is returned by Append when the disk failed under it: the batch may or may not survive a
	// restart. Retry with the same idempotency key.
	ErrOutcomeUnknown = base.ErrOutcomeUnknown
	// ErrConflict is returned by AppendOnce when the key was used with another body.
	ErrConflict = base.ErrConflict
	// ErrTooLarge is returned by Append for a batch over the record limit of the log.
	ErrTooLarge = base.ErrTooLarge
	// ErrPositionsFull is returned by AppendFrom for positions of new parts beyond [Options.PositionsBytes]. Nothing was stored, and
	// it takes a greater bound, or parts that are forgotten, to store it; positions of parts that are known are taken as ever.
	ErrPositionsFull = base.ErrPositionsFull
	// ErrBatch is returned by Append for a batch whose columns do not fit together or hold values no decoder accepts.
	ErrBatch = base.ErrBatch
	// ErrQuery is returned for a query whose parameters contradict each other.
	ErrQuery = base.ErrQuery
	// ErrNoStore is returned by Verify and Salvage for a directory that holds nothing of a store.
	ErrNoStore = base.ErrNoStore
	// ErrDestination is returned for a folder that is not one of backups of the store, or holds something else, by Restore for a
	// directory that is not empty, and for a snapshot that is not there.
	ErrDestination = base.ErrDestination
)

// All is the parameter value that stands for every model, version or environment.
const All = query.All

// Read counts what a query really decoded. Rows answered from aggregates do not count.
type Read = segment.Read

// AwayError is returned by a store whose rows are elsewhere, while a part of it is away or does not take any.
type AwayError struct {
	// Class is ErrUnavailable, ErrFull, ErrNoSpace or ErrOutcomeUnknown.
	Class error
	// Text is for who has sent the request: what is away, and what is not stored or answered.
	Text string
	// RetryAfter is when it is worth another try.
	RetryAfter time.Duration
	Err        error
}

// Error returns what is away and why.
func (e *AwayError) Error() string { return e.Text + ": " + e.Err.Error() }

// Unwrap returns the class and the cause.
func (e *AwayError) Unwrap() []error { return []error{e.Class, e.Err} }
