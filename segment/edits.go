package segment

import (
	"maps"
	"math"
	"slices"

	"github.com/residualdb/residual/internal/columns"
)

// Edit holds the values that a row of a sealed segment has now, of all that can change.
type Edit struct {
	Row       int // in its block, as stored
	Deleted   bool
	Known     bool
	Predicted float64
	Actual    float64 // counts only if Known
	Lag       int64   // NoLag where none is known
	Features  []byte  // nil where they are as they were; the segment keeps the slice
}

// edits holds the edits of each block by the number of the block in the segment. A blockEdits is never changed, another
// one takes its place, so that a [Segment.Snapshot] keeps the edits it was made with.
type edits map[int]*blockEdits

// blockEdits are the edits of a block in the order they came; the last one of a row counts. An edit that is
// added stands in the array behind the rows that a snapshot sees.
type blockEdits struct {
	rows   []rowEdit
	edited columns.Bitmap // which rows have an edit
	count  int            // how many
}

// rowEdit is an [Edit] as it is held, in half of the memory: nearly all of them are actuals.
type rowEdit struct {
	row            uint32
	deleted, known bool
	actual         float64
	lag            int64
	replaced       *changedValues // nil if the rest of the row is as stored
}

// changedValues are the values of a row that differ from the stored ones, beside the actual. Features are nil where they
// are as stored.
type changedValues struct {
	predicted float64
	features  []byte
}

// of returns the edit of a row, nil if it has none.
func (b *blockEdits) of(row int) *rowEdit {
	if b == nil || !b.edited.Get(row) {
		return nil
	}
	for i := len(b.rows) - 1; ; i-- {
		if b.rows[i].row == uint32(row) {
			return &b.rows[i]
		}
	}
}

// features returns those that the edit of a row has, nil if they are as stored.
func (e *rowEdit) features() []byte {
	if e == nil || e.replaced == nil {
		return nil
	}
	return e.replaced.features
}

// with returns the edits with others behind them, of a block that is stored.
func (b *blockEdits) with(more []Edit, stored *Columns) *blockEdits {
	next := &blockEdits{edited: make(columns.Bitmap, (stored.Len()+63)/64)}
	if b != nil {
		next.rows, next.count = b.rows, b.count
		copy(next.edited, b.edited)
	}
	for _, e := range more {
		old := next.of(e.Row)
		if old == nil {
			next.edited.Set(e.Row)
			next.count++
		}
		if e.Features == nil {
			e.Features = old.features()
		}
		held := rowEdit{row: uint32(e.Row), deleted: e.Deleted, known: e.Known, actual: e.Actual, lag: e.Lag}
		if e.Features != nil || math.Float64bits(e.Predicted) != math.Float64bits(stored.Predicted[e.Row]) {
			held.replaced = &changedValues{e.Predicted, e.Features}
		}
		next.rows = append(next.rows, held)
	}
	if len(next.rows) > 2*next.count+64 { // the same few rows were edited again and again
		next.rows = next.compact()
	}
	return next
}

// compact returns the edits that count.
func (b *blockEdits) compact() []rowEdit {
	kept, seen := make([]rowEdit, 0, b.count), make(columns.Bitmap, len(b.edited))
	for _, e := range slices.Backward(b.rows) {
		if !seen.Get(int(e.row)) {
			seen.Set(int(e.row))
			kept = append(kept, e)
		}
	}
	slices.Reverse(kept)
	return kept
}

// Edit applies edits of rows of one block, each row once. The segment must not be read at the same time; snapshots may
// be. Edit decodes the numbers of the block, unless FindRows or FindIDs has just done so. Actuals of rows that had none
// are added to the sums of the block and of the path above it; for any other change these are summed anew, because sums
// do not subtract.
func (s *Segment) Edit(series, block int, rows []Edit, sc *Scratch) error {
	number := int(s.dir.series[series].firstBlock) + block
	stored, err := s.locate(series, block, Numbers|Lags, sc)
	if err != nil {
		return err
	}
	joins := true // every edit gives an actual to a row without one, and changes nothing else
	for i := range rows {
		e := &rows[i]
		was, there := s.row(series, block, e.Row, stored)
		joins = joins && there && !was.Known && !e.Deleted && e.Known && was.Predicted == e.Predicted
	}
	s.ownEdits()
	changed := s.edits[number].with(rows, stored)
	s.edits[number] = changed
	if s.live == nil {
		s.live = slices.Clone(s.dir.nodes)
	}
	if joins {
		for l, at := range s.dir.series[series].aggregates().path(uint32(block)) {
			for i := range rows {
				s.live[l.first+at].AddActual(stored.Times[rows[i].Row], rows[i].Predicted, rows[i].Actual)
			}
		}
	} else {
		c := &sc.edited
		c.Reset()
		c.AppendColumns(&stored.NumberColumns, 0, stored.Len())
		c.edit(changed, Numbers|Lags)
		leaf := &s.live[number]
		leaf.Reset()
		leaf.AddUnordered(&c.NumberColumns, 0, c.Len())
		below := s.dir.series[series].aggregates()
		for l, at := range below.path(uint32(block)) {
			if l.height > 0 {
				s.live[l.first+at] = sumUnder(s.live, below, at)
			}
			below = l
		}
	}
	s.forgetSketches(series, block)
	return nil
}

// ownEdits gives s maps of edits and sketches that no snapshot shares.
func (s *Segment) ownEdits() {
	switch {
	case s.edits == nil:
		s.edits, s.liveSketches = make(edits), make(map[uint32]*liveSketch)
	case s.lent:
		s.edits, s.liveSketches = maps.Clone(s.edits), maps.Clone(s.liveSketches)
	}
	s.lent = false
}

// Edited tells whether the segment has edits, which [Merge] folds in.
func (s *Segment) Edited() bool { return len(s.edits) > 0 }

// Snapshot returns the segment with the edits it has now. It may be read while s is edited, but not made beside an
// Edit.
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

// edit applies edits to the stored rows of a block, of which c has the columns cols.
func (c *Columns) edit(edits *blockEdits, cols ColumnSet) {
	deleted, featured := false, false
	for i := range edits.rows {
		e := &edits.rows[i]
		deleted = deleted || e.deleted
		featured = featured || e.features() != nil
		if cols&Numbers != 0 {
			c.setActual(int(e.row), e.actual, e.known)
			if e.replaced != nil {
				c.Predicted[e.row] = e.replaced.predicted
			}
		}
		if cols&Lags != 0 {
			c.Lags[e.row] = e.lag
		}
	}
	if featured && cols&Features != 0 {
		c.Features = edits.features(&c.Features)
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

// features returns the features of a block with the edits.
func (b *blockEdits) features(stored *columns.Text) columns.Text {
	var t columns.Text
	for row := range stored.Len() {
		if features := b.of(row).features(); features != nil {
			t.Append(features)
		} else {
			t.AppendFrom(stored, row, row+1)
		}
	}
	return t
}

// remove drops the deleted rows.
func (c *Columns) remove(edits *blockEdits, cols ColumnSet) {
	var kept Columns
	rows := max(len(c.Times), c.IDs.Len(), c.Features.Len(), len(c.Lags))
	for row := range rows {
		if e := edits.of(row); e != nil && e.deleted {
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
