package engine

import (
	"math/bits"
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

// leaf is a run of one series' rows in the head, sorted by time, with its aggregate. The leaves of a series do not
// overlap: each begins at or after the end of the one before.
type leaf struct {
	times             []int64
	predicted, actual []float64
	known             [leafRows / 64]uint64
	// lags are those of [segment.Columns]; nil if no row has one.
	lags []int64
	// text is each row's number in the head's text.
	text []uint32
	agg  segment.Aggregate
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

// addSketches adds the rows [from, to) to dst.
func (l *leaf) addSketches(dst *segment.Sketches, from, to int) {
	dst.AddRows(l.predicted, l.actual, l.lags, l.known[:], from, to)
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

// noLags returns n lags of none.
func noLags(n int) []int64 { return slices.Repeat([]int64{segment.NoLag}, n) }

// run is a slice of a batch: rows of one series and month in the order they came.
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

// newLeaf returns an empty leaf with memory for all its rows.
func newLeaf() *leaf {
	return &leaf{
		times:     make([]int64, 0, leafRows),
		predicted: make([]float64, 0, leafRows),
		actual:    make([]float64, 0, leafRows),
		text:      make([]uint32, 0, leafRows),
	}
}

// wideRows is the most that a leaf has while it grows with its rows.
const wideRows = leafRows / 2

// widen gives a leaf memory for all its rows.
func (l *leaf) widen(spares *spares) {
	w := spares.leaf()
	l.times, l.predicted = append(w.times, l.times...), append(w.predicted, l.predicted...)
	l.actual, l.text = append(w.actual, l.actual...), append(w.text, l.text...)
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
	l.agg.AddRows(l.times, l.predicted, l.actual, l.known[:], at, l.len())
	l.sketches.forget()
	return n
}

// insertMax bounds the rows of one insert: their known bits are one word.
const insertMax = 64

// insert puts the first rows of r in their places: as many as are in order, come before the time end and fit, and at least
// the first, which must. It returns how many. A row that makes room moves once for all of them, and they are added to the
// aggregate at once, which costs little more than for one.
func (l *leaf) insert(r run, end int64) int {
	n, most := 1, min(len(r.times), leafRows-l.len(), insertMax)
	for n < most && r.times[n] >= r.times[n-1] && r.times[n] < end {
		n++
	}
	places := l.makeRoom(r.times[:n])
	known := [1]uint64{}
	for i, at := range places[:n] {
		l.times[at], l.predicted[at], l.actual[at], l.text[at] = r.times[i], r.predicted[i], r.actual[i], r.text[i]
		insertBit(&l.known, int(at), r.known[i])
		if r.known[i] {
			known[0] |= 1 << i
		}
		if l.lags != nil {
			l.lags = slices.Insert(l.lags, int(at), segment.NoLag)
		}
	}
	if r.lags != nil {
		for i, lag := range r.lags[:n] {
			l.setLag(int(places[i]), lag)
		}
	}
	l.sketches.forget()
	l.agg.AddRows(r.times[:n], r.predicted[:n], r.actual[:n], known[:], 0, n)
	return n
}

// makeRoom moves rows up to where they are once rows of the given times, at most insertMax in order, are there too,
// each behind those of its time, and returns the places of these.
func (l *leaf) makeRoom(times []int64) (places [insertMax]uint16) {
	n, end := len(times), l.len()
	l.times = slices.Grow(l.times, n)[:end+n]
	l.predicted = slices.Grow(l.predicted, n)[:end+n]
	l.actual = slices.Grow(l.actual, n)[:end+n]
	l.text = slices.Grow(l.text, n)[:end+n]
	for i := n - 1; i >= 0; i-- {
		at := sort.Search(end, func(k int) bool { return l.times[k] > times[i] })
		to := at + i + 1
		copy(l.times[to:], l.times[at:end])
		copy(l.predicted[to:], l.predicted[at:end])
		copy(l.actual[to:], l.actual[at:end])
		copy(l.text[to:], l.text[at:end])
		places[i] = uint16(at + i)
		end = at
	}
	return places
}

// split moves the upper half of a full leaf to a new one.
func (l *leaf) split(spares *spares) *leaf {
	half := l.len() / 2
	upper := spares.leaf()
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
	l.agg.Reset()
	l.agg.AddRows(l.times, l.predicted, l.actual, l.known[:], 0, l.len())
	l.sketches.forget()
}

func (l *leaf) isKnown(i int) bool { return l.known[i/64]>>(i%64)&1 == 1 }

func setBit(b *[leafRows / 64]uint64, i int)   { b[i/64] |= 1 << (i % 64) }
func clearBit(b *[leafRows / 64]uint64, i int) { b[i/64] &^= 1 << (i % 64) }

// removeBit shifts the bits above i down by one.
func removeBit(b *[leafRows / 64]uint64, i int) {
	w := i / 64
	low := uint64(1)<<(i%64) - 1
	b[w] = b[w]&low | b[w]>>1&^low
	for k := w + 1; k < len(b); k++ {
		b[k-1] |= b[k] << 63
		b[k] >>= 1
	}
}

// insertBit shifts the bits from i on up by one and puts v at i. The highest bit must be clear.
func insertBit(b *[leafRows / 64]uint64, i int, v bool) {
	w := i / 64
	for k := len(b) - 1; k > w; k-- {
		b[k] = b[k]<<1 | b[k-1]>>63
	}
	low := b[w] & (1<<(i%64) - 1)
	b[w] = low | (b[w]&^(1<<(i%64)-1))<<1
	if v {
		b[w] |= bits.RotateLeft64(1, i%64)
	}
}
