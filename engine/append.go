package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/commit"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/publish"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

// The idempotency window: a retry within it is answered from memory, one after it is stored as new.
const (
	// KeysMax bounds the window in keys, where Options do not.
	KeysMax = idempotency.KeysMax
	// KeyMemoryBytes is what a key takes of memory, at most: 140 to 212 bytes as the table grows.
	KeyMemoryBytes = idempotency.KeyMemoryBytes
	// KeysAge bounds it in time.
	KeysAge = idempotency.KeysAge
	// KeyBytesMax bounds one key.
	KeyBytesMax = idempotency.KeyBytesMax
)

// Key makes an append idempotent.
type Key struct {
	// ID is the client's idempotency key, 1 to KeyBytesMax printable bytes.
	ID string
	// Hash is a hash of the decoded request body.
	Hash [16]byte
}

// Appended says what became of a batch.
type Appended struct {
	Successful, Quarantined int
	// Replaced is how many of the successful rows were stored already under their identity, changed or not: the row sent
	// last is the one that counts. With [DuplicatesKeep] it is 0.
	Replaced int
	// Duplicate is true when the key was known: the counts are those of the first append, nothing was stored.
	Duplicate bool
	// LSN is the log sequence number of the batch, 0 for one that was empty.
	LSN uint64
}

// Append stores the batch and its rejects as one atomic record. When it returns nil they are durable and the next
// query sees them. Rows that would make more models, series or months than the options allow are rejects as well. The
// batch is neither changed nor retained. While the rows not sealed take twice HeadBytes, Append waits for a checkpoint. ctx
// is honoured until the batch is queued for the log; from there on Append waits for the disk's verdict.
func (db *DB) Append(ctx context.Context, b *event.Batch) (Appended, error) {
	return db.appendBatch(ctx, b, Origin{}, nil)
}

// AppendOnce is Append for a retried request: the first append under a key is stored, each later one with the same
// hash answers with its counts, one with another hash fails with [ErrConflict].
func (db *DB) AppendOnce(ctx context.Context, b *event.Batch, key Key) (Appended, error) {
	return db.appendBatch(ctx, b, Origin{}, &key)
}

func (db *DB) appendBatch(ctx context.Context, b *event.Batch, o Origin, key *Key) (Appended, error) {
	if err := db.begin(); err != nil {
		return Appended{}, err
	}
	defer db.end()
	if err := checkBatch(b, db.Rules()); err != nil {
		return Appended{}, err
	}
	origin, err := db.originOf(o, b.Rejects)
	if err != nil {
		return Appended{}, err
	}
	limits := publish.Limits{Models: db.opts.ModelsMax, Series: db.opts.SeriesMax, Months: db.opts.MonthsMax}
	b = db.publisher.WithinLimits(b, limits, base.MonthOf(db.clock.Read().Past()))
	done, err := db.commits.Commit(ctx, &record.Record{Batch: b, Keep: db.opts.Duplicates == DuplicatesKeep, Origin: origin}, (*commit.Key)(key))
	return Appended(done), err
}

// AppendActuals stores actuals that came after their predictions, or before. When it returns nil they are durable and
// count: each is the actual of every prediction of its model, id and scope from here on, in the place of an earlier
// one, and is remembered for those still to come, within [Options.ActualsTTL] and [Options.ActualsBytes]. One that is
// not known takes the earlier one back. Otherwise it is as Append.
func (db *DB) AppendActuals(ctx context.Context, a *event.Actuals) (Appended, error) {
	return db.appendActuals(ctx, a, Origin{}, nil)
}

// AppendActualsOnce is to AppendActuals what AppendOnce is to Append.
func (db *DB) AppendActualsOnce(ctx context.Context, a *event.Actuals, key Key) (Appended, error) {
	return db.appendActuals(ctx, a, Origin{}, &key)
}

func (db *DB) appendActuals(ctx context.Context, a *event.Actuals, o Origin, key *Key) (Appended, error) {
	if err := db.begin(); err != nil {
		return Appended{}, err
	}
	defer db.end()
	if err := checkActuals(a); err != nil {
		return Appended{}, err
	}
	origin, err := db.originOf(o, a.Rejects)
	if err != nil {
		return Appended{}, err
	}
	done, err := db.commits.Commit(ctx, &record.Record{Actuals: a, Origin: origin}, (*commit.Key)(key))
	return Appended(done), err
}

// RulesOf returns the bounds of timestamps at a moment, for a store that keeps its rows elsewhere and whose clock is trusted.
func RulesOf(now time.Time, maxFuture, retention time.Duration, of []ModelRetention) event.Rules {
	at := base.ClampMilli(now)
	r := event.Rules{Newest: base.SubMilli(at, -maxFuture)}
	retentionOf(retention, of).Bound(&r, at)
	return r
}

// Rules returns the bounds a decoder must apply to timestamps at this moment. A clock that has jumped narrows them in
// neither direction: an event is too old by the earlier of the wall clock and the trusted one, too new by the later.
func (db *DB) Rules() event.Rules {
	now := db.clock.Read()
	r := event.Rules{Newest: base.SubMilli(now.Latest(), -db.opts.MaxFuture)}
	db.retention.Bound(&r, now.Past())
	return r
}

// checkBatch holds a batch to what a decoder under the same rules lets through. The cost is a nanosecond a row.
func checkBatch(b *event.Batch, rules event.Rules) error {
	n := b.Len()
	if len(b.SeriesOf) != n || len(b.Predicted) != n || len(b.Actual) != n || b.IDs.Len() != n || b.Features.Len() != n {
		return fmt.Errorf("%w: columns of different lengths", ErrBatch)
	}
	for i, ts := range b.Timestamps {
		if int(b.SeriesOf[i]) >= len(b.Series) {
			return fmt.Errorf("%w: row %d is of series %d, there are %d", ErrBatch, i, b.SeriesOf[i], len(b.Series))
		}
		// A batch decoded a moment ago may be past the oldest bound by now; the newest bound only moves up.
		if ts < 0 || ts > rules.Newest {
			return fmt.Errorf("%w: row %d has timestamp %d", ErrBatch, i, ts)
		}
		if !isFinite(b.Predicted[i]) || !isFinite(b.Actual[i]) {
			return fmt.Errorf("%w: row %d holds a value that is not finite", ErrBatch, i)
		}
	}
	return nil
}

func checkActuals(a *event.Actuals) error {
	n := a.Len()
	if len(a.ModelOf) != n || len(a.ScopeOf) != n || len(a.Known) != (n+63)/64 || len(a.Observed) != n ||
		a.IDs.Len() != n {
		return fmt.Errorf("%w: columns of different lengths", ErrBatch)
	}
	if len(a.Scopes) > n {
		return fmt.Errorf("%w: more scopes than rows", ErrBatch)
	}
	for i, v := range a.Values {
		if int(a.ModelOf[i]) >= len(a.Models) {
			return fmt.Errorf("%w: row %d is of model %d, there are %d", ErrBatch, i, a.ModelOf[i], len(a.Models))
		}
		if int(a.ScopeOf[i]) >= len(a.Scopes) {
			return fmt.Errorf("%w: row %d is of scope %d, there are %d", ErrBatch, i, a.ScopeOf[i], len(a.Scopes))
		}
		if !isFinite(v) {
			return fmt.Errorf("%w: row %d holds a value that is not finite", ErrBatch, i)
		}
		if v != 0 && !a.Known.Get(i) {
			return fmt.Errorf("%w: row %d withdraws an actual and holds one", ErrBatch, i)
		}
	}
	return nil
}

func isFinite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }
