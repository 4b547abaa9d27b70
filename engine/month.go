package engine

import (
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
	// The journals note changes of rows while a sealer reads frozen heads, or a merge segments; else they are nil.
	sealJournal, foldJournal *journal
	// edited is the last generation in which a sealed row changed, which the next checkpoint has to fold.
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

// lastTime returns a time that no row of a series is later than.
func (mo *month) lastTime(series uint32) int64 {
	last := int64(minMilli)
	mo.heads(func(h *head) {
		if s := h.find(series); s != nil {
			last = max(last, s.last)
		}
	})
	for _, sd := range mo.sealed {
		if x := sd.find(series); x != nil {
			last = max(last, x.stored.MaxTime)
		}
	}
	return last
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
func (mo *month) allSealed() bool { return mo.head == nil && len(mo.frozen) == 0 }

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
	return read
}
