package engine

import (
	"math"
	"slices"
	"sort"

	"github.com/residualdb/residual/segment"
)

// head is the mutable part of one model's month: what came since the last seal. The publisher writes it under the
// model's lock; once frozen it never changes again.
type head struct {
	// generation is the checkpoint interval the rows belong to.
	generation uint64

	// Guarded by the model's lock.
	series map[uint32]*headSeries
	text   text
	index  *idIndex // nil until a row is looked up
	frozen bool
}

// headSeries is the head's part of one series: leaves in time order.
type headSeries struct {
	leaves []*leaf
}

func newHead(generation uint64) *head {
	return &head{generation: generation, series: make(map[uint32]*headSeries)}
}

func (h *head) rows() int { return h.text.rows }

// headRowBytes is what a row takes in a leaf.
const headRowBytes = 8 + 8 + 8 + 4

// bytes estimates the memory held.
func (h *head) bytes() int64 { return int64(h.rows())*headRowBytes + h.text.bytes() }

func (h *head) of(series uint32) *headSeries {
	s := h.series[series]
	if s == nil {
		s = &headSeries{}
		h.series[series] = s
	}
	return s
}

// add puts the rows of r, in any order, into the series.
func (s *headSeries) add(r run) {
	for len(r.times) > 0 {
		if n := s.addSorted(r); n > 0 {
			r = r.slice(n, len(r.times))
			continue
		}
		r = r.slice(s.addLate(r), len(r.times))
	}
}

// addSorted appends the longest prefix of r that is sorted and not before the series' last row, as far as it fits
// the last leaf, and returns its length.
func (s *headSeries) addSorted(r run) int {
	n := 0
	if len(s.leaves) == 0 || r.times[0] >= s.leaves[len(s.leaves)-1].last() {
		n = 1
	}
	if n == 0 {
		return 0
	}
	for n < len(r.times) && r.times[n] >= r.times[n-1] {
		n++
	}
	switch last := len(s.leaves) - 1; {
	case last < 0:
		s.leaves = append(s.leaves, &leaf{}) // grows with its rows: most series of many are short
	case s.leaves[last].len() >= leafFill:
		s.leaves = append(s.leaves, newLeaf())
	}
	return s.leaves[len(s.leaves)-1].extend(r.slice(0, n))
}

// addLate inserts the first rows of r, of which the first belongs before the series' last: as many as belong in one place
// and fit the leaf. It returns how many.
func (s *headSeries) addLate(r run) int {
	i := s.find(r.times[0])
	if s.leaves[i].len() == leafRows {
		s.leaves = slices.Insert(s.leaves, i+1, s.leaves[i].split())
		if r.times[0] >= s.leaves[i+1].first() {
			i++
		}
	}
	end := int64(math.MaxInt64)
	if i+1 < len(s.leaves) {
		end = s.leaves[i+1].first()
	}
	return s.leaves[i].insert(r, end)
}

// find returns the last leaf that begins at or before ts, or the first.
func (s *headSeries) find(ts int64) int {
	i := sort.Search(len(s.leaves), func(i int) bool { return s.leaves[i].first() > ts })
	return max(i-1, 0)
}

// findFirst returns the first leaf that ends at or after ts: rows of one time may span leaves.
func (s *headSeries) findFirst(ts int64) int {
	return sort.Search(len(s.leaves), func(i int) bool { return s.leaves[i].last() >= ts })
}

// window adds the rows in w to dst: whole leaves by their aggregates, at most two by their rows.
func (s *headSeries) window(dst *answer, w span, want segment.Want) Read {
	var read Read
	for _, l := range s.leaves[s.findFirst(w.from):] {
		switch {
		case l.first() >= w.to:
			return read
		case l.first() >= w.from && l.last() < w.to:
			dst.MergeWanted(want, &l.agg)
			if want == segment.WantAll {
				l.sketches.addTo(&dst.sketches, dst.scratch, func(d *segment.Sketches) { l.addSketches(d, 0, l.len()) })
			}
		default:
			read.add(l.edge(dst, w, want))
		}
	}
	return read
}

// edge adds the rows of a leaf that lie in w.
func (l *leaf) edge(dst *answer, w span, want segment.Want) Read {
	from, _ := slices.BinarySearch(l.times, w.from)
	to, _ := slices.BinarySearch(l.times, w.to)
	dst.AddWanted(want, l.times, l.predicted, l.actual, l.known[:], from, to)
	if want == segment.WantAll {
		l.addSketches(&dst.sketches, from, to)
	}
	return Read{Rows: uint64(to - from), Bytes: uint64(to-from) * bytesPerEdgeRow}
}

// bytesPerEdgeRow is what a query reads of a row at a window's edge: timestamp, predicted, actual.
const bytesPerEdgeRow = 24

// rowRef names one row of a head.
type rowRef struct {
	head *head
	leaf *leaf
	row  int32
}

func (r rowRef) time() int64 { return r.leaf.times[r.row] }
func (r rowRef) id() []byte  { return r.head.text.id(r.leaf.text[r.row]) }

// leavesOf lists the leaves of a series in each head. The model's lock is held; the leaves of frozen heads may be read
// without it, because edits replace them.
func leavesOf(heads []*head, series uint32) [][]*leaf {
	leaves := make([][]*leaf, len(heads))
	for i, h := range heads {
		if s := h.series[series]; s != nil {
			leaves[i] = s.leaves
		}
	}
	return leaves
}
