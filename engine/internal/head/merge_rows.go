package head

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/residualdb/residual/segment"
)

// RowMerger collects the rows of a series from the leaves of heads, the oldest head first, in the order of a segment:
// time, prediction id, arrival.
type RowMerger struct {
	leaves []placedLeaf // by their first row
	done   int          // so many of leaves are gathered
	refs   []rowRef     // scratch
}

// placedLeaf is a leaf of a head and its place among all, in the order of arrival.
type placedLeaf struct {
	*Leaf

	head  *Head
	place int
}

// Begin sets what is to be gathered.
func (g *RowMerger) Begin(heads []*Head, leaves [][]*Leaf) {
	g.leaves, g.done = g.leaves[:0], 0
	for i, h := range heads {
		for _, l := range leaves[i] {
			g.leaves = append(g.leaves, placedLeaf{l, h, len(g.leaves)})
		}
	}
	slices.SortStableFunc(g.leaves, func(a, b placedLeaf) int { return cmp.Compare(a.first(), b.first()) })
}

// Next appends the rows of the next leaf to dst, or of all that overlap. It returns false if there are no more.
func (g *RowMerger) Next(dst *segment.Columns) bool {
	leaves := g.leaves[g.done:]
	if len(leaves) == 0 {
		clear(g.leaves) // which would keep heads that are sealed
		clear(g.refs[:cap(g.refs)])
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
		appendLeaf(dst, leaves[0].head, leaves[0].Leaf)
	} else {
		g.appendOverlapping(dst, leaves[:n])
	}
	g.done += n
	return true
}

// appendOverlapping appends the rows of leaves, which it orders by arrival, one by one.
func (g *RowMerger) appendOverlapping(dst *segment.Columns, leaves []placedLeaf) {
	slices.SortFunc(leaves, func(a, b placedLeaf) int { return cmp.Compare(a.place, b.place) })
	g.refs = g.refs[:0]
	for _, l := range leaves {
		for i := range l.times {
			g.refs = append(g.refs, rowRef{l.head, l.Leaf, int32(i)})
		}
	}
	if !slices.IsSortedFunc(g.refs, compareRefs) {
		slices.SortStableFunc(g.refs, compareRefs)
	}
	for _, r := range g.refs {
		r.appendTo(dst)
	}
}

// appendLeaf appends the rows of a leaf that does not overlap others.
func appendLeaf(dst *segment.Columns, h *Head, l *Leaf) {
	dst.AppendNumbers(l.times, l.predicted, l.actual, l.lags, l.known[:], 0, l.len())
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
