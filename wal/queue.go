package wal

import (
	"slices"
	"sync"
)

// retainBytes is the largest buffer kept for the next group: what a burst needed beyond it is given back.
const retainBytes = 16 << 20

// group is what is written and synced together.
type group struct {
	buf     []byte // the records, their headers still blank
	entries []entry
	bytes   int64 // of the queue's budget
}

// entry is one Append or Cut.
type entry struct {
	done    *waiter
	publish func(lsn uint64)
	atCut   func(Position) // set for a Cut, which has no record

	// The record's place in the group's buffer.
	start, end int64
	length     uint32
	kind       uint8

	// Set by the writer.
	lsn uint64
	pos Position
	err error
}

// waiter is where an Append waits. One whose caller has given up is left to the garbage collector.
type waiter struct {
	result chan error // capacity 1: the sender never waits
}

var recordHeaderBlank [recordHeaderSize + recordAlign]byte

// add appends a record, without its header.
func (g *group) add(w *waiter, kind uint8, payload []byte, publish func(uint64)) {
	start := int64(len(g.buf))
	size := frameSize(len(payload))
	g.buf = slices.Grow(g.buf, int(size))
	g.buf = append(g.buf, recordHeaderBlank[:recordHeaderSize]...)
	g.buf = append(g.buf, payload...)
	g.buf = append(g.buf, recordHeaderBlank[:start+size-int64(len(g.buf))]...)
	g.entries = append(g.entries, entry{
		done: w, publish: publish, kind: kind, length: uint32(len(payload)), start: start, end: start + size,
	})
	g.bytes += size
}

// addCut appends a Cut.
func (g *group) addCut(w *waiter, atCut func(Position)) {
	at := int64(len(g.buf))
	g.entries = append(g.entries, entry{done: w, atCut: atCut, start: at, end: at})
}

// queue holds the group that is being filled while the writer works on the one before. In a steady state two buffers
// take turns and nothing is allocated.
type queue struct {
	wake     chan struct{} // capacity 1: the writer has something to look at
	bytesMax int64

	mu sync.Mutex

	// Guarded by mu.
	pending *group
	groups  []*group // to be reused
	buffers [][]byte // to be reused
	bytes   int64    // pending, being written, or being published
	refuse  error    // set when nothing may be queued any more: closed or poisoned
	blocked error    // set while no record may be queued
	closing bool
}

func newQueue(bytesMax int64) *queue {
	return &queue{wake: make(chan struct{}, 1), bytesMax: bytesMax, pending: &group{}}
}

// add queues a record.
func (q *queue) add(w *waiter, kind uint8, payload []byte, publish func(uint64)) error {
	size := frameSize(len(payload))
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.refuse != nil:
		return q.refuse
	case q.blocked != nil:
		return q.blocked
	case q.bytes >= q.bytesMax:
		return ErrFull
	}
	q.bytes += size
	if q.pending.buf == nil && len(q.buffers) > 0 {
		q.pending.buf = q.buffers[len(q.buffers)-1]
		q.buffers = q.buffers[:len(q.buffers)-1]
	}
	q.pending.add(w, kind, payload, publish)
	q.signal()
	return nil
}

// addCut queues a Cut, which a full disk or queue does not stop: it is what leads to space again.
func (q *queue) addCut(w *waiter, atCut func(Position)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refuse != nil {
		return q.refuse
	}
	q.pending.addCut(w, atCut)
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns what is pending, or nil and whether the log is closing.
func (q *queue) take() (g *group, closing bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending.entries) == 0 {
		return nil, q.closing
	}
	g = q.pending
	if n := len(q.groups); n > 0 {
		q.pending, q.groups = q.groups[n-1], q.groups[:n-1]
	} else {
		q.pending = &group{}
	}
	return g, false
}

// written takes back the buffer of a group whose bytes are on disk.
func (q *queue) written(g *group) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if cap(g.buf) <= retainBytes && len(q.buffers) < 2 {
		q.buffers = append(q.buffers, g.buf[:0])
	}
	g.buf = nil
}

// finished takes back a group that is acknowledged.
func (q *queue) finished(g *group) {
	clear(g.entries)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= g.bytes
	*g = group{entries: g.entries[:0]}
	if len(q.groups) < 4 {
		q.groups = append(q.groups, g)
	}
}

// close lets nothing more in.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	if q.refuse == nil {
		q.refuse = ErrClosed
	}
	q.signal()
}

// poison lets nothing more in, because of err.
func (q *queue) poison(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refuse = err
}

// block stops records, with a nil err lets them in again.
func (q *queue) block(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocked = err
}

// err is what an Append would fail with, whatever the size of its record.
func (q *queue) err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.refuse != nil:
		return q.refuse
	case q.blocked != nil:
		return q.blocked
	case q.bytes >= q.bytesMax:
		return ErrFull
	}
	return nil
}

func (q *queue) size() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}
