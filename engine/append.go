package engine

import (
	"context"
	"fmt"
	"math"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
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
	return db.appendPredictions(b, func(r record.Record) (Appended, error) { return db.submit(ctx, r) })
}

// AppendOnce is Append for a retried request: the first append under a key is stored, each later one with the same
// hash answers with its counts, one with another hash fails with [ErrConflict].
func (db *DB) AppendOnce(ctx context.Context, b *event.Batch, key Key) (Appended, error) {
	return db.appendPredictions(b, func(r record.Record) (Appended, error) { return db.submitOnce(ctx, r, key) })
}

func (db *DB) appendPredictions(b *event.Batch, submit func(record.Record) (Appended, error)) (Appended, error) {
	if err := db.begin(); err != nil {
		return Appended{}, err
	}
	defer db.end()
	if err := checkBatch(b, db.Rules()); err != nil {
		return Appended{}, err
	}
	return submit(record.Record{Batch: db.withinCaps(b), Keep: db.opts.Duplicates == DuplicatesKeep})
}

// submit logs a record and waits until it is durable and published.
func (db *DB) submit(ctx context.Context, r record.Record) (Appended, error) {
	if err := ctx.Err(); err != nil {
		return Appended{}, fmt.Errorf("append: %w", err)
	}
	if err := db.refusal(); err != nil {
		return Appended{}, fmt.Errorf("append: %w", err)
	}
	_, _, counts := r.Rejected()
	done := Appended{Successful: r.Rows(), Quarantined: counts.Total()}
	if done.Successful == 0 && done.Quarantined == 0 && !r.Keyed {
		return done, nil
	}
	if err := db.waitForRoom(ctx); err != nil {
		return Appended{}, fmt.Errorf("append: %w", err)
	}
	release, err := db.indexFor(&r)
	if err != nil {
		return Appended{}, fmt.Errorf("append: %w", err)
	}
	defer release()
	now := db.clock.Read()
	r.At, r.Trusted = now.Wall, now.Trusted
	e := db.encoders.Get()
	x := &publication{record: &r}
	payload := db.encode(e, x)
	// From here on the publisher may read the batch, so that only its end, not that of ctx, may end the wait.
	var unpublished error
	err = db.log.Append(context.WithoutCancel(ctx), r.Kind(), payload, func(lsn uint64) {
		done.LSN = lsn
		unpublished = db.publisher.publish(lsn, x)
	})
	if err == nil && unpublished == nil {
		unpublished = x.wait()
	}
	done.Replaced = x.replaced
	db.encoders.Put(e)
	if err == nil && unpublished != nil {
		err = fmt.Errorf("%w: it is in the log and shows after a restart: %w", ErrOutcomeUnknown, unpublished)
	}
	if err != nil {
		return Appended{}, fmt.Errorf("append: %w", base.LogError(err))
	}
	return done, nil
}

// encodingRows is the least that is encoded on a thread of its own: less is over before it gets there.
const encodingRows = 256

// encoding is the memory in which a request is encoded and put in order.
type encoding struct {
	record.Encoder
	ordered head.Batch
}

// encode returns the record of x in bytes, and puts its rows in the order of their series.
func (db *DB) encode(e *encoding, x *publication) (payload []byte) {
	both := func() {
		payload = e.Encoder.Encode(x.record)
		x.sort(&e.ordered)
	}
	if x.record.Rows() < encodingRows {
		both()
	} else {
		db.encoding.Do(both)
	}
	return payload
}

// submitOnce is submit under an idempotency key.
func (db *DB) submitOnce(ctx context.Context, r record.Record, key Key) (Appended, error) {
	if len(key.ID) == 0 || len(key.ID) > KeyBytesMax {
		return Appended{}, fmt.Errorf("%w: idempotency key of %d bytes; 1 to %d are allowed", ErrBatch, len(key.ID), KeyBytesMax)
	}
	r.Keyed, r.Key, r.Hash = true, idempotency.HashKey(key.ID), key.Hash
	known, ok, err := db.keys.Begin(ctx, r.Key, key.Hash)
	switch {
	case err != nil:
		return Appended{}, err
	case ok:
		db.counters.duplicates.Add(1)
		return appendedBefore(&known), nil
	}
	defer db.keys.End(r.Key)
	return db.submit(ctx, r)
}

// Rules returns the bounds a decoder must apply to timestamps at this moment. A clock that has jumped narrows them in
// neither direction: an event is too old by the earlier of the wall clock and the trusted one, too new by the later.
func (db *DB) Rules() event.Rules {
	now := db.clock.Read()
	r := event.Rules{Oldest: 0, Newest: base.SubMilli(now.Latest(), -db.opts.MaxFuture)}
	if db.opts.Retention > 0 {
		r.Oldest = base.MonthOf(base.SubMilli(now.Past(), db.opts.Retention)).Span().From
	}
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

func isFinite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }

// appendedBefore is the answer to an append under a key after the first.
func appendedBefore(e *idempotency.Entry) Appended {
	return Appended{
		Successful: int(e.Successful), Quarantined: int(e.Quarantined), Replaced: int(e.Replaced), Duplicate: true, LSN: e.LSN,
	}
}
