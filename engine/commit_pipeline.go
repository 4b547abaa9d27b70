package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/publish"
	"github.com/residualdb/residual/engine/internal/recent"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/internal/thread"
	"github.com/residualdb/residual/wal"
)

// commitPipeline takes the record of a request to where queries see it: it claims the record's idempotency key, waits while
// memory is full, makes the indexes that the record needs, encodes it, appends it to the log, has it published, and
// acknowledges it.
//
// It is safe for concurrent use. All steps run on the goroutine of the request but for two. Large records are encoded on a
// thread that gives way to queries. And the log's goroutine calls the publisher, one record after the other in the order of
// the log, each once it is as durable as [Options.Sync] says; a record that takes the publisher long is deferred to its
// worker. The request waits for either.
type commitPipeline struct {
	env       commitEnv
	log       *wal.Log
	publisher *publish.Publisher
	clock     *clock.Clock
	keys      *idempotency.Window
	encoders  sync.Pool // of *encoding
	// thread encodes large records, one at a time; nil without a background.
	thread *thread.Background

	// duplicates counts requests whose key was known.
	duplicates atomic.Uint64
	// recent counts what was stored.
	recent recent.Counter
}

// commitEnv is what the pipeline needs of the store around it.
type commitEnv struct {
	// refusal returns why nothing is taken at the moment, nil if something is.
	refusal func() error
	// waitForHeads waits while rows that are not sealed take all of their memory.
	waitForHeads func(ctx context.Context) error
	// index makes the indexes by which a record finds rows. release gives back those that were lent.
	index func(r *record.Record) (release func(), err error)
}

// encoding is the memory in which a record is encoded and its rows are put in order.
type encoding struct {
	record.Encoder
	ordered head.Batch
}

// commit makes a record durable and visible, under an idempotency key unless that is nil. ctx may end it until the record
// is with the log.
func (c *commitPipeline) commit(ctx context.Context, r *record.Record, key *Key) (Appended, error) {
	if key != nil {
		known, err := c.claim(ctx, r, key)
		if known != nil || err != nil {
			return appendedBefore(known), err
		}
		defer c.keys.End(r.Key)
	}
	if err := c.ready(ctx); err != nil {
		return Appended{}, err
	}
	_, _, rejected := r.Rejected()
	done := Appended{Successful: r.Rows(), Quarantined: rejected.Total()}
	if done.Successful == 0 && done.Quarantined == 0 && !r.Keyed && len(r.Origin.Positions) == 0 {
		return done, nil
	}
	lsn, x, err := c.store(ctx, r)
	if err != nil {
		return Appended{}, err
	}
	done.LSN, done.Replaced = lsn, x.Replaced()
	c.recent.Add(r.At, recent.Counts{Rows: uint64(done.Successful), Rejected: uint64(done.Quarantined)})
	return done, nil
}

// ready returns why nothing is taken at the moment.
func (c *commitPipeline) ready(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		err = c.env.refusal()
	}
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

// store makes a record durable and visible, and returns its number in the log and its publication, which is over.
func (c *commitPipeline) store(ctx context.Context, r *record.Record) (lsn uint64, x *publish.Publication, err error) {
	if err := c.env.waitForHeads(ctx); err != nil {
		return 0, nil, fmt.Errorf("append: %w", err)
	}
	release, err := c.env.index(r)
	if err != nil {
		return 0, nil, fmt.Errorf("append: %w", err)
	}
	defer release()

	now := c.clock.Read()
	r.At, r.Trusted = now.Wall, now.Trusted
	e, ok := c.encoders.Get().(*encoding)
	if !ok {
		e = new(encoding)
	}
	defer c.encoders.Put(e)
	payload, x := c.encode(e, r)
	if lsn, err = c.appendAndPublish(ctx, r.Kind(), payload, x); err != nil {
		return 0, nil, fmt.Errorf("append: %w", base.LogError(err))
	}
	return lsn, x, nil
}

// delete makes a deletion durable and visible.
func (c *commitPipeline) delete(ctx context.Context, r *record.Record) (lsn uint64, x *publish.Publication, err error) {
	if err := c.ready(ctx); err != nil {
		return 0, nil, err
	}
	return c.store(ctx, r)
}

// appendAndPublish returns once the record is durable and published. The publisher may read the batch until then, so that only
// its end, not that of ctx, ends the wait.
func (c *commitPipeline) appendAndPublish(ctx context.Context, kind uint8, payload []byte, x *publish.Publication) (lsn uint64, err error) {
	var unpublished error
	err = c.log.Append(context.WithoutCancel(ctx), kind, payload, func(n uint64) {
		lsn = n
		unpublished = c.publisher.Publish(n, x)
	})
	if err == nil && unpublished == nil {
		unpublished = x.Wait()
	}
	if err == nil && unpublished != nil {
		err = fmt.Errorf("%w: it is in the log and shows after a restart: %w", ErrOutcomeUnknown, unpublished)
	}
	return lsn, err
}

// encodedApart is the number of rows from which on a record is encoded on the pipeline's thread: less is over before it gets
// there. With all records encoded where they came, a load of 3 M rows takes 6 % longer, and a client that asks 100 times a
// second beside it has a p99 of 13 ms instead of 9.
const encodedApart = 256

// encode returns the bytes of a record and its publication, with its rows in order.
func (c *commitPipeline) encode(e *encoding, r *record.Record) (payload []byte, x *publish.Publication) {
	both := func() { payload, x = e.Encode(r), publish.NewPublication(r, &e.ordered) }
	if r.Rows() < encodedApart {
		both()
	} else {
		c.thread.Do(both)
	}
	return payload, x
}

// claim gives a record its idempotency key, which the caller then has to end in the window. If the key is known, it returns
// what became of the first record under it, once that is known; the record is not to be stored.
func (c *commitPipeline) claim(ctx context.Context, r *record.Record, key *Key) (*idempotency.Entry, error) {
	if len(key.ID) == 0 || len(key.ID) > KeyBytesMax {
		return nil, fmt.Errorf("%w: idempotency key of %d bytes; 1 to %d are allowed", ErrBatch, len(key.ID), KeyBytesMax)
	}
	r.Keyed, r.Key, r.Hash = true, idempotency.HashKey(key.ID), key.Hash
	known, ok, err := c.keys.Begin(ctx, r.Key, key.Hash)
	if err != nil || !ok {
		return nil, err
	}
	c.duplicates.Add(1)
	return &known, nil
}

// appendedBefore is the answer to a request whose key is known; none if there is no entry.
func appendedBefore(e *idempotency.Entry) Appended {
	if e == nil {
		return Appended{}
	}
	return Appended{
		Successful: int(e.Successful), Quarantined: int(e.Quarantined), Replaced: int(e.Replaced), Duplicate: true, LSN: e.LSN,
	}
}
