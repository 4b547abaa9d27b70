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
