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
	// deleted are the rows that are gone, which stay so; nil if none is.
	deleted columns.Bitmap
	// whole is set if all of them are: nothing else counts then, and nothing of the block is read.
	whole bool
}

// wholeBlock are the edits of every block without rows.
var wholeBlock = &blockEdits{whole: true}

// rowEdit is an [Edit] as it is held, in half of the memory: nearly all of them are actuals.
type rowEdit struct {
	row      uint32
	known    bool
	actual   float64
	lag      int64
	replaced *changedValues // nil if the rest of the row is as stored
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

// gone tells whether a row is deleted.
func (b *blockEdits) gone(row int) bool { return b != nil && (b.whole || b.deleted.Get(row)) }

// features returns those that the edit of a row has, nil if they are as stored.
func (e *rowEdit) features() []byte {
	if e == nil || e.replaced == nil {
		return nil
	}
	return e.replaced.features
}

// with returns the edits with others behind them, of a block that is stored.
func (b *blockEdits) with(more []Edit, stored *Columns) *blockEdits {
	if b != nil && b.whole {
		return b
	}
	next := b.clone(stored.Len())
	for _, e := range more {
		if e.Deleted {
			next.deleted.Set(e.Row)
			continue
		}
		old := next.of(e.Row)
		if old == nil {
			next.edited.Set(e.Row)
			next.count++
		}
		if e.Features == nil {
			e.Features = old.features()
		}
		held := rowEdit{row: uint32(e.Row), known: e.Known, actual: e.Actual, lag: e.Lag}
		if e.Features != nil || math.Float64bits(e.Predicted) != math.Float64bits(stored.Predicted[e.Row]) {
			held.replaced = &changedValues{e.Predicted, e.Features}
		}
		next.rows = append(next.rows, held)
	}
	if len(next.rows) > 2*next.count+64 { // the same few rows were edited again and again
		next.rows = next.compact()
	}
	return next.orWhole(stored.Len())
}

// clone returns a copy to which edits of a block of n rows may be added.
func (b *blockEdits) clone(n int) *blockEdits {
	next := &blockEdits{edited: make(columns.Bitmap, (n+63)/64)}
	if b != nil {
		next.rows, next.count, next.deleted = b.rows, b.count, slices.Clone(b.deleted)
		copy(next.edited, b.edited)
	}
	return next
}

// orWhole returns the edits, or those of a block without rows if all of its n rows are deleted.
func (b *blockEdits) orWhole(n int) *blockEdits {
	if b.deleted.Count() == n {
		return wholeBlock
	}
	return b
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
	s.edits[number] = s.edits[number].with(rows, stored)
	if joins {
		for l, at := range s.dir.series[series].aggregates().path(uint32(block)) {
			for i := range rows {
				s.live[l.first+at].AddActual(stored.Times[rows[i].Row], rows[i].Predicted, rows[i].Actual)
			}
		}
	} else {
		s.sumBlock(number, stored, sc)
		s.sumAbove(series, block, block+1)
	}
	s.forgetSketches(series, block, block+1)
	return nil
}

// sumBlock sums a block anew, of which stored has the numbers and lags as they are stored.
func (s *Segment) sumBlock(number int, stored *Columns, sc *Scratch) {
	sum, changed := &s.live[number], s.edits[number]
	sum.Reset()
	if changed.whole {
		return
	}
	c := &sc.edited
	c.Reset()
	c.AppendColumns(&stored.NumberColumns, 0, stored.Len())
	c.edit(changed, Numbers|Lags)
	sum.AddUnordered(&c.NumberColumns, 0, c.Len())
}

// sumAbove sums the nodes above the blocks [from, to) of a series anew.
func (s *Segment) sumAbove(series, from, to int) {
	below := s.dir.series[series].aggregates()
	for l, places := range below.pathOver(uint32(from), uint32(to)) {
		for at := places.from; l.height > 0 && at < places.to; at++ {
			s.live[l.first+at] = sumUnder(s.live, below, at)
		}
		below = l
	}
}

// ownEdits gives s edits, aggregates and sketches that no snapshot shares.
func (s *Segment) ownEdits() {
	if s.live == nil {
		s.live = slices.Clone(s.dir.nodes)
	}
	switch {
	case s.edits == nil:
		s.edits, s.liveSketches = make(edits), make(map[uint32]*liveSketch)
	case s.lent:
		s.edits, s.live, s.liveSketches = maps.Clone(s.edits), slices.Clone(s.live), maps.Clone(s.liveSketches)
	}
	s.lent = false
}

// Edited tells whether the segment has edits, which [Merge] folds in.
func (s *Segment) Edited() bool { return len(s.edits) > 0 }

// Snapshot returns the segment with the edits it has now. It may be read while s is edited, but not made beside an
// Edit or another Snapshot. It costs nothing: the next Edit copies what both share.
func (s *Segment) Snapshot() *Segment {
	s.lent = true
	return &Segment{src: s.src, dir: s.dir, edits: s.edits, live: s.live, liveSketches: s.liveSketches}
}

// From returns the segment with its blocks in another place, where the same bytes are.
func (s *Segment) From(src Source) *Segment {
	at := *s
	at.src = src
	return &at
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
	featured := false
	for i := range edits.rows {
		e := &edits.rows[i]
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
	if edits.deleted != nil {
		c.remove(edits.deleted)
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

// remove drops rows of the columns that c has.
func (c *Columns) remove(deleted columns.Bitmap) {
	var known columns.Bitmap
	var ids, features columns.Text
	rows, n := max(len(c.Times), c.IDs.Len(), c.Features.Len(), len(c.Lags)), 0
	for from := deleted.NextClear(0, rows); from < rows; {
		to := deleted.NextSet(from, rows)
		if len(c.Times) > 0 {
			known.AppendFrom(n, c.Known, from, to)
			copy(c.Times[n:], c.Times[from:to])
			copy(c.Predicted[n:], c.Predicted[from:to])
			copy(c.Actual[n:], c.Actual[from:to])
		}
		if len(c.Lags) > 0 {
			copy(c.Lags[n:], c.Lags[from:to])
		}
		if c.IDs.Len() > 0 {
			ids.AppendFrom(&c.IDs, from, to)
		}
		if c.Features.Len() > 0 {
			features.AppendFrom(&c.Features, from, to)
		}
		n += to - from
		from = deleted.NextClear(to, rows)
	}
	if len(c.Times) > 0 {
		c.Times, c.Predicted, c.Actual, c.Known = c.Times[:n], c.Predicted[:n], c.Actual[:n], known
	}
	if len(c.Lags) > 0 {
		c.Lags = c.Lags[:n]
	}
	c.IDs, c.Features = ids, features
}
