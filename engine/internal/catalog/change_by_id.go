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
	// Of bounds a deletion to those of the rows that it means; nil for no bound.
	Of *RowSet

	// Hits counts the rows; filled is set once one that had no actual has got one.
	Hits   int
	filled bool
}

// covers tells whether a change is about the rows of a series that have a time.
func (c *IDChange) covers(s SeriesName, ts int64) bool {
	if c.Of != nil && !(c.Of.HasSeries(s) && c.Of.HasTimes(ts, ts)) {
		return false
	}
	return (c.Scope.Version == "" || c.Scope.Version == s.Version) &&
		(c.Scope.Environment == "" || c.Scope.Environment == s.Environment)
}

// meets notes what the change does to a row of the time ts, and tells whether it does anything.
func (c *IDChange) meets(was head.Cells, ts int64) bool {
	c.Hits++
	now := c.Apply(was, ts)
	c.filled = c.filled || now.Known && !was.Known
	return c.Kind == head.DeleteRow || !now.Equal(was)
}

// ChangeByID applies changes to the rows of a model that they are about, those of a row in the order of the changes.
// The publisher calls it under the model's lock. edited is told of months of which a sealed row has changed. bytes is
// about the memory that the changes take until a checkpoint.
func (rc *RowChanger) ChangeByID(m *Model, changes []IDChange, edited func(*Month)) (bytes int64, err error) {
	rc.ids = rc.ids[:0]
	for i := range changes {
		rc.ids = append(rc.ids, changes[i].HashedID)
	}
	deleted := false
	for _, mo := range m.Months {
		for h := range mo.Heads {
			rc.changeInHead(m, mo, h, changes)
		}
		edits := EditTally{month: mo}
		for _, sg := range mo.Segments {
			if err := rc.changeInSealed(m, sg, changes, &edits); err != nil {
				return bytes, err
			}
		}
		if edits.Sealed {
			edited(mo)
		}
		bytes += edits.Bytes
	}
	for i := range changes {
		deleted = deleted || changes[i].Kind == head.DeleteRow && changes[i].Hits > 0
	}
	if deleted {
		m.RecountFirst()
	}
	return bytes, nil
}

func (rc *RowChanger) changeInHead(m *Model, mo *Month, h *head.Head, changes []IDChange) {
	defer h.Sum()
	for i := range changes {
		c := &changes[i]
		for r := range h.RowsByID(c.HashedID, rc.hash) {
			if c.covers(m.Series[r.Series()].SeriesName, r.Time()) && c.meets(r.Cells(), r.Time()) {
				mo.change(h, r, c.ID, &c.Change)
			}
		}
	}
}

// change changes a row of a head of the month, and notes it where a sealer may be reading.
func (mo *Month) change(h *head.Head, r head.Row, id []byte, c *head.Change) {
	if h.Frozen() {
		mo.SealRedo.note(r.Series(), r.Time(), id, c)
	}
	r.Change(c)
}

func (rc *RowChanger) changeInSealed(m *Model, sg *Segment, changes []IDChange, edits *EditTally) error {
	seg, err := sg.Open(&rc.scratch)
	if err != nil {
		return err
	}
	index, err := sg.idIndex(seg, rc.hash, &rc.scratch)
	if err != nil {
		return err
	}
	rc.work += lookWork * len(changes)
	rc.editor.begin(sg)
	err = seg.FindIDs(index, rc.ids, &rc.scratch, func(i int, r segment.Row) error {
		c, series := &changes[i], sg.number(m, seg, r.Series)
		was, gone := rc.editor.state(r)
		if gone || !c.covers(m.Series[series].SeriesName, r.Time) {
			return nil
		}
		if c.meets(was, r.Time) {
			edits.month.MergeRedo.note(series, r.Time, c.ID, &c.Change)
			rc.work += editWork
			rc.editor.collect(r, &c.Change)
		}
		return nil
	})
	if err != nil {
		return base.SegmentError(err)
	}
	return edits.apply(&rc.editor)
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
type Outcome uint8

// The outcomes of actuals.
const (
	Orphaned  Outcome = iota // there is no row that it is about
	Joined                   // a row that it is about had none
	Corrected                // all rows that it is about had one
	Withdrawn                // it was taken back
)

// Outcome tells what became of an actual that was applied.
func (c *IDChange) Outcome() Outcome {
	switch {
	case c.Kind == head.WithdrawActual:
		return Withdrawn
	case c.filled:
		return Joined
	case c.Hits > 0:
		return Corrected
	default:
		return Orphaned
	}
}
