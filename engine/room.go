package engine

import (
	"context"
	"fmt"
	"sync"
)

// headsMax bounds the memory of rows not sealed yet, those that are being sealed among them, in shares of HeadBytes: one
// share fills up while the one before it is sealed.
const headsMax = 2

// room lets appends wait until rows are sealed.
type room struct {
	mu sync.Mutex
	// Guarded by mu: the attempt at a checkpoint that is under way or next, nil if nobody waits for it.
	next *attempt
}

// attempt is a checkpoint that somebody waits for. over is closed when it has ended, with err.
type attempt struct {
	over chan struct{}
	err  error
}

func (r *room) attempt() *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &attempt{over: make(chan struct{})}
	}
	return r.next
}

// ended wakes who waits.
func (r *room) ended(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next != nil {
		r.next.err = err
		close(r.next.over)
		r.next = nil
	}
}

// headBytes estimates the memory of rows and actuals that no segment has.
func (db *DB) headBytes() int64 { return db.counters.unsealed.Load() + db.counters.sealing.Load() }

// headsFull tells whether appends must wait for a checkpoint. Without a background nobody would make it.
func (db *DB) headsFull() bool {
	return db.headBytes() >= headsMax*db.opts.HeadBytes && !db.opts.NoBackground
}

// waitForRoom waits until heads are not full. Appends under way pass it together, so that heads outgrow their bound by
// what these bring.
func (db *DB) waitForRoom(ctx context.Context) error {
	if !db.headsFull() {
		return nil
	}
	db.counters.waits.Add(1)
	for {
		a := db.room.attempt()
		if !db.headsFull() {
			return nil
		}
		db.background.ask()
		select {
		case <-a.over:
			if a.err != nil {
				return fmt.Errorf("%w: %w", ErrFull, a.err)
			}
		case <-ctx.Done():
			return fmt.Errorf("%w: rows are not sealed in time: %w", ErrFull, ctx.Err())
		}
	}
}
