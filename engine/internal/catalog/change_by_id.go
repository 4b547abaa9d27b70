package catalog

import (
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// IDChange is a change of every row of a model that has a prediction id, or of those of one version or environment.
type IDChange struct {
	segment.HashedID
	head.Change
	Scope event.Scope

	// Hit is set once there was a row, filled once one that had no actual has got one.
	Hit, filled bool
}

// covers tells whether a change is about the rows of a series.
func (c *IDChange) covers(s SeriesName) bool {
	return (c.Scope.Version == "" || c.Scope.Version == s.Version) &&
		(c.Scope.Environment == "" || c.Scope.Environment == s.Environment)
}

// meets notes what the change does to a row of the time ts, and tells whether it does anything.
func (c *IDChange) meets(was head.Cells, ts int64) bool {
	c.Hit = true
	now := c.Apply(was, ts)
	c.filled = c.filled || now.Known && !was.Known
	return c.Kind == head.DeleteRow || !now.Equal(was)
}

// ChangeByID applies changes to the rows of a model that they are about, those of a row in the order of the changes.
// The publisher calls it under the model's lock. edited is told of months of which a sealed row has changed. bytes is
// about the memory that the changes take until a checkpoint.
func (p *Identity) ChangeByID(m *Model, changes []IDChange, edited func(*Month)) (bytes int64, err error) {
	p.ids = p.ids[:0]
	for i := range changes {
		p.ids = append(p.ids, changes[i].HashedID)
	}
	deleted := false
	for _, mo := range m.Months {
		mo.Heads(func(h *head.Head) { p.changeInHead(m, mo, h, changes) })
		edits := monthEdits{month: mo}
		for _, sd := range mo.Segments {
			if err := p.changeInSealed(m, sd, changes, &edits); err != nil {
				return bytes, err
			}
		}
		if edits.Sealed {
			edited(mo)
		}
		bytes += edits.Bytes
	}
	for i := range changes {
		deleted = deleted || changes[i].Kind == head.DeleteRow && changes[i].Hit
	}
	if deleted {
		m.RecountFirst()
	}
	return bytes, nil
}

func (p *Identity) changeInHead(m *Model, mo *Month, h *head.Head, changes []IDChange) {
	x := h.Indexed(p.Hash)
	defer h.Sum()
	for i := range changes {
		c := &changes[i]
		for at, ok := x.First[c.Hash]; ok && at >= 0; at = x.Entries[at].Next {
			e := x.Entries[at]
			s := h.Find(e.Series)
			if s == nil || !c.covers(m.Series[e.Series].SeriesName) {
				continue
			}
			p.places = h.RowsOf(p.places[:0], s, e.Time, c.ID)
			for _, r := range p.places {
				if !c.meets(s.Leaves[r.Leaf].Cells(r.Row), e.Time) {
					continue
				}
				h.Change(s, r, &c.Change)
				if h.Frozen {
					mo.SealRedo.Note(e.Series, e.Time, c.ID, &c.Change)
				}
			}
		}
	}
}

func (p *Identity) changeInSealed(m *Model, sd *Segment, changes []IDChange, edits *monthEdits) error {
	seg, err := sd.Open(&p.Segment)
	if err != nil {
		return err
	}
	index, err := sd.idIndex(seg, p.Hash, &p.Segment)
	if err != nil {
		return err
	}
	p.looks += lookWork * len(changes)
	p.Editor.begin(sd)
	err = seg.FindIDs(index, p.ids, &p.Segment, func(i int, r segment.Row) error {
		c, series := &changes[i], sd.number(m, seg, r.Series)
		was, gone := p.Editor.state(r)
		if gone || !c.covers(m.Series[series].SeriesName) {
			return nil
		}
		if c.meets(was, r.Time) {
			edits.month.MergeRedo.Note(series, r.Time, c.ID, &c.Change)
			p.looks += editWork
			p.Editor.change(r, &c.Change)
		}
		return nil
	})
	if err != nil {
		return base.SegmentError(err)
	}
	return edits.apply(&p.Editor)
}

// number returns the model's number of a series of the segment.
func (s *Segment) number(m *Model, seg *segment.Segment, series int) uint32 {
	if len(s.Series) <= base.NamesFew {
		for i := range s.Series {
			if int(s.Series[i].Index) == series {
				return s.Series[i].number
			}
		}
	}
	x := seg.Series(series)
	n, ok := m.Numbers.Get(SeriesName{x.Version, x.Environment})
	if !ok {
		panic("BUG: a series of a segment that its model does not know")
	}
	return n
}

// Outcome is what became of an actual.
type outcome uint8

const (
	Orphaned  outcome = iota // there is no row that it is about
	Joined                   // a row that it is about had none
	Corrected                // all rows that it is about had one
	Withdrawn                // it was taken back
)

// Outcome tells what became of an actual that was applied.
func (c *IDChange) Outcome() outcome {
	switch {
	case c.Kind == head.WithdrawActual:
		return Withdrawn
	case c.filled:
		return Joined
	case c.Hit:
		return Corrected
	default:
		return Orphaned
	}
}
