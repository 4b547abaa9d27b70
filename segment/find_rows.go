package segment

import (
	"bytes"
	"fmt"
	"sort"
)

// Row is a row that was found: its place in the segment, and its values with the edits of the segment.
type Row struct {
	Series, Block, Row int
	Time               int64
	Predicted, Actual  float64
	Known              bool
	Lag                int64
}

// Key names a row of a series.
type Key struct {
	Time int64
	ID   []byte
}

// compare orders keys as the rows of a series are.
func (k Key) compare(ts int64, id []byte) int {
	switch {
	case k.Time < ts:
		return -1
	case k.Time > ts:
		return 1
	}
	return bytes.Compare(k.ID, id)
}

// FindRows calls found for every row of a series that has one of the keys, in the order of the keys, which is
// ascending. It reads the times of the blocks that a key may lie in, and their ids only if a row has the time of a key.
// found must not edit the segment.
func (s *Segment) FindRows(series int, keys []Key, sc *Scratch, found func(key int, r Row) error) error {
	e := &s.dir.series[series]
	block, blocks := 0, int(e.blockCount)
	for i, k := range keys {
		var err error
		if block, err = s.firstReaching(series, block, k, sc); err != nil {
			return err
		}
		for b := block; b < blocks; b++ {
			more, err := s.findRow(series, b, k, sc, func(r Row) error { return found(i, r) })
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// firstReaching returns the first block from a place on whose last row is not before k.
func (s *Segment) firstReaching(series, from int, k Key, sc *Scratch) (block int, err error) {
	e := &s.dir.series[series]
	blocks := s.dir.nodes[e.firstBlock : e.firstBlock+e.blockCount]
	block = search(from, len(blocks), func(b int) bool {
		if blocks[b].MaxTime != k.Time || err != nil {
			return blocks[b].MaxTime > k.Time
		}
		var c *Columns
		if c, err = s.locate(series, b, IDs, sc); err != nil {
			return true
		}
		return bytes.Compare(c.IDs.At(c.IDs.Len()-1), k.ID) >= 0
	})
	return block, err
}

// findRow calls found for the rows of a block that have the key; more tells that the next block may have others.
func (s *Segment) findRow(series, block int, k Key, sc *Scratch, found func(Row) error) (more bool, err error) {
	a := s.Block(series, block)
	if a.MinTime > k.Time {
		return false, nil
	}
	c, err := s.locate(series, block, Numbers, sc)
	if err != nil {
		return false, err
	}
	n := len(c.Times)
	from := sort.Search(n, func(i int) bool { return c.Times[i] >= k.Time })
	if from == n || c.Times[from] != k.Time {
		return from == n, nil
	}
	if c, err = s.locate(series, block, IDs|Lags, sc); err != nil {
		return false, err
	}
	row := from + sort.Search(n-from, func(i int) bool { return k.compare(c.Times[from+i], c.IDs.At(from+i)) <= 0 })
	for ; row < n && k.compare(c.Times[row], c.IDs.At(row)) == 0; row++ {
		if r, ok := s.row(series, block, row, c); ok {
			if err := found(r); err != nil {
				return false, err
			}
		}
	}
	return row == n, nil
}

// row returns a row of a block that was looked up with its numbers and lags; ok is false if it is deleted.
func (s *Segment) row(series, block, row int, c *Columns) (r Row, ok bool) {
	r = Row{series, block, row, c.Times[row], c.Predicted[row], c.Actual[row], c.Known.Get(row), c.Lags[row]}
	changed := s.edits[int(s.dir.series[series].firstBlock)+block]
	if e := changed.of(row); e != nil {
		r.Actual, r.Known, r.Lag = e.actual, e.known, e.lag
		if e.replaced != nil {
			r.Predicted = e.replaced.predicted
		}
	}
	return r, !changed.gone(row)
}

// FeaturesOf returns the features of a row that was found. They are valid until the next use of sc.
func (s *Segment) FeaturesOf(r Row, sc *Scratch) ([]byte, error) {
	edit := s.edits[int(s.dir.series[r.Series].firstBlock)+r.Block].of(r.Row)
	if features := edit.features(); features != nil {
		return features, nil
	}
	c, err := s.locate(r.Series, r.Block, Features, sc)
	if err != nil {
		return nil, err
	}
	return c.Features.At(r.Row), nil
}

// cachedBlock is a block, as stored, in which a row was looked for: it is likely to be looked into again, or edited.
type cachedBlock struct {
	segment *Segment // nil if there is none
	block   int      // of all of the segment
	cols    ColumnSet
	rows    Columns // of which it has cols
	used    uint64  // the clock of lookupCache when it was looked into last
}

// lookupCache are the blocks that were looked into last.
type lookupCache struct {
	held   []*cachedBlock
	last   *cachedBlock // the block used last
	clock  uint64       // counts look-ups
	blocks int          // bound on held; 0 is 1
}

// HoldBlocks sets how many decoded blocks look-ups of rows find again, at about 100 bytes a row: requests that come in
// the order of time look into the same block of each series again and again. The default is one.
func (sc *Scratch) HoldBlocks(n int) { sc.lookups.blocks = n }

// of returns the place of a block, which has none of its columns yet if it was not held.
func (h *lookupCache) of(s *Segment, block int) *cachedBlock {
	h.clock++
	if l := h.last; l != nil && l.segment == s && l.block == block {
		l.used = h.clock
		return l
	}
	var oldest *cachedBlock
	for _, l := range h.held {
		if l.segment == s && l.block == block {
			l.used, h.last = h.clock, l
			return l
		}
		if oldest == nil || l.used < oldest.used {
			oldest = l
		}
	}
	if len(h.held) < max(h.blocks, 1) {
		oldest = new(cachedBlock)
		h.held = append(h.held, oldest)
	}
	oldest.segment, oldest.block, oldest.cols, oldest.used = s, block, 0, h.clock
	h.last = oldest
	return oldest
}

// forget lets go of the blocks of a segment, or of all if it is nil.
func (h *lookupCache) forget(s *Segment) {
	for _, l := range h.held {
		if s == nil || l.segment == s {
			l.segment, l.used = nil, 0
		}
	}
}

// locate returns columns of a block as stored, beside those of it that were asked for before. They live until the next
// call for another block.
func (s *Segment) locate(series, block int, cols ColumnSet, sc *Scratch) (*Columns, error) {
	number := int(s.dir.series[series].firstBlock) + block
	l := sc.lookups.of(s, number)
	if missing := cols &^ l.cols; missing != 0 {
		if _, err := s.decode(&l.rows, number, missing, sc); err != nil {
			l.segment = nil
			return nil, fmt.Errorf("block %d of series %d: %w", block, series, err)
		}
		l.cols |= missing
	}
	return &l.rows, nil
}
