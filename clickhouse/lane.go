package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
)

// lane stores the requests of one shard, or those that are of several: together, as blocks, predictions and actuals each in blocks of their
// own, which do not wait for each other. It bounds how many parts a shard gets, and what waits for it.
type lane struct {
	store *Store
	// shard is nil for requests of several shards.
	shard *shard
	// announces is set where a request becomes several blocks, which are announced before they are stored.
	announces bool

	// Guarded by mu.
	mu     sync.Mutex
	queues [kinds]queue
	closed bool
	// failed is what the last block failed with, at failedAt.
	failed   error
	failedAt time.Time
}

// What a block is of.
const (
	ofPredictions = iota
	ofActuals
	kinds
)

// queue is what waits for a block of one kind.
type queue struct {
	// wake has a value once there is something new: a request, or a block that has come to its end.
	wake chan struct{}

	// Guarded by the lane.
	waiting []*request
	rows    int
	// underWay is how many blocks are on their way; the last one went at wentAt, and the last one to end took took.
	underWay int
	wentAt   time.Time
	took     time.Duration
}

func newLane(s *Store, of *shard, announces bool) *lane {
	l := &lane{store: s, shard: of, announces: announces}
	for i := range l.queues {
		l.queues[i].wake = make(chan struct{}, 1)
	}
	return l
}

// queueOf is where a request waits.
func (l *lane) queueOf(r *request) *queue {
	if r.batch != nil {
		return &l.queues[ofPredictions]
	}
	return &l.queues[ofActuals]
}

// note says that there is something new.
func (q *queue) note() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// flushesAtOnce is how many blocks of a queue are on their way at one time. A second one goes when it is full, or when the first has been
// under way for secondAfter: each part costs a server the same, whatever is in it, and what goes together makes fewer.
const (
	flushesAtOnce = 2
	secondAfter   = 5 * time.Second
)

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
	waiting := l.queues[ofPredictions].rows + l.queues[ofActuals].rows
	switch {
	case l.closed:
		return engine.ErrClosed
	case waiting > 0 && waiting+r.rows() > l.store.config.WaitingRows:
		cause := fmt.Errorf("%d rows wait for %s", waiting, l)
		if l.failed != nil {
			cause = errors.Join(cause, l.failed)
		}
		return &engine.AwayError{Class: engine.ErrFull, Text: "the cluster cannot keep up; nothing was stored, send the request again", RetryAfter: time.Second, Err: cause}
	}
	q := l.queueOf(r)
	q.waiting = append(q.waiting, r)
	q.rows += r.rows()
	q.note()
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
	q := l.queueOf(r)
	i := slices.Index(q.waiting, r)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.rows -= r.rows()
	return true
}

// take takes the next requests that fit in a block out of the queue, and notes that they are under way; none where none wait.
func (l *lane) take(q *queue) (taken []*request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := 0
	for len(taken) < len(q.waiting) {
		r := q.waiting[len(taken)]
		if len(taken) > 0 && rows+r.rows() > l.store.config.BatchRows {
			break
		}
		taken = append(taken, r)
		rows += r.rows()
	}
	if len(taken) > 0 {
		q.waiting = slices.Clone(q.waiting[len(taken):])
		q.rows -= rows
		q.underWay++
		q.wentAt = time.Now()
	}
	return taken
}

// arrived notes that a block has come to its end.
func (l *lane) arrived(q *queue, took time.Duration) {
	l.mu.Lock()
	q.underWay--
	q.took = took
	l.mu.Unlock()
	q.note()
}

// goesAt is when what waits goes, and whether anything does. A full block goes at once, another one twice the time after the one before
// that a block takes now, between a fifth of BatchWait and all of it: a shard that has little to do is not waited for, and one that is busy
// gets fewer parts.
func (l *lane) goesAt(q *queue) (at time.Time, waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := l.store.config.BatchWait
	pause := min(max(2*q.took, wait/5), wait)
	switch {
	case q.rows >= l.store.config.BatchRows:
		pause = 0
	case q.underWay > 0:
		pause = max(secondAfter, wait)
	}
	return q.wentAt.Add(pause), len(q.waiting) > 0
}

// run stores blocks until the store is closed, and what waits then.
func (l *lane) run() {
	var both sync.WaitGroup
	for i := range l.queues {
		both.Go(func() { l.serve(&l.queues[i]) })
	}
	both.Wait()
}

// serve stores blocks of one kind.
func (l *lane) serve(q *queue) {
	slots := make(chan struct{}, flushesAtOnce)
	var flushes sync.WaitGroup
	for l.await(q) {
		slots <- struct{}{}
		taken := l.take(q)
		if len(taken) == 0 {
			<-slots
			continue
		}
		flushes.Go(func() {
			defer func() { <-slots }()
			begin := time.Now()
			l.flush(taken)
			l.arrived(q, time.Since(begin))
		})
	}
	flushes.Wait()
}

// await waits until a block can go. It is false once the store is closed and nothing waits any more.
func (l *lane) await(q *queue) bool {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var due <-chan time.Time // never, while nothing waits
		if at, waits := l.goesAt(q); waits {
			wait := time.Until(at)
			if wait <= 0 {
				return true
			}
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
		case <-q.wake:
		case <-l.store.stop:
			return l.end(q)
		}
	}
}

// end closes the lane to requests, and tells whether some still wait.
func (l *lane) end(q *queue) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return len(q.waiting) > 0
}

// flush stores requests and tells them.
func (l *lane) flush(requests []*request) {
	ctx, cancel := context.WithTimeout(context.Background(), l.store.config.InsertTimeout)
	defer cancel()
	errs := l.store.keep(ctx, l.shard, l.announces, requests)
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
