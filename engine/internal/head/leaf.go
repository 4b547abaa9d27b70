package head

import (
	"slices"
	"sort"
	"sync/atomic"

	"github.com/residualdb/residual/segment"
)

// leafRows is the capacity of a leaf, that of a segment's block: what a query decodes at a window's edge costs the
// same in the head as in a segment, and a late row moves at most this many others.
const leafRows = 1024

// leafFill is how far rows in order fill a leaf. The room above it is for rows that come late, two per cent in normal
// load: a full leaf would be split by the first of them.
const leafFill = leafRows - leafRows/16

// leaf is a run of one series' rows in the head, sorted by time, then prediction id, with its aggregate. The leaves of
// a series do not overlap: each begins at or after the end of the one before.
type leaf struct {
	times             []int64
	predicted, actual []float64
	known             [leafRows / 64]uint64
	// lags are those of [segment.Columns]; nil if no row has one.
	lags []int64
	// text is each row's number in the head's text.
	text []uint32
	// agg is the aggregate of all rows, but while stale is set.
	agg segment.Aggregate
	// stale is set while rows have changed and their head has yet to sum the leaf anew.
	stale bool
	// shared is set while a view may have the arrays, up to the rows that it sees. generation is that of the head since which
	// nobody else has the leaf itself.
	shared     bool
	generation uint16
	// sketches are made by the first report after a change, because most leaves are sealed before one asks.
	sketches sketchCache
}

// sketchCache holds the stored form of the sketches of rows that lie still. Readers may fill it at the same time.
type sketchCache struct{ held atomic.Pointer[[]byte] }

// forget is for those who change the rows.
func (c *sketchCache) forget() { c.held.Store(nil) }

// addTo adds the sketches to dst. scratch makes them, if none are held, of what rows adds to it.
func (c *sketchCache) addTo(dst, scratch *segment.Sketches, rows func(*segment.Sketches)) {
	b := c.held.Load()
	if b == nil {
		scratch.Reset()
		rows(scratch)
		stored := scratch.AppendTo(nil)
		b = &stored
		c.held.Store(b)
	}
	if err := dst.AddStored(*b); err != nil {
		panic("BUG: sketches in memory: " + err.Error())
	}
}

// numbers returns the numbers of the rows, in the memory of the leaf.
func (l *leaf) numbers() *segment.NumberColumns {
	return &segment.NumberColumns{Times: l.times, Predicted: l.predicted, Actual: l.actual, Known: l.known[:], Lags: l.lags}
}

// addSketches adds the rows [from, to) to dst.
func (l *leaf) addSketches(dst *segment.Sketches, from, to int) {
	dst.AddColumns(l.numbers(), from, to)
}

// setLag sets the lag of a row.
func (l *leaf) setLag(i int, lag int64) {
	if l.lags == nil {
		if lag == segment.NoLag {
			return
		}
		l.lags = noLags(l.len())
	}
	l.lags[i] = lag
}

// noLags returns n lags that are not known.
func noLags(n int) []int64 { return slices.Repeat([]int64{segment.NoLag}, n) }

// run is a slice of a batch: rows of one series and month, in the order of a leaf.
type run struct {
	times             []int64
	predicted, actual []float64
	known             []bool
	// lags is nil if no row has one.
	lags []int64
	// text is each row's number in the head's text.
	text []uint32
}

func (r run) slice(from, to int) run {
	s := run{r.times[from:to], r.predicted[from:to], r.actual[from:to], r.known[from:to], nil, r.text[from:to]}
	if r.lags != nil {
		s.lags = r.lags[from:to]
	}
	return s
}

func (l *leaf) len() int     { return len(l.times) }
func (l *leaf) first() int64 { return l.times[0] }
func (l *leaf) last() int64  { return l.times[len(l.times)-1] }

// rowKey is what orders the rows of a series in a head: the time, and the number of the texts, one of which is the id.
type rowKey struct {
	time int64
	text uint32
}

func (l *leaf) at(i int) rowKey { return rowKey{l.times[i], l.text[i]} }
func (r run) at(i int) rowKey   { return rowKey{r.times[i], r.text[i]} }

func (l *leaf) lastKey() rowKey { return l.at(l.len() - 1) }

// newLeaf returns an empty leaf of a generation with memory for all its rows.
func newLeaf(generation uint16) *leaf {
	return &leaf{
		generation: generation,

		times:     make([]int64, 0, leafRows),
		predicted: make([]float64, 0, leafRows),
		actual:    make([]float64, 0, leafRows),
		text:      make([]uint32, 0, leafRows),
	}
}

// wideRows is the most rows of a leaf whose memory grows with them.
const wideRows = leafRows / 2

// widen gives a leaf memory for all its rows.
func (l *leaf) widen() {
	w := newLeaf(l.generation)
	l.times, l.predicted = append(w.times, l.times...), append(w.predicted, l.predicted...)
	l.actual, l.text = append(w.actual, l.actual...), append(w.text, l.text...)
	l.lags, l.shared = slices.Clone(l.lags), false
}

// extend appends rows that are sorted and not before the leaf's last, which has fewer than leafFill. It takes as many
// as leafFill allows and returns how many.
func (l *leaf) extend(r run) int {
	n := min(len(r.times), leafFill-l.len())
	at := l.len()
	l.times = append(l.times, r.times[:n]...)
	l.predicted = append(l.predicted, r.predicted[:n]...)
	l.actual = append(l.actual, r.actual[:n]...)
	l.text = append(l.text, r.text[:n]...)
	for i, known := range r.known[:n] {
		if known {
			setBit(&l.known, at+i)
		}
	}
	if l.lags != nil {
		l.lags = append(l.lags, noLags(n)...)
	}
	if r.lags != nil {
		for i, lag := range r.lags[:n] {
			l.setLag(at+i, lag)
		}
	}
	l.agg.AddUnordered(l.numbers(), at, l.len())
	l.sketches.forget()
	return n
}

// insert puts the first rows of r, a run of h, in their places: as many as come before the row end and fit, and at
// least the first, which must. It returns how many. A row that makes room moves once for all of them, and they are
// added to the aggregate at once, which costs little more than for one.
func (l *leaf) insert(h *Head, r run, end rowKey) int {
	n, most := 1, min(len(r.times), leafRows-l.len())
	for n < most && h.compare(r.at(n), end) < 0 {
		n++
	}
	r = r.slice(0, n)
	if r.lags != nil && !slices.ContainsFunc(r.lags, func(lag int64) bool { return lag != segment.NoLag }) {
		r.lags = nil
	}
	if r.lags != nil && l.lags == nil {
		l.lags = noLags(l.len())
	}
	l.merge(h, r)
	var known [leafRows / 64]uint64
	for i, k := range r.known {
		if k {
			setBit(&known, i)
		}
	}
	l.agg.AddUnordered(&segment.NumberColumns{Times: r.times, Predicted: r.predicted, Actual: r.actual, Known: known[:]}, 0, n)
	l.sketches.forget()
	return n
}

// merge puts the rows of r, a run of h, which fit, each behind those that are alike. It goes backwards: the rows of the
// leaf that come after one of r move up, then it and those of r before it that follow each other there are copied.
func (l *leaf) merge(h *Head, r run) {
	n, end := len(r.times), l.len()
	l.times = slices.Grow(l.times, n)[:end+n]
	l.predicted = slices.Grow(l.predicted, n)[:end+n]
	l.actual = slices.Grow(l.actual, n)[:end+n]
	l.text = slices.Grow(l.text, n)[:end+n]
	if l.lags != nil {
		l.lags = slices.Grow(l.lags, n)[:end+n]
	}
	for n > 0 {
		at := firstAfter(l.times[:end], r.times[n-1])
		if at > 0 && l.times[at-1] == r.times[n-1] {
			at = l.firstAfterAlike(h, at, r.at(n-1))
		}
		if at < end {
			l.moveUp(at, end, n)
			end = at
		}
		from := n - 1
		for from > 0 && (end == 0 || h.compare(r.at(from-1), l.at(end-1)) >= 0) {
			from--
		}
		l.put(end+from, r.slice(from, n))
		n = from
	}
}

// firstAfter returns the place of the first of the times, which are in order, that is later than ts. It looks from the
// end on: rows that come late do so by little, mostly.
func firstAfter(times []int64, ts int64) int {
	step, end := 1, len(times)
	for end > 0 && times[max(end-step, 0)] > ts {
		end = max(end-step, 0)
		step *= 2
	}
	from := max(end-step, 0)
	return from + sort.Search(end-from, func(i int) bool { return times[from+i] > ts })
}

// firstAfterAlike returns the place of the first row of the time of x that comes after x, where the rows of that time
// end at end.
func (l *leaf) firstAfterAlike(h *Head, end int, x rowKey) int {
	from := sort.Search(end, func(i int) bool { return l.times[i] >= x.time })
	return from + sort.Search(end-from, func(i int) bool { return h.compare(l.at(from+i), x) > 0 })
}

// moveUp moves the rows [from, to) up by n.
func (l *leaf) moveUp(from, to, n int) {
	copy(l.times[from+n:], l.times[from:to])
	copy(l.predicted[from+n:], l.predicted[from:to])
	copy(l.actual[from+n:], l.actual[from:to])
	copy(l.text[from+n:], l.text[from:to])
	if l.lags != nil {
		copy(l.lags[from+n:], l.lags[from:to])
	}
	moveBits(&l.known, from, to, n)
}

// put writes the rows of r from row at on.
func (l *leaf) put(at int, r run) {
	copy(l.times[at:], r.times)
	copy(l.predicted[at:], r.predicted)
	copy(l.actual[at:], r.actual)
	copy(l.text[at:], r.text)
	for i, known := range r.known {
		clearBit(&l.known, at+i)
		if known {
			setBit(&l.known, at+i)
		}
	}
	switch {
	case r.lags != nil:
		copy(l.lags[at:], r.lags)
	case l.lags != nil:
		for i := range r.times {
			l.lags[at+i] = segment.NoLag
		}
	}
}

// split moves the upper half of a full leaf to a new one.
func (l *leaf) split() *leaf {
	half := l.len() / 2
	upper := newLeaf(l.generation)
	upper.times = append(upper.times, l.times[half:]...)
	upper.predicted = append(upper.predicted, l.predicted[half:]...)
	upper.actual = append(upper.actual, l.actual[half:]...)
	upper.text = append(upper.text, l.text[half:]...)
	if l.lags != nil {
		upper.lags = append(make([]int64, 0, leafRows), l.lags[half:]...)
		l.lags = l.lags[:half]
	}
	for i := range upper.len() {
		if l.isKnown(half + i) {
			setBit(&upper.known, i)
		}
	}
	l.times, l.predicted, l.actual, l.text = l.times[:half], l.predicted[:half], l.actual[:half], l.text[:half]
	for i := half; i < leafRows; i++ {
		clearBit(&l.known, i)
	}
	l.aggregate()
	upper.aggregate()
	return upper
}

func (l *leaf) aggregate() {
	l.stale = false
	l.agg.Reset()
	l.agg.AddUnordered(l.numbers(), 0, l.len())
	l.sketches.forget()
}

func (l *leaf) isKnown(i int) bool { return l.known[i/64]>>(i%64)&1 == 1 }
