package segment

import (
	"maps"
	"slices"
	"sort"
)

// Edit changes one row of a sealed segment: its actual, or that it is there at all. The lag of a row stays that of its
// first actual.
type Edit struct {
	Row     int // in its block, as stored
	Deleted bool
	Known   bool
	Actual  float64
}

// edits are the edited rows by number of their block, ordered by row. Those of a block are never changed in place, so that a
// [Segment.Snapshot] stays what it is.
type edits map[int][]Edit

// Edit applies e. The segment must not be read at the same time; snapshots may be. It recomputes the row's block and
// the path above it, at the cost of decoding one block, but for one
// in which FindID or FindWaiting has just found a row.
func (s *Segment) Edit(series, block int, e Edit, sc *Scratch) error {
	number := int(s.dir.series[series].firstBlock) + block
	changed := slices.Clone(s.edits[number])
	i, found := slices.BinarySearchFunc(changed, e.Row, func(x Edit, row int) int { return x.Row - row })
	if found {
		changed[i] = e
	} else {
		changed = slices.Insert(changed, i, e)
	}
	c, err := s.locate(series, block, sc)
	if err != nil {
		return err
	}
	sc.located.segment = nil // its rows change
	c.edit(changed, Numbers|Lags)
	if err := s.regrowSketches(c, series, block, sc); err != nil {
		return err
	}
	s.ownEdits()
	s.edits[number] = changed
	if s.live == nil {
		s.live = slices.Clone(s.dir.nodes)
	}
	leaf := &s.live[number]
	leaf.Reset()
	leaf.AddRows(c.Times, c.Predicted, c.Actual, c.Known, 0, c.Len())
	s.dir.regrow(s.live, series, block)
	return nil
}

// ownEdits makes s the only one that has its edits.
func (s *Segment) ownEdits() {
	switch {
	case s.edits == nil:
		s.edits = make(edits)
	case s.lent:
		s.edits = maps.Clone(s.edits)
	}
	s.lent = false
}

// Edited tells whether the segment has edits, which a merge folds in.
func (s *Segment) Edited() bool { return len(s.edits) > 0 }

// Snapshot returns the segment with the edits it has now. It may be read while s is edited, but not made beside an Edit.
func (s *Segment) Snapshot() *Segment {
	s.lent = true
	return &Segment{src: s.src, dir: s.dir, edits: s.edits, live: slices.Clone(s.live), liveSketches: maps.Clone(s.liveSketches)}
}

// nodes returns the aggregates of blocks and trees with all edits.
func (s *Segment) nodes() []Aggregate {
	if s.live != nil {
		return s.live
	}
	return s.dir.nodes
}

// regrow recomputes the nodes above a block.
func (d *directory) regrow(nodes []Aggregate, series, block int) {
	s := &d.series[series]
	first, n, at := s.firstBlock, s.blockCount, uint32(block)
	for next := s.firstNode; n > 1; next += n {
		at /= fanOut
		sum := &nodes[next+at]
		sum.Reset()
		for j := at * fanOut; j < min((at+1)*fanOut, n); j++ {
			sum.Merge(&nodes[first+j])
		}
		first, n = next, (n+fanOut-1)/fanOut
	}
}

// edit applies edits to the stored rows of a block, of which c has the columns cols.
func (c *Columns) edit(edits []Edit, cols ColumnSet) {
	deleted := false
	for _, e := range edits {
		deleted = deleted || e.Deleted
		if cols&Numbers != 0 && !e.Deleted {
			c.setActual(e.Row, e.Actual, e.Known)
		}
	}
	if deleted {
		c.remove(edits, cols)
	}
}

func (c *Columns) setActual(row int, actual float64, known bool) {
	if !known {
		actual = 0
		if row < len(c.Lags) {
			c.Lags[row] = NoLag
		}
	}
	c.Actual[row] = actual
	c.Known[row/64] &^= 1 << (row % 64)
	if known {
		c.Known[row/64] |= 1 << (row % 64)
	}
}

// remove drops the deleted rows.
func (c *Columns) remove(edits []Edit, cols ColumnSet) {
	gone := func(row int) bool {
		i := sort.Search(len(edits), func(i int) bool { return edits[i].Row >= row })
		return i < len(edits) && edits[i].Row == row && edits[i].Deleted
	}
	var kept Columns
	rows := max(len(c.Times), c.IDs.Len(), c.Features.Len(), len(c.Lags))
	for row := range rows {
		if gone(row) {
			continue
		}
		if cols&Numbers != 0 {
			kept.Known.Append(len(kept.Times), c.Known.Get(row))
			kept.Times = append(kept.Times, c.Times[row])
			kept.Predicted = append(kept.Predicted, c.Predicted[row])
			kept.Actual = append(kept.Actual, c.Actual[row])
		}
		if len(c.Lags) > 0 {
			kept.Lags = append(kept.Lags, c.Lags[row])
		}
		if c.IDs.Len() > 0 {
			kept.IDs.AppendFrom(&c.IDs, row, row+1)
		}
		if c.Features.Len() > 0 {
			kept.Features.AppendFrom(&c.Features, row, row+1)
		}
	}
	*c = kept
}
