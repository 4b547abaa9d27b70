package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/internal/thread"
	"github.com/residualdb/residual/wal"
)

// background seals, checkpoints, merges, drops and looks after the directory without being asked. Its goroutines end with
// Close.
type background struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	// full carries months of which a head is full. What does not fit waits for the next checkpoint.
	full chan catalog.ModelMonth
	// grown is signalled when the log is due for a checkpoint.
	grown chan struct{}
}

// fullMax bounds the months that wait for the background sealer.
const fullMax = 1024

func newBackground() background {
	return background{full: make(chan catalog.ModelMonth, fullMax), grown: make(chan struct{}, 1)}
}

// housekeepingInterval is how often a store looks for work that no append announces: months that settled or expired.
const housekeepingInterval = time.Minute

// retryInterval is how long after a checkpoint that did not help the next one is tried.
const retryInterval = time.Second

func (db *DB) startBackground() {
	bg := &db.background
	ctx, cancel := context.WithCancel(context.Background())
	bg.cancel = cancel
	if db.opts.NoBackground {
		return
	}
	bg.done.Go(func() {
		thread.GiveWay()
		db.sealInBackground(ctx)
	})
	bg.done.Go(func() {
		thread.GiveWay()
		db.keepInBackground(ctx)
	})
	bg.done.Go(func() { db.watchClaim(ctx) })
}

func (db *DB) stopBackground() {
	db.background.cancel()
	db.background.done.Wait()
}

// giveWay lets the calling goroutine give way to queries, where there is a background.
func (db *DB) giveWay() {
	if !db.opts.NoBackground {
		thread.GiveWay()
	}
}

// announce tells the background of work. The publisher calls it and must not wait.
func (bg *background) announce(d catalog.ModelMonth) {
	select {
	case bg.full <- d:
	default:
	}
}

// announceGrown asks for a checkpoint if the log or the heads have grown to their bound.
func (db *DB) announceGrown() {
	if db.log != nil && db.grown() { // no log yet: recovery replays it
		db.background.ask()
	}
}

// grown tells whether the log is as much as a restart should have to replay, or the heads as much as memory should hold.
// Rejected lines that compress well are little to the log and as much to a replay as others.
func (db *DB) grown() bool {
	c := &db.publisher.Counters
	return db.log.Size() >= db.opts.CheckpointBytes || c.Uncovered.Load() >= db.opts.CheckpointRows ||
		c.Unsealed.Load() >= db.opts.HeadBytes || c.RejectedBytes.Load() >= db.opts.CheckpointBytes
}

// ask wakes the goroutine that makes checkpoints.
func (bg *background) ask() {
	select {
	case bg.grown <- struct{}{}:
	default:
	}
}

// logStopped is told when the log takes no records any more. If that is for want of space, a checkpoint makes some.
func (db *DB) logStopped(err error) {
	db.opts.Logger.Error("no events are taken", "error", base.LogError(err))
	if errors.Is(err, wal.ErrNoSpace) {
		db.background.ask()
	}
}

// checkpointDue tells whether the log or the heads have grown to their bound, or the log fills the disk. The goroutine
// that makes checkpoints calls it between two of them. Rows that are being sealed then are those that a failed one has
// left: they count too, because appends may wait for them and nothing else asks for another checkpoint.
func (db *DB) checkpointDue() bool {
	return db.grown() || db.publisher.Counters.HeadBytes() >= db.opts.HeadBytes || errors.Is(db.log.Err(), wal.ErrNoSpace)
}

func (db *DB) sealInBackground(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-db.background.full:
			if err := db.sealFrozen(d); err != nil {
				db.opts.Logger.Error("seal failed", "error", err)
			}
		}
	}
}

func (db *DB) keepInBackground(ctx context.Context) {
	tick := time.NewTicker(housekeepingInterval)
	defer tick.Stop()
	db.balance(ctx) // a restart reads no columns
	var pause lull
	pause.await(db) // the last process may have left months that are over
	if db.checkpointDue() {
		db.background.ask() // and a log that this one's bounds are too small for, in which no append may fit any more
	}
	for {
		calm := false
		select {
		case <-ctx.Done():
			return
		case <-db.background.grown:
		case <-tick.C:
			calm = true
			db.clock.Read() // a jump is confirmed while nothing else asks for the time
		case <-pause.over:
			if calm = pause.lasted(db); !calm {
				continue
			}
		}
		err := db.keepHouse(ctx, calm)
		if !calm {
			pause.await(db)
		}
		if err != nil && ctx.Err() == nil {
			db.counters.backgroundFailures.Add(1)
			db.opts.Logger.Error("background work failed", "error", err)
		}
		if !db.checkpointDue() {
			continue
		}
		if err == nil && db.log.Err() == nil { // rows came meanwhile
			db.background.ask()
			continue
		}
		select { // it failed, or made no room
		case <-ctx.Done():
			return
		case <-time.After(retryInterval):
			db.background.ask()
		}
	}
}

// keepHouse does what is due. Old months go first: they take little space to drop. A checkpoint that is due again waits
// for one merge and not for all, so that neither keeps the other from its turn. calm tells that no load is under way.
func (db *DB) keepHouse(ctx context.Context, calm bool) error {
	err := db.dropExpired()
	if db.checkpointDue() {
		err = errors.Join(err, db.checkpoint(ctx))
	}
	db.balance(ctx)
	if err != nil {
		return err
	}
	for {
		if merged, err := db.mergeOnce(ctx, calm); !merged || err != nil {
			return err
		}
		db.balance(ctx)
		if db.checkpointDue() {
			return nil
		}
	}
}
