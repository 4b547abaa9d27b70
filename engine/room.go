package engine

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// headsMax bounds the memory of rows not sealed yet, those that are being sealed among them, in shares of HeadBytes: one
// share fills up while the one before it is sealed.
const headsMax = 2

// roomPatience is how long an append waits for a checkpoint that is under way before all are refused. A server gives its
// appends a little more.
const roomPatience = 25 * time.Second

// room lets appends wait until rows are sealed.
type room struct {
	mu sync.Mutex
	// Guarded by mu: the attempt at a checkpoint that is under way or next, nil if nobody waits for it, and what the last
	// one failed with.
	next   *attempt
	failed error
}

// attempt is a checkpoint that somebody waits for. over is closed when it has ended.
type attempt struct {
	began time.Time
	over  chan struct{}
}

func (r *room) attempt() *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &attempt{time.Now(), make(chan struct{})}
	}
	return r.next
}

// ended wakes who waits.
func (r *room) ended(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = err
	if r.next != nil {
		close(r.next.over)
		r.next = nil
	}
}

// hopeless returns why it is of no use to wait for a checkpoint, nil if one may be made.
func (r *room) hopeless() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.failed != nil:
		return fmt.Errorf("%w: the last checkpoint failed: %w", ErrUnsealed, r.failed)
	case r.next != nil && time.Since(r.next.began) >= roomPatience:
		return fmt.Errorf("%w: the checkpoint takes too long", ErrUnsealed)
	}
	return nil
}

// headsFull tells whether appends must wait for a checkpoint. Without a background nobody would make it.
func (db *DB) headsFull() bool {
	return db.publisher.Counters.HeadBytes() >= headsMax*db.opts.HeadBytes && !db.opts.NoBackground
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
		if err := db.room.hopeless(); err != nil {
			return err
		}
		db.background.ask()
		late := time.NewTimer(roomPatience - time.Since(a.began))
		select {
		case <-a.over:
		case <-late.C:
		case <-ctx.Done():
			late.Stop()
			return fmt.Errorf("%w in time: %w", ErrUnsealed, ctx.Err())
		}
		late.Stop()
	}
}
