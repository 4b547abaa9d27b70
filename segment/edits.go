package segment

import (
	"maps"
	"slices"
	"sort"
)

// Edit is what a row of a sealed segment has become: everything of it that can change.
type Edit struct {
	Row       int // in its block, as stored
	Deleted   bool
	Known     bool
	Predicted float64
	Actual    float64 // counts only if Known
	Lag       int64   // NoLag where none is known
	Features  []byte  // nil where they are as they were; the segment keeps the slice
}

// edits are the edited rows by number of their block, ordered by row. Those of a block are never changed in place, so
// that a [Segment.Snapshot] stays what it is.
type edits map[int][]Edit

// Edit applies edits of rows of one block, in ascending order of row, each row once. The segment must not be read at
// the same time; snapshots may be. Edit decodes the numbers of the block, unless a Find has just done so, and sums the
// block and the path above it anew.
func (s *Segment) Edit(series, block int, rows []Edit, sc *Scratch) error {
	number := int(s.dir.series[series].firstBlock) + block
	stored, err := s.locate(series, block, Numbers|Lags, sc)
	if err != nil {
		return err
	}
	changed := mergeEdits(s.edits[number], rows)
	c := &sc.edited
	c.Reset()
	c.appendNumbersFrom(stored, 0, stored.Len())
	c.edit(changed, Numbers|Lags)
	s.ownEdits()
	s.edits[number] = changed
	if s.live == nil {
		s.live = slices.Clone(s.dir.nodes)
	}
	leaf := &s.live[number]
	leaf.Reset()
	leaf.AddRows(c.Times, c.Predicted, c.Actual, c.Known, 0, c.Len())
	s.dir.regrow(s.live, series, block)
	s.forgetSketches(series, block)
	return nil
}

// mergeEdits returns old with those of rows in the place of, or beside, its own.
func mergeEdits(old, rows []Edit) []Edit {
	merged := make([]Edit, 0, len(old)+len(rows))
	for _, e := range rows {
		for len(old) > 0 && old[0].Row < e.Row {
			merged, old = append(merged, old[0]), old[1:]
		}
		if len(old) > 0 && old[0].Row == e.Row {
			if e.Features == nil {
				e.Features = old[0].Features
			}
			old = old[1:]
		}
		merged = append(merged, e)
	}
	return append(merged, old...)
}

// ownEdits makes s the only one that has its edits.
func (s *Segment) ownEdits() {
	switch {
	case s.edits == nil:
		s.edits, s.liveSketches = make(edits), make(map[uint32]*liveSketch)
	case s.lent:
		s.edits, s.liveSketches = maps.Clone(s.edits), maps.Clone(s.liveSketches)
	}
	s.lent = false
}

// Edited tells whether the segment has edits, which a merge folds in.
func (s *Segment) Edited() bool { return len(s.edits) > 0 }

// Snapshot returns the segment with the edits it has now. It may be read while s is edited, but not made beside an Edit.
func (s *Segment) Snapshot() *Segment {
	s.lent = true
	return &Segment{src: s.src, dir: s.dir, edits: s.edits, live: slices.Clone(s.live), liveSketches: s.liveSketches}
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
	deleted, featured := false, false
	for i := range edits {
		e := &edits[i]
		deleted = deleted || e.Deleted
		featured = featured || e.Features != nil
		if cols&Numbers != 0 && !e.Deleted {
			c.Predicted[e.Row] = e.Predicted
			c.setActual(e.Row, e.Actual, e.Known)
		}
		if cols&Lags != 0 && !e.Deleted {
			c.Lags[e.Row] = e.Lag
		}
	}
	if featured && cols&Features != 0 {
		c.Features = editFeatures(&c.Features, edits)
	}
	if deleted {
		c.remove(edits, cols)
	}
}

func (c *Columns) setActual(row int, actual float64, known bool) {
	if !known {
		actual = 0
	}
	c.Actual[row] = actual
	c.Known[row/64] &^= 1 << (row % 64)
	if known {
		c.Known[row/64] |= 1 << (row % 64)
	}
}

// editFeatures returns the features of a block with those that edits have.
func editFeatures(stored *Text, edits []Edit) Text {
	var t Text
	done := 0
	for i := range edits {
		if e := &edits[i]; e.Features != nil {
			t.AppendFrom(stored, done, e.Row)
			t.Append(e.Features)
			done = e.Row + 1
		}
	}
	t.AppendFrom(stored, done, stored.Len())
	return t
}

// editOf returns the edit of a row, nil if it has none.
func editOf(edits []Edit, row int) *Edit {
	i := sort.Search(len(edits), func(i int) bool { return edits[i].Row >= row })
	if i < len(edits) && edits[i].Row == row {
		return &edits[i]
	}
	return nil
}

// remove drops the deleted rows.
func (c *Columns) remove(edits []Edit, cols ColumnSet) {
	var kept Columns
	rows := max(len(c.Times), c.IDs.Len(), c.Features.Len(), len(c.Lags))
	for row := range rows {
		if e := editOf(edits, row); e != nil && e.Deleted {
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
