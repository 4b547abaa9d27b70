package catalog

import (
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/segment"
)

// Month is one model's data of one UTC month: sealed segments, frozen heads on their way to become segments, and the
// head that takes new rows. A row is in exactly one of them.
type Month struct {
	// Immutable after creation.
	Number base.MonthNumber
	Span   base.Span

	// Guarded by the model's lock.
	Head   *head.Head
	Frozen []*head.Head
	// Segments is replaced, never changed in place.
	Segments []*Segment
	// The journals note changes of rows while a sealer reads frozen heads, or a merge segments; else they are nil.
	SealRedo, MergeRedo *Redo
	// Edited is the last generation in which a sealed row changed, which the next checkpoint has to fold.
	Edited uint64
}

// Writable returns the head for rows of the generation. A head of an earlier one is frozen first, so that a
// checkpoint finds the rows before its cut apart from those after it.
func (mo *Month) Writable(generation uint64, fresh *head.Staging) *head.Head {
	if mo.Head != nil && mo.Head.Epoch != generation {
		mo.Freeze()
	}
	if mo.Head == nil {
		mo.Head = head.New(generation, fresh)
	}
	return mo.Head
}

func (mo *Month) Freeze() {
	mo.Head.Frozen = true
	mo.Frozen = append(mo.Frozen, mo.Head)
	mo.Head = nil
}

// LastTime returns a time that no row of a series is later than. A head that has the series knows it for all before, too.
func (mo *Month) LastTime(series uint32) int64 {
	if mo.Head != nil {
		if s := mo.Head.Find(series); s != nil {
			return s.Last
		}
	}
	for _, h := range slices.Backward(mo.Frozen) {
		if s := h.Find(series); s != nil {
			return s.Last
		}
	}
	last := int64(base.MinMilli)
	for _, sd := range mo.Segments {
		if x := sd.Find(series); x != nil {
			last = max(last, x.Stored.MaxTime)
		}
	}
	return last
}

// Heads calls f for the frozen heads and the writable one.
func (mo *Month) Heads(f func(*head.Head)) {
	for _, h := range mo.Frozen {
		f(h)
	}
	if mo.Head != nil {
		f(mo.Head)
	}
}

// Overlaps tells whether any time of the month is in w.
func (mo *Month) Overlaps(w base.Span) bool { return w.From < mo.Span.To && w.To > mo.Span.From }

// AllSealed tells whether the month has nothing outside of its segments.
func (mo *Month) AllSealed() bool { return mo.Head == nil && len(mo.Frozen) == 0 }

// Window adds the rows of a series that lie in w and are not in segments to dst.
func (mo *Month) Window(dst *base.Answer, series uint32, w base.Span, want segment.Want) segment.Read {
	var read segment.Read
	mo.Heads(func(h *head.Head) {
		if s := h.Find(series); s != nil {
			read.Add(s.Window(dst, w, want))
			if len(s.Staged) > 0 {
				read.Add(h.Staging.Window(dst, s.Staged, w, want))
			}
		}
	})
	return read
}

// IsSaved tells whether every row of the month is in a pack.
func (mo *Month) IsSaved() bool {
	return mo.AllSealed() &&
		!slices.ContainsFunc(mo.Segments, func(sd *Segment) bool { return sd.Source.Held.Load() == nil })
}

// ModelMonth is a month and the model that it is of, whose lock guards it.
type ModelMonth struct {
	Model *Model
	Month *Month
}
