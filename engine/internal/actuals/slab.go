package actuals

import (
	"container/heap"
	"slices"
)

// entryNumber is the place of an entry in the slab; none is no entry.
type entryNumber = uint32

const none = ^entryNumber(0)

// entry is an actual. The zero entry is not in use.
type entry struct {
	hash               uint64
	names              []byte // model, id, version and environment; never written again
	lens               [4]uint16
	value              float64
	observed, received int64
	lsn                uint64
	line               uint32
	next               entryNumber // of the same hash
	queued             uint32      // the place in its queue
	flags              uint8
}

const (
	flagUsed = 1 << iota
	flagKnown
	flagMet
)

func (e *entry) known() bool { return e.flags&flagKnown != 0 }
func (e *entry) met() bool   { return e.flags&flagMet != 0 }

// isOf tells whether an entry is of a model and id.
func (e *entry) isOf(model, id []byte) bool {
	return int(e.lens[0]) == len(model) && int(e.lens[1]) == len(id) &&
		string(e.names[:len(model)]) == string(model) && string(e.names[len(model):len(model)+len(id)]) == string(id)
}

// actual returns the entry, its names in the entry's own bytes.
func (e *entry) actual() Actual {
	b := e.names
	name := func(i int) []byte {
		x := b[:e.lens[i]:e.lens[i]]
		b = b[e.lens[i]:]
		return x
	}
	return Actual{
		Model: name(0), ID: name(1), Version: name(2), Environment: name(3),
		Value: e.value, Known: e.known(), Met: e.met(),
		Observed: e.observed, Received: e.received, LSN: e.lsn, Line: e.line,
	}
}

// slabEntries is the number of entries of a piece, some 40 KiB.
const slabEntries = 1 << 9

// slab holds entries in pieces. Pieces that a snapshot shares are copied before they change: to copy a million actuals at
// once would stop the publisher for longer than the 25 ms that the slowest answer in a hundred may take.
type slab struct {
	pieces []*[slabEntries]entry
	shared []bool // which of them a snapshot has
	free   []entryNumber
	end    entryNumber // entries from here on were never taken
	count  int
}

func (s *slab) at(n entryNumber) *entry { return &s.pieces[n/slabEntries][n%slabEntries] }

// edit returns an entry to change.
func (s *slab) edit(n entryNumber) *entry {
	if i := n / slabEntries; s.shared[i] {
		piece := *s.pieces[i]
		s.pieces[i], s.shared[i] = &piece, false
	}
	return s.at(n)
}

// take returns the number of an entry that is not used.
func (s *slab) take() entryNumber {
	s.count++
	if n := len(s.free); n > 0 {
		e := s.free[n-1]
		s.free = s.free[:n-1]
		return e
	}
	if int(s.end) == len(s.pieces)*slabEntries {
		s.pieces = append(s.pieces, new([slabEntries]entry))
		s.shared = append(s.shared, false)
	}
	s.end++
	return s.end - 1
}

func (s *slab) give(n entryNumber) {
	*s.edit(n) = entry{}
	s.free = append(s.free, n)
	s.count--
}

// share returns the slab as it is now, for reading.
func (s *slab) share() slab {
	for i := range s.shared {
		s.shared[i] = true
	}
	return slab{pieces: slices.Clone(s.pieces), end: s.end, count: s.count}
}

// used lists the entries that are used.
func (s *slab) used() []entryNumber {
	all := make([]entryNumber, 0, s.count)
	for n := range s.end {
		if s.at(n).flags&flagUsed != 0 {
			all = append(all, n)
		}
	}
	return all
}

// before tells whether an entry came before another.
func (s *slab) before(a, b entryNumber) bool {
	x, y := s.at(a), s.at(b)
	if x.received != y.received {
		return x.received < y.received
	}
	return s.newer(b, a)
}

// newer tells whether an entry is behind another in the log.
func (s *slab) newer(a, b entryNumber) bool {
	x, y := s.at(a), s.at(b)
	return x.lsn > y.lsn || x.lsn == y.lsn && x.line > y.line
}

// queue orders entries by when they came, the oldest first, as a heap of [container/heap]. An entry that comes in order of
// time, as nearly all do, stays where it is put.
type queue struct {
	entries *slab
	order   []entryNumber
}

func (q *queue) first() entryNumber   { return q.order[0] }
func (q *queue) add(n entryNumber)    { heap.Push(q, n) }
func (q *queue) remove(n entryNumber) { heap.Remove(q, int(q.entries.at(n).queued)) }

// Len is a method of [heap.Interface], as those that follow.
func (q *queue) Len() int           { return len(q.order) }
func (q *queue) Less(i, j int) bool { return q.entries.before(q.order[i], q.order[j]) }

func (q *queue) Swap(i, j int) {
	q.order[i], q.order[j] = q.order[j], q.order[i]
	q.entries.edit(q.order[i]).queued, q.entries.edit(q.order[j]).queued = uint32(i), uint32(j)
}

func (q *queue) Push(n any) {
	q.entries.edit(n.(entryNumber)).queued = uint32(len(q.order))
	q.order = append(q.order, n.(entryNumber))
}

func (q *queue) Pop() any {
	last := len(q.order) - 1
	n := q.order[last]
	q.order = q.order[:last]
	return n
}
