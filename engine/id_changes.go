package engine

import (
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// idChange is a change of every row of a model that has a prediction id, or of those of one version or environment.
type idChange struct {
	segment.HashedID
	change
	scope event.Scope

	// hit is set once there was a row, filled once one that had no actual has got one.
	hit, filled bool
}

// covers tells whether a change is about the rows of a series.
func (c *idChange) covers(s seriesName) bool {
	return (c.scope.Version == "" || c.scope.Version == s.version) &&
		(c.scope.Environment == "" || c.scope.Environment == s.environment)
}

// meets notes what the change does to a row of the time ts, and tells whether it does anything.
func (c *idChange) meets(was cells, ts int64) bool {
	c.hit = true
	now := c.apply(was, ts)
	c.filled = c.filled || now.known && !was.known
	return c.kind == deleteRow || !now.equal(was)
}

// changeByID applies changes to the rows of a model that they are about, those of a row in the order of the changes.
// The publisher calls it under the model's lock. edited is told of months of which a sealed row has changed. bytes is
// about the memory that the changes take until a checkpoint.
func (p *identity) changeByID(m *model, changes []idChange, edited func(*month)) (bytes int64, err error) {
	p.ids = p.ids[:0]
	for i := range changes {
		p.ids = append(p.ids, changes[i].HashedID)
	}
	deleted := false
	for _, mo := range m.months {
		mo.heads(func(h *head) { p.changeInHead(m, mo, h, changes) })
		edits := monthEdits{month: mo}
		for _, sd := range mo.sealed {
			if err := p.changeInSealed(m, sd, changes, &edits); err != nil {
				return bytes, err
			}
		}
		if edits.sealed {
			edited(mo)
		}
		bytes += edits.bytes
	}
	for i := range changes {
		deleted = deleted || changes[i].kind == deleteRow && changes[i].hit
	}
	if deleted {
		m.resight()
	}
	return bytes, nil
}

func (p *identity) changeInHead(m *model, mo *month, h *head, changes []idChange) {
	x := h.indexed(p.hash)
	defer h.sum()
	for i := range changes {
		c := &changes[i]
		for at, ok := x.first[c.Hash]; ok && at >= 0; at = x.entries[at].next {
			e := x.entries[at]
			s := h.find(e.series)
			if s == nil || !c.covers(m.series[e.series].seriesName) {
				continue
			}
			p.places = h.rowsOf(p.places[:0], s, e.time, c.ID)
			for _, r := range p.places {
				if !c.meets(s.leaves[r.leaf].cells(r.row), e.time) {
					continue
				}
				h.change(s, r, &c.change)
				if h.frozen {
					mo.sealJournal.note(e.series, e.time, c.ID, &c.change)
				}
			}
		}
	}
}

func (p *identity) changeInSealed(m *model, sd *sealed, changes []idChange, edits *monthEdits) error {
	seg, err := sd.open(&p.segment)
	if err != nil {
		return err
	}
	index, err := sd.idIndex(seg, p.hash, &p.segment)
	if err != nil {
		return err
	}
	p.looks += lookWork * len(changes)
	p.editor.begin(sd)
	err = seg.FindIDs(index, p.ids, &p.segment, func(i int, r segment.Row) error {
		c, series := &changes[i], sd.number(m, seg, r.Series)
		was, gone := p.editor.state(r)
		if gone || !c.covers(m.series[series].seriesName) {
			return nil
		}
		if c.meets(was, r.Time) {
			edits.month.foldJournal.note(series, r.Time, c.ID, &c.change)
			p.looks += editWork
			p.editor.change(r, &c.change)
		}
		return nil
	})
	if err != nil {
		return segmentError(err)
	}
	return edits.apply(&p.editor)
}

// number returns the model's number of a series of the segment.
func (s *sealed) number(m *model, seg *segment.Segment, series int) uint32 {
	if len(s.series) <= namesFew {
		for i := range s.series {
			if int(s.series[i].index) == series {
				return s.series[i].number
			}
		}
	}
	x := seg.Series(series)
	n, ok := m.numbers.get(seriesName{x.Version, x.Environment})
	if !ok {
		panic("BUG: a series of a segment that its model does not know")
	}
	return n
}
