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
	// SealRedo notes changes of rows while a sealer reads frozen heads, MergeRedo while a merge reads segments; else they are
	// nil.
	SealRedo, MergeRedo *Redo
	// Edited is the last epoch in which a sealed row changed, which the next checkpoint has to fold.
	Edited uint64
}

// Writable returns the head for rows of an epoch. A head of an earlier one is frozen first, so that a checkpoint finds the
// rows before its cut apart from those after it.
func (mo *Month) Writable(epoch uint64, staging *head.Staging) *head.Head {
	if mo.Head != nil && mo.Head.Epoch != epoch {
		mo.Freeze()
	}
	if mo.Head == nil {
		mo.Head = head.New(epoch, staging)
	}
	return mo.Head
}

// Freeze ends the adding of rows to the head, which is the next to be sealed.
func (mo *Month) Freeze() {
	mo.Head.Freeze()
	mo.Frozen = append(mo.Frozen, mo.Head)
	mo.Head = nil
}

// LastTime returns a time that no row of a series is later than. A head that has the series knows it for all before, too.
func (mo *Month) LastTime(series uint32) int64 {
	if mo.Head != nil {
		if last, ok := mo.Head.LastTime(series); ok {
			return last
		}
	}
	for _, h := range slices.Backward(mo.Frozen) {
		if last, ok := h.LastTime(series); ok {
			return last
		}
	}
	last := int64(base.MinMilli)
	for _, sg := range mo.Segments {
		if x := sg.Find(series); x != nil {
			last = max(last, x.Stored.MaxTime)
		}
	}
	return last
}

// Heads yields the frozen heads, the oldest first, and the writable one.
func (mo *Month) Heads(yield func(*head.Head) bool) {
	for _, h := range mo.Frozen {
		if !yield(h) {
			return
		}
	}
	if mo.Head != nil {
		yield(mo.Head)
	}
}

// Overlaps tells whether any time of the month is in w.
func (mo *Month) Overlaps(w base.Span) bool { return mo.Span.Overlaps(w) }

// AllSealed tells whether the month has nothing outside of its segments.
func (mo *Month) AllSealed() bool { return mo.Head == nil && len(mo.Frozen) == 0 }

// isEmpty tells whether the month has nothing.
func (mo *Month) isEmpty() bool { return mo.AllSealed() && len(mo.Segments) == 0 }

// Window adds the rows of a series that lie in w and are not in segments to dst.
func (mo *Month) Window(dst *base.Answer, series uint32, w base.Span, want segment.Want) segment.Read {
	var read segment.Read
	for h := range mo.Heads {
		read.Add(h.Window(dst, series, w, want))
	}
	return read
}

// IsSaved tells whether every row of the month is in a pack.
func (mo *Month) IsSaved() bool {
	return mo.AllSealed() &&
		!slices.ContainsFunc(mo.Segments, func(sg *Segment) bool { return !sg.Source.InPack() })
}

// ModelMonth is a month and the model that it is of, whose lock guards it.
type ModelMonth struct {
	Model *Model
	Month *Month
}
