package segment

import (
	"bytes"
	"math"
	"sort"
)

// Merge adds the rows of all segments to b, series by series, by time, then id; rows equal in both stay in the order of
// segs. It holds at most one decoded block of each segment. Blocks that no other segment has rows among are copied as
// they are stored. Edits are folded in.
func Merge(b *Builder, segs []*Segment, sc *Scratch) error {
	m := merger{b: b, sc: sc, cursors: make([]mergeCursor, len(segs))}
	for i := range m.cursors {
		m.cursors[i].seg = segs[i]
	}
	for {
		version, environment, more := m.nextSeries()
		if !more {
			return nil
		}
		if err := b.StartSeries(version, environment); err != nil {
			return err
		}
		m.active = m.active[:0]
		for i := range m.cursors {
			if m.cursors[i].at(version, environment) {
				m.active = append(m.active, &m.cursors[i])
			}
		}
		for len(m.active) > 0 {
			if err := m.step(); err != nil {
				return err
			}
		}
	}
}

// merger is a merge under way.
type merger struct {
	b       *Builder
	sc      *Scratch
	cursors []mergeCursor
	active  []*mergeCursor // those with rows left in the series at hand, in the order of the segments
}

// mergeCursor walks over the rows of one segment.
type mergeCursor struct {
	seg    *Segment
	series int     // at hand or next
	block  int     // the first that is not decoded
	row    int     // the next one of rows
	rows   Columns // of the block decoded last
}

// nextSeries returns the least series that any cursor has next.
func (m *merger) nextSeries() (version, environment string, more bool) {
	for i := range m.cursors {
		c := &m.cursors[i]
		if c.series == c.seg.NumSeries() {
			continue
		}
		v, e := c.seg.dir.seriesNames(c.series)
		if !more || string(v) < version || string(v) == version && string(e) < environment {
			version, environment, more = string(v), string(e), true
		}
	}
	return version, environment, more
}

func (c *mergeCursor) at(version, environment string) bool {
	if c.series == c.seg.NumSeries() {
		return false
	}
	v, e := c.seg.dir.seriesNames(c.series)
	return string(v) == version && string(e) == environment
}

// step moves rows of one cursor to the builder, or decodes a block that the next step needs.
func (m *merger) step() error {
	first, bound := m.first()
	c := m.active[first]
	switch {
	case !c.decoded():
		if m.asStored(c, bound) && m.b.flush(c.time()) {
			return m.take(c)
		}
		return m.decode(c)
	case c.time() < bound:
		end := c.row + sort.Search(c.rows.Len()-c.row, func(i int) bool { return c.rows.Times[c.row+i] >= bound })
		return m.append(c, end)
	}
	for i, o := range m.active {
		if o.time() != bound {
			continue
		}
		if !o.decoded() {
			return m.decode(o)
		}
		if bytes.Compare(o.rows.IDs.At(o.row), c.rows.IDs.At(c.row)) < 0 {
			c = m.active[i]
		}
	}
	return m.append(c, c.row+1)
}

// first returns the first cursor with the least time, and the least time of all others.
func (m *merger) first() (first int, bound int64) {
	bound = math.MaxInt64
	for i, c := range m.active[1:] {
		if t := c.time(); t < m.active[first].time() {
			first, bound = i+1, m.active[first].time()
		} else {
			bound = min(bound, t)
		}
	}
	return first, bound
}

// take moves a block as it is stored.
func (m *merger) take(c *mergeCursor) error {
	i := int(c.seg.dir.series[c.series].firstBlock) + c.block
	ref := &c.seg.dir.blocks[i]
	if err := m.b.appendStored(c.seg.src, ref, &c.seg.dir.nodes[i], m.sc); err != nil {
		return err
	}
	c.block++
	m.drop(c)
	return nil
}

// append moves the decoded rows of c up to end.
func (m *merger) append(c *mergeCursor, end int) error {
	if err := m.b.AppendRange(&c.rows, c.row, end); err != nil {
		return err
	}
	c.row = end
	m.drop(c)
	return nil
}

// drop takes c off the active cursors at the end of its series, and moves it on to the next.
func (m *merger) drop(c *mergeCursor) {
	if c.decoded() || c.block < int(c.seg.dir.series[c.series].blockCount) {
		return
	}
	c.series, c.block, c.row = c.series+1, 0, 0
	c.rows.Reset()
	for i, o := range m.active {
		if o == c {
			m.active = append(m.active[:i], m.active[i+1:]...)
			return
		}
	}
}

// decoded tells whether the next row is decoded.
func (c *mergeCursor) decoded() bool {
	return c.row < c.rows.Len()
}

// time returns the time of the next row.
func (c *mergeCursor) time() int64 {
	if c.decoded() {
		return c.rows.Times[c.row]
	}
	return c.seg.Block(c.series, c.block).MinTime
}

// asStored tells whether the next block of c may stay as it is: no rows come between its own, none of them is
// edited, and it is not short but where it ends with its hour. bound is the least time that other segments have.
func (m *merger) asStored(c *mergeCursor, bound int64) bool {
	e := &c.seg.dir.series[c.series]
	a := c.seg.Block(c.series, c.block)
	if a.MaxTime >= bound || c.seg.edits[int(e.firstBlock)+c.block] != nil {
		return false
	}
	begun, goesOn := hourOf(m.b.lastTime) == hourOf(a.MinTime), hourOf(a.MaxTime) == hourOf(bound)
	if (begun || goesOn) && hourOf(a.MinTime) < hourOf(a.MaxTime) {
		return false // it crosses into an hour that it shares, which may be dense now
	}
	if a.Rows >= blockRows/2 {
		return true
	}
	if c.block+1 < int(e.blockCount) {
		bound = min(bound, c.seg.Block(c.series, c.block+1).MinTime)
	}
	return a.Rows >= restRows && hourOf(m.b.lastTime) < hourOf(a.MinTime) && hourOf(a.MaxTime) < hourOf(bound)
}

// decode reads the next block of c. All of its rows may have been deleted.
func (m *merger) decode(c *mergeCursor) error {
	_, err := c.seg.ReadBlock(&c.rows, c.series, c.block, AllColumns, m.sc)
	c.block, c.row = c.block+1, 0
	if err != nil {
		return err
	}
	m.drop(c)
	return nil
}
