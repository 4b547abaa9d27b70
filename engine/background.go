package engine

import (
	"context"
	"errors"
	"sync"
	"time"
)

// background seals, checkpoints, merges and drops without being asked. Its two goroutines end with Close.
type background struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	// full carries months whose head has reached sealRows. What does not fit waits for the next checkpoint.
	full chan dirtyMonth
	// grown is signalled when the log is due for a checkpoint.
	grown chan struct{}
}

// fullMax bounds the months that wait for the background sealer.
const fullMax = 1024

func newBackground() background {
	return background{full: make(chan dirtyMonth, fullMax), grown: make(chan struct{}, 1)}
}

// housekeepingInterval is how often a store looks for work that no append announces: months that settled or expired.
const housekeepingInterval = time.Minute

func (db *DB) startBackground() {
	bg := &db.background
	ctx, cancel := context.WithCancel(context.Background())
	bg.cancel = cancel
	if db.opts.NoBackground {
		return
	}
	bg.done.Go(func() { db.sealInBackground(ctx) })
	bg.done.Go(func() { db.keepInBackground(ctx) })
}

func (db *DB) stopBackground() {
	db.background.cancel()
	db.background.done.Wait()
}

// announce tells the background of work. The publisher calls it and must not wait.
func (bg *background) announce(d dirtyMonth) {
	select {
	case bg.full <- d:
	default:
	}
}

// announceGrown asks for a checkpoint if the log has grown to its bound.
func (db *DB) announceGrown() {
	if db.log == nil || db.log.Size() < db.opts.CheckpointBytes { // no log yet: recovery replays it
		return
	}
	select {
	case db.background.grown <- struct{}{}:
	default:
	}
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
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-db.background.grown:
			if db.log.Size() >= db.opts.CheckpointBytes {
				err = db.checkpoint(ctx)
			}
		case <-tick.C:
		}
		err = errors.Join(err, db.dropExpired(), db.merge(ctx))
		db.balance()
		if err != nil && ctx.Err() == nil {
			db.counters.backgroundFailures.Add(1)
			db.opts.Logger.Error("background work failed", "error", err)
		}
	}
}
