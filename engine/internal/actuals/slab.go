package actuals

import "slices"

// entryNumber is the place of an entry in the slab; none is no entry.
type entryNumber = uint32

const none = ^entryNumber(0)

// entry is an actual in numbers, without pointers, so that a million of them cost the garbage collector nothing.
type entry struct {
	hash               uint64
	value              float64
	observed, received int64
	lsn                uint64
	line               uint32
	names              nameRef
	lens               [4]uint16   // of model, id, version, environment
	next               entryNumber // of the same model and id
	queued             uint32      // the place in its heap
	flags              uint8
}

const (
	flagUsed = 1 << iota
	flagKnown
	flagMet
)

func (e *entry) known() bool { return e.flags&flagKnown != 0 }
func (e *entry) size() int {
	return int(e.lens[0]) + int(e.lens[1]) + int(e.lens[2]) + int(e.lens[3])
}

const slabEntries = 1 << 10

// slab holds entries in pieces. Pieces that a snapshot shares are copied before they change.
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
	s.edit(n).flags = 0
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

// heap orders entries by when they came, the oldest first (Knuth, TAOCP 5.2.3). An entry that comes in order of time,
// as nearly all do, stays where it is put.
type heap struct {
	entries *slab
	order   []entryNumber
}

func (h *heap) len() int           { return len(h.order) }
func (h *heap) first() entryNumber { return h.order[0] }

func (h *heap) push(n entryNumber) {
	h.order = append(h.order, n)
	h.up(len(h.order)-1, n)
}

func (h *heap) remove(n entryNumber) {
	at, last := int(h.entries.at(n).queued), len(h.order)-1
	moved := h.order[last]
	h.order = h.order[:last]
	if at == last {
		return
	}
	if at > 0 && h.entries.before(moved, h.order[(at-1)/2]) {
		h.up(at, moved)
	} else {
		h.down(at, moved)
	}
}

// up puts n at a place or above.
func (h *heap) up(at int, n entryNumber) {
	for at > 0 {
		parent := (at - 1) / 2
		if !h.entries.before(n, h.order[parent]) {
			break
		}
		h.set(at, h.order[parent])
		at = parent
	}
	h.set(at, n)
}

// down puts n at a place or below.
func (h *heap) down(at int, n entryNumber) {
	for {
		child := 2*at + 1
		if child >= len(h.order) {
			break
		}
		if child+1 < len(h.order) && h.entries.before(h.order[child+1], h.order[child]) {
			child++
		}
		if !h.entries.before(h.order[child], n) {
			break
		}
		h.set(at, h.order[child])
		at = child
	}
	h.set(at, n)
}

func (h *heap) set(at int, n entryNumber) {
	h.order[at] = n
	h.entries.edit(n).queued = uint32(at)
}

// table finds the first entry of a model and id by their hash: open addressing, at most half full.
type table struct {
	slots []entryNumber // plus one; 0 is empty
	used  int
}

// set puts an entry in the place of one with the same hash, which is none for a new one; none takes it out.
func (t *table) set(entries *slab, hash uint64, old, n entryNumber) {
	if old == none {
		if 2*(t.used+1) > len(t.slots) {
			t.grow(entries)
		}
		i := t.home(hash)
		for t.slots[i] != 0 {
			i = t.next(i)
		}
		t.slots[i] = n + 1
		t.used++
		return
	}
	i := t.home(hash)
	for t.slots[i] != old+1 {
		i = t.next(i)
	}
	if n != none {
		t.slots[i] = n + 1
		return
	}
	t.used--
	t.close(entries, i)
}

// close empties slot i and moves up those behind it that would no longer be found (Knuth, TAOCP 6.4, algorithm R).
func (t *table) close(entries *slab, i int) {
	for k := t.next(i); t.slots[k] != 0; k = t.next(k) {
		home := t.home(entries.at(t.slots[k] - 1).hash)
		if between := i < k && (home <= i || home > k) || i > k && home <= i && home > k; between {
			t.slots[i] = t.slots[k]
			i = k
		}
	}
	t.slots[i] = 0
}

func (t *table) grow(entries *slab) {
	old := t.slots
	t.slots = make([]entryNumber, max(16, len(old)*2))
	for _, n := range old {
		if n != 0 {
			i := t.home(entries.at(n - 1).hash)
			for t.slots[i] != 0 {
				i = t.next(i)
			}
			t.slots[i] = n
		}
	}
}

// home is the slot where the search for a hash begins.
func (t *table) home(hash uint64) int {
	return int((hash >> 32) * uint64(len(t.slots)) >> 32)
}

func (t *table) next(i int) int {
	if i++; i < len(t.slots) {
		return i
	}
	return 0
}
