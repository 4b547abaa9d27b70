package catalog

import (
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

// RowCounter counts the rows that a set means. It is for one goroutine at a time.
type RowCounter struct {
	rows    *RowSet
	hash    func(id []byte) uint64
	ids     []segment.HashedID
	answer  segment.Aggregate
	scratch segment.Scratch
}

// NewRowCounter returns a counter. hash is that by which ids are found.
func NewRowCounter(rows *RowSet, hash func(id []byte) uint64) *RowCounter {
	c := &RowCounter{rows: rows, hash: hash}
	for id := range rows.IDs {
		c.ids = append(c.ids, segment.HashedID{Hash: hash([]byte(id)), ID: []byte(id)})
	}
	return c
}

// Count counts those of a model. It takes its lock.
func (c *RowCounter) Count(m *Model) (n uint64, err error) {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	c.scratch.Forget()
	for _, mo := range m.Months {
		if !mo.Overlaps(c.rows.Window) {
			continue
		}
		for h := range mo.Heads {
			for _, s := range h.Series {
				if c.rows.HasSeries(m.Series[s.Number].SeriesName) {
					n += uint64(h.Count(s, c.rows.Window, c.rows.IDs))
				}
			}
		}
		for _, sg := range mo.Segments {
			rows, err := c.inSegment(m, sg)
			if err != nil {
				return 0, err
			}
			n += rows
		}
	}
	return n, nil
}

func (c *RowCounter) inSegment(m *Model, sg *Segment) (n uint64, err error) {
	seg, err := sg.Open(&c.scratch)
	if err != nil {
		return 0, err
	}
	if c.rows.IDs != nil {
		index, err := sg.idIndex(seg, c.hash, &c.scratch)
		if err != nil {
			return 0, err
		}
		err = seg.FindIDs(index, c.ids, &c.scratch, func(_ int, r segment.Row) error {
			if c.rows.HasTimes(r.Time, r.Time) && c.rows.HasSeries(m.Series[sg.number(m, seg, r.Series)].SeriesName) {
				n++
			}
			return nil
		})
		return n, base.SegmentError(err)
	}
	for i := range sg.Series {
		x := &sg.Series[i]
		if !c.rows.HasSeries(m.Series[x.number].SeriesName) {
			continue
		}
		if c.rows.HasTimes(x.Stored.MinTime, x.Stored.MaxTime) {
			n += sg.counts(x).Rows
			continue
		}
		c.answer.Reset()
		w := segment.Window{Series: int(x.Index), From: c.rows.Window.From, To: c.rows.Window.To}
		if _, err := seg.AddWindow(&c.answer, nil, w, &c.scratch); err != nil {
			return 0, base.SegmentError(err)
		}
		n += c.answer.Rows
	}
	return n, nil
}
