package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// request is an append that waits for its block to be stored.
type request struct {
	batch   *event.Batch
	actuals *event.Actuals
	source  string
	rejects []event.Reject
	// rejected counts all of them.
	rejected  int
	positions []engine.Position
	key       *engine.Key
	importID  string

	done chan error
}

// counts are the rejected lines of it by code.
func (r *request) counts() event.Counts {
	if r.batch != nil {
		return r.batch.Rejected
	}
	return r.actuals.Rejected
}

// rows is how many rows it has.
func (r *request) rows() int {
	if r.batch != nil {
		return r.batch.Len()
	}
	return r.actuals.Len()
}

// lane stores the requests of one shard, or those that are of several: together, as blocks, one lane of blocks at a time for predictions
// and one for actuals. It bounds how many parts a shard gets, and what waits for it.
type lane struct {
	store *Store
	// shard is nil for requests of several shards.
	shard *shard
	wake  chan struct{}

	// Guarded by mu.
	mu      sync.Mutex
	waiting []*request
	rows    int
	closed  bool
	// failed is what the last block failed with, at failedAt.
	failed   error
	failedAt time.Time
}

// flushesAtOnce is how many blocks of a lane are on their way at one time: while one is stored the next is made.
const flushesAtOnce = 2

// submit stores a request and waits for the outcome. The context is honoured until the request is in a block.
func (l *lane) submit(ctx context.Context, r *request) error {
	if err := l.queue(r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
	}
	if l.withdraw(r) {
		return fmt.Errorf("wait for a block: %w", ctx.Err())
	}
	return <-r.done
}

// queue adds a request, unless too many rows wait.
func (l *lane) queue(r *request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return engine.ErrClosed
	case l.rows > 0 && l.rows+r.rows() > l.store.config.WaitingRows:
		cause := fmt.Errorf("%d rows wait for %s", l.rows, l)
		if l.failed != nil {
			cause = errors.Join(cause, l.failed)
		}
		return &engine.AwayError{Class: engine.ErrFull, Text: "the cluster cannot keep up; nothing was stored, send the request again", RetryAfter: time.Second, Err: cause}
	}
	l.waiting = append(l.waiting, r)
	l.rows += r.rows()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

func (l *lane) String() string {
	if l.shard == nil {
		return "several shards"
	}
	return fmt.Sprintf("shard %d (%s)", l.shard.number, l.shard.addresses())
}

// withdraw takes back a request that is in no block yet, and tells whether it was one.
func (l *lane) withdraw(r *request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, x := range l.waiting {
		if x == r {
			l.waiting = append(l.waiting[:i:i], l.waiting[i+1:]...)
			l.rows -= r.rows()
			return true
		}
	}
	return false
}

// take returns the next requests of a block: all predictions, or all actuals. full tells whether more wait than it takes.
func (l *lane) take() (taken []*request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := 0
	for len(taken) < len(l.waiting) {
		r := l.waiting[len(taken)]
		if len(taken) > 0 && ((r.batch != nil) != (taken[0].batch != nil) || rows+r.rows() > l.store.config.BatchRows) {
			break
		}
		taken = append(taken, r)
		rows += r.rows()
	}
	l.waiting = append([]*request(nil), l.waiting[len(taken):]...)
	l.rows -= rows
	return taken
}

// isFull tells whether a whole block waits.
func (l *lane) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rows >= l.store.config.BatchRows
}

func (l *lane) isEmpty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) == 0
}

// run stores blocks until the store is closed, and what waits then.
func (l *lane) run() {
	slots := make(chan struct{}, flushesAtOnce)
	var flushes sync.WaitGroup
	var last time.Time
	for {
		if l.isEmpty() {
			select {
			case <-l.wake:
				continue
			case <-l.store.stop:
			}
			if l.end() {
				break
			}
			continue
		}
		l.linger(last.Add(l.store.config.BatchWait))
		slots <- struct{}{}
		taken := l.take()
		if len(taken) == 0 {
			<-slots
			continue
		}
		last = time.Now()
		flushes.Go(func() {
			defer func() { <-slots }()
			l.flush(taken)
		})
	}
	flushes.Wait()
}

// end tells whether nothing waits, and lets nothing wait from then on.
func (l *lane) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return len(l.waiting) == 0
}

// linger waits until a time for a block to fill.
func (l *lane) linger(until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for !l.isFull() {
		select {
		case <-timer.C:
			return
		case <-l.store.stop:
			return
		case <-l.wake:
		}
	}
}

// flush stores requests and tells them.
func (l *lane) flush(requests []*request) {
	ctx, cancel := context.WithTimeout(context.Background(), l.store.config.InsertTimeout)
	defer cancel()
	errs := l.store.keep(ctx, l.shard, requests)
	l.mu.Lock()
	l.failed = nil
	for _, err := range errs {
		if err != nil {
			l.failed, l.failedAt = err, time.Now()
		}
	}
	l.mu.Unlock()
	for i, r := range requests {
		r.done <- errs[i]
	}
}

// failure returns what the last block failed with, if that was a moment ago.
func (l *lane) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil && time.Since(l.failedAt) < failureShown {
		return l.failed
	}
	return nil
}

// failureShown is for how long a block that failed makes the store unwell.
const failureShown = 15 * time.Second
