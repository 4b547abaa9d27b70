package head

import (
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
)

// DeleteWindow deletes the rows of a series that lie in w, and returns how many these were. Leaves that lie in it go as they
// are, at most two are summed anew. A leaf of a frozen head is replaced, because a sealer may be reading it.
func (h *Head) DeleteWindow(s *Series, w base.Span) (rows int) {
	if first, last := h.staging.bounds(s.staged); first < w.To && last >= w.From {
		h.flush(s)
	}
	from := s.findFirst(w.From)
	kept := slices.Clone(s.leaves[:from])
	for _, l := range s.leaves[from:] {
		i, _ := slices.BinarySearch(l.times, w.From)
		j, _ := slices.BinarySearch(l.times, w.To)
		rows += j - i
		if j-i == l.len() {
			continue
		}
		if i < j {
			if h.frozen {
				l = l.clone()
			}
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
