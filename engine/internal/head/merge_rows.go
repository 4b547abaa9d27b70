package head

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/residualdb/residual/segment"
)

// Rows are the rows that heads have of a series, as they were when they were asked for.
type Rows struct {
	// Series is the model's number of the series.
	Series uint32
	leaves []placedLeaf
}

// placedLeaf is a leaf of a head and its place among all, in the order of arrival.
type placedLeaf struct {
	*leaf

	head  *Head
	place int
}

// Snapshot returns the rows of frozen heads, the oldest head first, series by series. The model's lock is held; what it
// returns may be read without it, as a [View] may.
func Snapshot(heads []*Head) []Rows {
	var all []Rows
	places := make(map[uint32]int)
	for _, h := range heads {
		h.viewed = true
		for _, s := range h.Series {
			at, ok := places[s.Number]
			if !ok {
				at = len(all)
				places[s.Number] = at
				all = append(all, Rows{Series: s.Number})
			}
			r := &all[at]
			for _, l := range h.flushed(s) {
				r.leaves = append(r.leaves, placedLeaf{l, h, len(r.leaves)})
			}
		}
	}
	return all
}

// RowMerger is a k-way merge: it brings the rows of a series from the leaves of heads into the order of a segment, which is that of
// time, prediction id and arrival.
type RowMerger struct {
	leaves []placedLeaf // by their first row
	done   int          // so many of leaves are merged
	refs   []rowRef     // scratch
}

// rowRef names one row of a head.
type rowRef struct {
	head *Head
	leaf *leaf
	row  int32
}

func (r rowRef) time() int64 { return r.leaf.times[r.row] }
func (r rowRef) id() []byte  { return r.head.id(r.leaf.text[r.row]) }

// Begin sets what is to be merged.
func (m *RowMerger) Begin(rows Rows) {
	m.leaves, m.done = append(m.leaves[:0], rows.leaves...), 0
	slices.SortStableFunc(m.leaves, func(a, b placedLeaf) int { return cmp.Compare(a.first(), b.first()) })
}

// Next appends the rows of the next leaf to dst, or of all that overlap. It returns false if there are no more.
func (m *RowMerger) Next(dst *segment.Columns) bool {
	leaves := m.leaves[m.done:]
	if len(leaves) == 0 {
		clear(m.leaves) // which would keep heads that are sealed
		clear(m.refs[:cap(m.refs)])
		return false
	}
	n, last, several := 1, leaves[0].last(), false
	for n < len(leaves) && leaves[n].first() <= last {
		several = several || leaves[n].head != leaves[0].head
		last = max(last, leaves[n].last())
		n++
	}
	if !several { // those of one head do not overlap, even if one ends with the time that the next begins with
		n = 1
	}
	if n == 1 {
		appendLeaf(dst, leaves[0].head, leaves[0].leaf)
	} else {
		m.appendOverlapping(dst, leaves[:n])
	}
	m.done += n
	return true
}

// appendOverlapping appends the rows of leaves, which it orders by arrival, one by one.
func (m *RowMerger) appendOverlapping(dst *segment.Columns, leaves []placedLeaf) {
	slices.SortFunc(leaves, func(a, b placedLeaf) int { return cmp.Compare(a.place, b.place) })
	m.refs = m.refs[:0]
	for _, l := range leaves {
		for i := range l.times {
			m.refs = append(m.refs, rowRef{l.head, l.leaf, int32(i)})
		}
	}
	if !slices.IsSortedFunc(m.refs, compareRefs) {
		slices.SortStableFunc(m.refs, compareRefs)
	}
	for _, r := range m.refs {
		r.appendTo(dst)
	}
}

// appendLeaf appends the rows of a leaf that does not overlap others.
func appendLeaf(dst *segment.Columns, h *Head, l *leaf) {
	dst.AppendColumns(l.numbers(), 0, l.len())
	h.appendTexts(&dst.IDs, &dst.Features, l.text)
}

func (r rowRef) appendTo(dst *segment.Columns) {
	l, i, row := r.leaf, r.row, r.leaf.text[r.row]
	dst.AppendRow(l.times[i], l.predicted[i], l.actual[i], l.isKnown(int(i)), r.head.id(row), r.head.features(row))
	if l.lags != nil {
		dst.Lags[dst.Len()-1] = l.lags[i]
	}
}

func compareRefs(a, b rowRef) int {
	if c := cmp.Compare(a.time(), b.time()); c != 0 {
		return c
	}
	return bytes.Compare(a.id(), b.id())
}
