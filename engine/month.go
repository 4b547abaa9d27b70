package engine

import "github.com/residualdb/residual/segment"

// month is one model's data of one UTC month: sealed segments, frozen heads on their way to become segments, and the
// head that takes new rows. A row is in exactly one of them.
type month struct {
	// Immutable after creation.
	number monthNumber
	span   span

	// Guarded by the model's lock.
	head   *head
	frozen []*head
	// sealed is never changed in place: a query keeps the slice it saw.
	sealed []*sealed
}

// writable returns the head for rows of the generation. A head of an earlier one is frozen first, so that a
// checkpoint finds the rows before its cut apart from those after it.
func (mo *month) writable(generation uint64) *head {
	if mo.head != nil && mo.head.generation != generation {
		mo.freeze()
	}
	if mo.head == nil {
		mo.head = newHead(generation)
	}
	return mo.head
}

func (mo *month) freeze() {
	mo.frozen = append(mo.frozen, mo.head)
	mo.head = nil
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

// window adds the rows of a series that lie in w and are not in segments to dst.
func (mo *month) window(dst *segment.Aggregate, series uint32, w span) Read {
	var read Read
	mo.heads(func(h *head) {
		if s := h.series[series]; s != nil {
			read.add(s.window(dst, w))
		}
	})
	return read
}
