package head

import (
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
)

// DeleteWindow deletes the rows of a series that lie in w, and returns how many these were. Leaves that lie in it go as they
// are, at most two are summed anew.
func (h *Head) DeleteWindow(s *Series, w base.Span) (rows int) {
	if first, last := h.staging.bounds(s.staged); first < w.To && last >= w.From {
		h.flush(s)
	}
	h.own(s)
	from := findFirst(s.leaves, w.From)
	kept := slices.Clone(s.leaves[:from])
	for at, l := range s.leaves[from:] {
		i, _ := slices.BinarySearch(l.times, w.From)
		j, _ := slices.BinarySearch(l.times, w.To)
		rows += j - i
		if j-i == l.len() {
			continue
		}
		if i < j {
			l = h.writable(s, from+at)
			l.remove(i, j)
			l.aggregate()
		}
		kept = append(kept, l)
	}
	if rows > 0 {
		s.leaves = kept
		h.Rows -= rows
	}
	return rows
}

// Count counts the rows of a series that lie in w, those of some prediction ids if ids is not nil. The lock is held for reading.
func (h *Head) Count(s *Series, w base.Span, ids map[string]bool) (rows int) {
	count := func(ts int64, text uint32) {
		if ts >= w.From && ts < w.To && (ids == nil || ids[string(h.id(text))]) {
			rows++
		}
	}
	for _, r := range s.staged {
		for i, row := range h.staging.run(r) {
			count(row.time, stagedText|(r.row+uint32(i)))
		}
	}
	for _, l := range s.leaves {
		if ids == nil && l.first() >= w.From && l.last() < w.To {
			rows += l.len()
			continue
		}
		for i, ts := range l.times {
			count(ts, l.text[i])
		}
	}
	return rows
}
