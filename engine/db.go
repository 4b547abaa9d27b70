package engine

import (
	"context"

	"github.com/residualdb/residual/event"
)

// DB is an open store. It is safe for concurrent use.
type DB struct{}

// Key makes an append idempotent.
type Key struct {
	// ID is the client's idempotency key, 1 to 128 printable bytes.
	ID string
	// Hash is a hash of the decoded request body.
	Hash [16]byte
}

// Appended says what became of a batch.
type Appended struct {
	Successful, Quarantined int
	// Duplicate is true when the key was known: the counts are those of the first append, nothing was stored.
	Duplicate bool
	// LSN is the log sequence number of the batch.
	LSN uint64
}

// Append stores the batch and its rejects as one atomic record. When it returns nil they are durable and the next
// query sees them. The batch is not retained. ctx is honoured until the batch is queued for the log; from there on
// Append waits for the disk's verdict.
func (db *DB) Append(ctx context.Context, b *event.Batch) (Appended, error) {
	panic("BUG: not built")
}

// AppendOnce is Append for a retried request: the first append under a key is stored, each later one with the same
// hash answers with its counts, one with another hash fails with [ErrConflict].
func (db *DB) AppendOnce(ctx context.Context, b *event.Batch, key Key) (Appended, error) {
	panic("BUG: not built")
}

// Rules returns the bounds a decoder must apply to timestamps at this moment.
func (db *DB) Rules() event.Rules { panic("BUG: not built") }

// Health says whether the store takes events.
func (db *DB) Health() Health { panic("BUG: not built") }

// Stats returns counters and gauges.
func (db *DB) Stats() Stats { panic("BUG: not built") }
