package segment

import "bytes"

// mergeCursor walks over the rows of one series of one segment, a block at a time.
type mergeCursor struct {
	seg    *Segment
	series int // the next one
	block  int // the next one of the series at hand
	row    int // the next one in rows
	rows   Columns
}

// Merge adds the rows of all segments to b, series by series, by time, then id; rows equal in both stay in the order of segs. It holds one decoded block
// of each segment.
func Merge(b *Builder, segs []*Segment, sc *Scratch) error {
	cursors := make([]mergeCursor, len(segs))
	for i := range cursors {
		cursors[i].seg = segs[i]
	}
	var active []*mergeCursor
	for {
		version, environment, any := nextSeries(cursors)
		if !any {
			return nil
		}
		if err := b.StartSeries(version, environment); err != nil {
			return err
		}
		active = active[:0]
		for i := range cursors {
			if m := &cursors[i]; m.at(version, environment) {
				active = append(active, m)
			}
		}
		if err := mergeSeries(b, active, sc); err != nil {
			return err
		}
	}
}

// nextSeries returns the least series that any cursor has next.
func nextSeries(cursors []mergeCursor) (version, environment string, any bool) {
	for i := range cursors {
		m := &cursors[i]
		if m.series == m.seg.NumSeries() {
			continue
		}
		v, e := m.seg.dir.seriesNames(m.series)
		if !any || v < version || v == version && e < environment {
			version, environment, any = v, e, true
		}
	}
	return version, environment, any
}

func (m *mergeCursor) at(version, environment string) bool {
	if m.series == m.seg.NumSeries() {
		return false
	}
	v, e := m.seg.dir.seriesNames(m.series)
	return v == version && e == environment
}

// mergeSeries merges the rows of the series that all cursors stand at.
func mergeSeries(b *Builder, cursors []*mergeCursor, sc *Scratch) error {
	for i := 0; i < len(cursors); {
		more, err := cursors[i].load(sc)
		if err != nil {
			return err
		}
		if more {
			i++
			continue
		}
		cursors = append(cursors[:i], cursors[i+1:]...)
	}
	for len(cursors) > 0 {
		least := 0
		for i := 1; i < len(cursors); i++ {
			if cursors[i].compare(cursors[least]) < 0 {
				least = i
			}
		}
		m := cursors[least]
		from := m.row
		for m.row++; m.row < m.rows.Len() && m.leads(cursors, least); {
			m.row++
		}
		if err := b.AppendRange(&m.rows, from, m.row); err != nil {
			return err
		}
		more, err := m.load(sc)
		if err != nil {
			return err
		}
		if !more {
			cursors = append(cursors[:least], cursors[least+1:]...)
		}
	}
	return nil
}

// leads tells whether m, number self of cursors, has the next row of all.
func (m *mergeCursor) leads(cursors []*mergeCursor, self int) bool {
	for i, o := range cursors {
		if order := m.compare(o); i < self && order >= 0 || i > self && order > 0 {
			return false
		}
	}
	return true
}

// compare orders the next rows of both.
func (m *mergeCursor) compare(o *mergeCursor) int {
	if a, b := m.rows.Times[m.row], o.rows.Times[o.row]; a != b {
		if a < b {
			return -1
		}
		return 1
	}
	return bytes.Compare(m.rows.IDs.At(m.row), o.rows.IDs.At(o.row))
}

// load reads the next block once the rows at hand are used up. At the end of the series more is false, and m stands before the next series.
func (m *mergeCursor) load(sc *Scratch) (more bool, err error) {
	if m.row < m.rows.Len() {
		return true, nil
	}
	if m.block == int(m.seg.dir.series[m.series].blockCount) {
		m.series, m.block, m.row = m.series+1, 0, 0
		m.rows.Reset()
		return false, nil
	}
	_, err = m.seg.ReadBlock(&m.rows, m.series, m.block, AllColumns, sc)
	m.block, m.row = m.block+1, 0
	return err == nil, err
}
