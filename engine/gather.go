package engine

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/residualdb/residual/segment"
)

// gather collects the rows of a series from the leaves of heads, the oldest head first, in the order of a segment: time,
// prediction id, arrival.
func gather(dst *segment.Columns, heads []*head, leaves [][]*leaf) {
	dst.Reset()
	if len(heads) == 1 && appendLeaves(dst, heads[0], leaves[0]) {
		return
	}
	dst.Reset()
	refs := make([]rowRef, 0, leafRows)
	for i, h := range heads {
		refs = appendRefs(refs, h, leaves[i])
	}
	if !slices.IsSortedFunc(refs, compareRefs) {
		slices.SortStableFunc(refs, compareRefs)
	}
	for _, r := range refs {
		r.appendTo(dst)
	}
}

// appendLeaves appends the rows of one head's leaves, whole runs at once. It returns false, and leaves dst as it may be, if
// rows of one time are in several leaves.
func appendLeaves(dst *segment.Columns, h *head, leaves []*leaf) bool {
	for n, l := range leaves {
		if n > 0 && l.first() == leaves[n-1].last() {
			return false
		}
		done := 0
		for from := 0; from < l.len(); {
			to := l.tieEnd(from)
			if to-from > 1 {
				appendRun(dst, h, l, done, from)
				appendTied(dst, h, l, from, to)
				done = to
			}
			from = to
		}
		appendRun(dst, h, l, done, l.len())
	}
	return true
}

// tieEnd returns the end of the rows that are of the same time as row i, from there on.
func (l *leaf) tieEnd(i int) int {
	end := i + 1
	for end < l.len() && l.times[end] == l.times[i] {
		end++
	}
	return end
}

// appendRun appends the rows [from, to) of a leaf as they are.
func appendRun(dst *segment.Columns, h *head, l *leaf, from, to int) {
	dst.AppendNumbers(l.times, l.predicted, l.actual, l.lags, l.known[:], from, to)
	h.appendTexts(&dst.IDs, &dst.Features, l.text[from:to])
}

// appendTied appends the rows [from, to) of a leaf, which are of one time, by id.
func appendTied(dst *segment.Columns, h *head, l *leaf, from, to int) {
	refs := make([]rowRef, 0, 8)
	for i := from; i < to; i++ {
		refs = append(refs, rowRef{h, l, int32(i)})
	}
	slices.SortStableFunc(refs, compareRefs)
	for _, r := range refs {
		r.appendTo(dst)
	}
}

func (r rowRef) appendTo(dst *segment.Columns) {
	l, i, row := r.leaf, r.row, r.leaf.text[r.row]
	dst.AppendRow(l.times[i], l.predicted[i], l.actual[i], l.isKnown(int(i)), r.head.id(row), r.head.features(row))
	if l.lags != nil {
		dst.Lags[dst.Len()-1] = l.lags[i]
	}
}

// appendRefs appends the rows of leaves in time order, those of one time in the order of arrival.
func appendRefs(refs []rowRef, h *head, leaves []*leaf) []rowRef {
	for _, l := range leaves {
		for i := range l.times {
			refs = append(refs, rowRef{h, l, int32(i)})
		}
	}
	return refs
}

func compareRefs(a, b rowRef) int {
	if c := cmp.Compare(a.time(), b.time()); c != 0 {
		return c
	}
	return bytes.Compare(a.id(), b.id())
}
