package segment

import (
	"fmt"
	"sort"
)

// Window asks for the rows of a series with From <= time < To, in Unix milliseconds.
type Window struct {
	Series   int
	From, To int64
	Want     Want
}

// windowQuery is a Window being answered.
type windowQuery struct {
	Window
	segment  *Segment
	dst      *Aggregate
	sketches *Sketches
	sc       *Scratch
	read     Read
}

// AddWindow adds the rows of a window to dst, and to sketches if everything is wanted; they are otherwise not used.
// Blocks that lie in the window come from the tree; at most two, at the edges of the window, are decoded, of these the
// numbers alone, and of those but a few strips, except for WantAll. It allocates nothing once sc has grown.
func (s *Segment) AddWindow(dst *Aggregate, sketches *Sketches, w Window, sc *Scratch) (Read, error) {
	e := &s.dir.series[w.Series]
	blocks := s.dir.nodes[e.firstBlock : e.firstBlock+e.blockCount]
	reaches := func(i int) bool { return blocks[i].MaxTime >= w.From }
	first := 0
	if near := sc.lastEnd - 1; near > 0 && near < len(blocks) && !reaches(near-1) {
		first = near
	}
	first = search(first, len(blocks), reaches)
	end := search(first, len(blocks), func(i int) bool { return blocks[i].MinTime >= w.To })
	sc.lastEnd = end
	if first >= end || w.From >= w.To {
		return Read{}, nil
	}
	q := windowQuery{Window: w, segment: s, dst: dst, sketches: sketches, sc: sc}
	inside := func(block int) bool { return blocks[block].MinTime >= w.From && blocks[block].MaxTime < w.To }
	if !inside(first) {
		if err := q.addBoundary(first); err != nil {
			return Read{}, err
		}
		first++
	}
	if first < end && !inside(end-1) {
		end--
		if err := q.addBoundary(end); err != nil {
			return Read{}, err
		}
	}
	if w.Want == WantAll {
		for l, at := range e.sketches().cover(uint32(first), uint32(end)) {
			if err := s.addSketches(sketches, e, l, at, sc); err != nil {
				return Read{}, err
			}
		}
	}
	nodes := s.nodes()
	for l, at := range e.aggregates().cover(uint32(first), uint32(end)) {
		dst.MergeWanted(w.Want, &nodes[l.first+at])
	}
	return q.read, nil
}

// addBoundary adds those rows of a block of the series that lie in the window.
func (q *windowQuery) addBoundary(block int) error {
	number := int(q.segment.dir.series[q.Series].firstBlock) + block
	cols := q.boundaryColumns(number)
	e, held := q.sc.boundaryBlock(q.segment, number, cols)
	var err error
	if cols == 0 {
		err = q.addStrips(e, held)
	} else {
		err = q.addDecoded(e, held)
	}
	if err != nil {
		e.segment = nil
		return fmt.Errorf("block %d of series %d: %w", block, q.Series, err)
	}
	return nil
}

// boundaryColumns returns which columns of a block must be decoded as a whole: those that its edits are to change, and with
// lags all. Without either it is decoded strip by strip.
func (q *windowQuery) boundaryColumns(number int) ColumnSet {
	edited := q.segment.edits[number] != nil
	_, lags := q.segment.dir.blocks[number].chunk(chunkLags)
	switch {
	case q.Want == WantAll && (edited || lags > 0):
		return Numbers | Lags
	case edited:
		return Numbers
	default:
		return 0
	}
}

// addDecoded adds rows of a block that is decoded as a whole.
func (q *windowQuery) addDecoded(e *boundaryBlock, held bool) error {
	if !held {
		read, err := q.segment.readBlock(&e.rows, e.block, e.cols, q.sc)
		if err != nil {
			return err
		}
		q.read.Add(read)
	}
	numbers := e.rows.NumberColumns
	if e.cols&Lags == 0 {
		numbers.Lags = nil
	}
	i, j := numbers.between(q.From, q.To)
	q.dst.AddColumns(q.Want, &numbers, i, j)
	if q.Want == WantAll {
		q.sketches.AddColumns(&numbers, i, j)
	}
	return nil
}

// search is sort.Search in [from, to), for an answer that is likely to be near from.
func search(from, to int, is func(int) bool) int {
	for step := 1; step < to-from; step *= 2 {
		if at := from + step - 1; is(at) {
			to = at
			break
		}
		from += step
	}
	return from + sort.Search(to-from, func(i int) bool { return is(from + i) })
}
