package engine

import (
	"slices"

	"github.com/residualdb/residual/segment"
)

// month is one model's data of one UTC month: sealed segments, frozen heads on their way to become segments, and the
// head that takes new rows. A row is in exactly one of them.
type month struct {
	// Immutable after creation.
	number monthNumber
	span   span

	// dropped is set when the month leaves its model. Guarded by the model's lock, as what follows.
	dropped bool

	// Guarded by the model's lock.
	head   *head
	frozen []*head
	// sealed is replaced, never changed in place.
	sealed []*sealed
	// fills are those of each generation that no checkpoint has folded, the writable one last.
	fills []*fills
	// The journals note edits while a sealer reads frozen heads, or a fold segments and frozen fills; else they are nil.
	sealJournal, foldJournal *journal
	// edited is the last generation in which something for the next checkpoint to fold came.
	edited uint64
}

// writable returns the head for rows of the generation. A head of an earlier one is frozen first, so that a
// checkpoint finds the rows before its cut apart from those after it.
func (mo *month) writable(generation uint64, fresh *freshRows, spares *spares) *head {
	if mo.head != nil && mo.head.generation != generation {
		mo.freeze()
	}
	if mo.head == nil {
		mo.head = newHead(generation, fresh, spares)
	}
	return mo.head
}

func (mo *month) freeze() {
	mo.head.frozen = true
	mo.frozen = append(mo.frozen, mo.head)
	mo.head = nil
}

// writableFills returns the fills for actuals of the generation; fresh tells that they were made just now.
func (mo *month) writableFills(generation uint64) (f *fills, fresh bool) {
	mo.freezeFills(generation - 1)
	if n := len(mo.fills); n > 0 && !mo.fills[n-1].frozen {
		return mo.fills[n-1], false
	}
	f = newFills(generation)
	mo.fills = append(slices.Clip(mo.fills), f)
	return f, true
}

// freezeFills freezes the fills of generations up to last.
func (mo *month) freezeFills(last uint64) {
	for _, f := range mo.fills {
		f.frozen = f.frozen || f.generation <= last
	}
}

// heads calls f for the frozen heads and the writable one.
func (mo *month) heads(f func(*head)) {
	for _, h := range mo.frozen {
		f(h)
	}
	if mo.head != nil {
		f(mo.head)
	}
}

// overlaps tells whether any time of the month is in w.
func (mo *month) overlaps(w span) bool { return w.from < mo.span.to && w.to > mo.span.from }

// allSealed tells whether the month has nothing outside of its segments.
func (mo *month) allSealed() bool { return mo.head == nil && len(mo.frozen) == 0 && len(mo.fills) == 0 }

// window adds the rows of a series that lie in w and are not in segments to dst.
func (mo *month) window(dst *answer, series uint32, w span, want segment.Want) Read {
	var read Read
	mo.heads(func(h *head) {
		if s := h.find(series); s != nil {
			read.add(s.window(dst, w, want))
			if len(s.fresh) > 0 {
				read.add(h.fresh.window(dst, s.fresh, w, want))
			}
		}
	})
	for _, f := range mo.fills {
		if s := f.series[series]; s != nil {
			s.window(dst, w, want)
		}
	}
	return read
}
