package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// checkpointer holds what is on disk beside the log. A checkpoint moves rows from the log's care into packs: it cuts the
// log, seals the heads of the months that got rows before the cut, writes their segments to one pack, and commits it
// with a manifest; only then is the log truncated.
type checkpointer struct {
	*store.Files

	// mu serialises what changes the manifest. It guards all that follows, and what storeFiles says that it guards.
	mu sync.Mutex

	// dirty are months that a cut handed over and that are not all sealed yet.
	dirty []catalog.ModelMonth
	// keys came in before a cut and are in no list yet, and so did the rows of the quarantine from rejects.from to
	// rejects.to.
	keys    []idempotency.Entry
	rejects struct{ from, to uint64 }
	// edited are months with edits that a cut handed over and that are not all folded yet.
	edited map[catalog.ModelMonth]bool
	// actuals are those remembered at the last cut, nil if they are in lists as they are.
	actuals *actuals.Snapshot

	// sealing serialises the sealer; unsaved, guarded by it, are segments that no manifest names.
	sealing sync.Mutex
	sealer  sealer
	unsaved []unsaved

	// scratch is for what the lock of a model guards, on one goroutine at a time.
	scratch segment.Scratch
}

// unsaved is a sealed segment that only the log backs.
type unsaved struct {
	catalog.ModelMonth
	sealed *catalog.Segment
}

// cut is what the publisher hands over at a checkpoint's cut.
type cut struct {
	position wal.Position
	epoch    uint64
	// rows are those that it covers and no earlier one.
	rows int64
}

// Checkpoint makes the packs cover the log up to now and truncates it. It runs beside appends and queries.
func (db *DB) Checkpoint(ctx context.Context) error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.end()
	return db.checkpoint(ctx)
}

func (db *DB) checkpoint(ctx context.Context) (err error) {
	k := &db.checkpointer
	k.mu.Lock()
	defer k.mu.Unlock()
	defer func() {
		if ctx.Err() == nil { // nobody else has given up
			db.room.ended(err)
		}
	}()
	c, err := db.cutLog(ctx)
	if err != nil {
		return err
	}
	return db.cover(c)
}

// cutLog cuts the log. Appends go on behind the cut.
func (db *DB) cutLog(ctx context.Context) (cut, error) {
	if err := db.checkpointer.Failure(); err != nil {
		return cut{}, err
	}
	db.publisher.WaitUnderWay(ctx)
	var c cut
	var unpublished error
	err := db.log.Rotate(ctx, func(pos wal.Position) {
		if unpublished = db.failure(); unpublished == nil {
			c = db.cut(pos)
		}
	})
	if err = cmp.Or(base.LogError(err), unpublished); err != nil {
		return cut{}, fmt.Errorf("checkpoint: %w", err)
	}
	return c, nil
}

// cover makes the packs cover the log up to a cut.
func (db *DB) cover(c cut) error {
	if err := db.sealDirty(c.epoch); err != nil {
		return fmt.Errorf("checkpoint: seal: %w", err)
	}
	if err := db.save(c); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	db.publisher.Counters.Uncovered.Add(-c.rows)
	db.publisher.Counters.Sealed() // only a checkpoint cuts, and this one is under way
	db.counters.checkpoints.Add(1)
	return nil
}

// sealDirty seals what the months that cuts have handed over hold of generations up to last.
func (db *DB) sealDirty(last uint64) error {
	k := &db.checkpointer
	for len(k.dirty) > 0 {
		if err := db.sealMonth(k.dirty[0], last); err != nil {
			return err
		}
		k.dirty = k.dirty[1:]
	}
	k.dirty = nil
	return nil
}

// cut runs on the goroutine of the log that publishes, between the last record before the cut and the first one behind it.
// The keeper's lock is held by the checkpoint that waits for it.
func (db *DB) cut(pos wal.Position) cut {
	k, c := &db.checkpointer, db.publisher.Cut()
	k.dirty = append(k.dirty, c.Dirty...)
	for _, d := range c.Edited {
		k.edited[d] = true
	}
	if c.Actuals != nil {
		k.actuals = c.Actuals
	}
	k.keys = append(k.keys, c.Keys...)
	k.rejects.to = db.quarantine.Next()
	return cut{position: pos, epoch: c.Epoch, rows: c.Rows}
}

// sealMonth seals what the month holds of generations up to last.
func (db *DB) sealMonth(d catalog.ModelMonth, last uint64) error {
	k := &db.checkpointer
	k.sealing.Lock()
	defer k.sealing.Unlock()
	d.Model.FreezeUpTo(d.Month, last)
	return db.sealHeads(d, last)
}

// sealHeads seals the frozen heads of generations up to last. The sealing lock is held.
func (db *DB) sealHeads(d catalog.ModelMonth, last uint64) error {
	k := &db.checkpointer
	for {
		heads := d.Model.FrozenBatch(d.Month, last)
		if len(heads) == 0 {
			return nil
		}
		sd, err := k.sealer.seal(d.Model, d.Month, heads)
		if err != nil {
			return err
		}
		k.unsaved = append(k.unsaved, unsaved{d, sd})
	}
}

// sealFrozen seals the heads of a month that are frozen already.
func (db *DB) sealFrozen(d catalog.ModelMonth) error {
	k := &db.checkpointer
	k.sealing.Lock()
	defer k.sealing.Unlock()
	return db.sealHeads(d, math.MaxUint64)
}
