package segment

import (
	"fmt"
	"slices"
)

// edgesHeld is the number of decoded blocks that Window finds again: two for each of a few segments, so that windows
// that follow each other decode a block between them once.
const edgesHeld = 8

// edgeBlock is a block at the edge of a window, decoded as far as windows asked for it: the times, and the numbers of
// the rows [first, end).
type edgeBlock struct {
	segment    *Segment // nil if there is none
	block      int      // of all of the segment
	cols       ColumnSet
	rows       Columns
	first, end int
	parts      int // how often rows were decoded

	values []byte // what follows the times in the chunk, until sc reads something else
}

// Forget lets go of decoded blocks. It must be called between an Edit and a Window of the same segment.
func (sc *Scratch) Forget() {
	for i := range sc.edges {
		sc.edges[i].segment = nil
	}
}

// edge adds those rows of a block that lie in the window.
func (s *Segment) edge(dst *Aggregate, sketches *Sketches, series, block int, from, to int64, want Want, sc *Scratch) (Read, error) {
	cols := Numbers
	if want == WantAll {
		cols |= Lags
	}
	e, read, err := s.edgeBlock(series, block, cols, sc)
	if err != nil {
		return Read{}, err
	}
	c := &e.rows
	i, _ := slices.BinarySearch(c.Times, from)
	j, _ := slices.BinarySearch(c.Times, to)
	if err := s.decodeRows(e, i, j, sc); err != nil {
		return Read{}, fmt.Errorf("block %d of series %d: %w", block, series, err)
	}
	dst.AddWanted(want, c.Times, c.Predicted, c.Actual, c.Known, i, j)
	if want == WantAll {
		sketches.AddRows(c.Predicted, c.Actual, c.Lags, c.Known, i, j)
	}
	return read, nil
}

// edgeBlock returns a block with its times decoded. Nothing is read for one that sc holds already.
func (s *Segment) edgeBlock(series, block int, cols ColumnSet, sc *Scratch) (*edgeBlock, Read, error) {
	number := int(s.dir.series[series].firstBlock) + block
	for i := range sc.edges {
		if e := &sc.edges[i]; e.segment == s && e.block == number && e.cols == cols {
			return e, Read{}, nil
		}
	}
	e := &sc.edges[sc.edgeNext]
	sc.edgeNext = (sc.edgeNext + 1) % edgesHeld
	e.segment, e.block, e.cols, e.parts, e.values = nil, number, cols, 0, nil
	read, err := s.readEdge(e, series, block, sc)
	if err == nil {
		e.segment = s
	}
	return e, read, err
}

// readEdge decodes the times of a block, or all that is wanted of it if that is more than the stored numbers.
func (s *Segment) readEdge(e *edgeBlock, series, block int, sc *Scratch) (Read, error) {
	if e.cols != Numbers || s.edits[e.block] != nil {
		read, err := s.ReadBlock(&e.rows, series, block, e.cols, sc)
		e.first, e.end = 0, e.rows.Len()
		return read, err
	}
	b, err := s.numbers(e.block, sc)
	if err != nil {
		return Read{}, fmt.Errorf("block %d of series %d: %w", block, series, err)
	}
	e.rows.Reset()
	e.first, e.end = 0, 0
	c := cursor{rest: b}
	decodeInts(&c, grow(&e.rows.Times, int(s.dir.nodes[e.block].Rows)))
	e.values = c.rest
	return Read{Rows: uint64(e.rows.Len()), Bytes: uint64(len(b) + checksumLen)}, c.err
}

// numbers returns the chunk of numbers of a block without its checksum.
func (s *Segment) numbers(block int, sc *Scratch) ([]byte, error) {
	off, size := s.dir.blocks[block].chunk(chunkNumbers)
	return sc.readChecked(s.src, off, size)
}

// decodeRows decodes the numbers of the rows [first, end), unless they are. The second window that asks for a block
// usually begins where the first one ended; if there are more, they get all of it.
func (s *Segment) decodeRows(e *edgeBlock, first, end int, sc *Scratch) error {
	c := cursor{rest: e.values}
	e.values = nil
	if first >= end || first >= e.first && end <= e.end {
		return nil
	}
	if e.parts++; e.parts > 2 {
		first, end = 0, e.rows.Len()
	}
	if c.rest == nil {
		b, err := s.numbers(e.block, sc)
		if err != nil {
			return err
		}
		c.rest = b
		decodeIntsIn(&c, e.rows.Times, 0, 0)
	}
	e.first, e.end = 0, 0
	err := sc.decodeValues(&c, &e.rows, first, end)
	if err == nil {
		e.first, e.end = first, end
	}
	return err
}
