package segment

import (
	"bytes"
	"fmt"
	"maps"
	"math"
)

// NoLag is the lag of a row that has no actual, or one that came together with its prediction.
const NoLag = -1

// Sketches are the distributions of a set of rows, beside their [Aggregate]. What is said there of order and grouping
// is true of them too.
type Sketches struct {
	Errors Sketch // of |e|, rounded to float64
	Lags   Sketch // of the rows that have one, in milliseconds
}

// Reset empties d and keeps its memory.
func (d *Sketches) Reset() {
	d.Errors.Reset()
	d.Lags.Reset()
}

// Add adds a row that has an actual.
func (d *Sketches) Add(predicted, actual float64, lag int64) {
	d.Errors.Add(math.Abs(predicted - actual))
	if lag >= 0 {
		d.Lags.Add(float64(lag))
	}
}

// AddRows adds those of the rows [from, to) of parallel columns that have an actual. Without lags none of them has any.
func (d *Sketches) AddRows(predicted, actual []float64, lags []int64, known Bitmap, from, to int) {
	for i, j := known.run(from, to); i < j; i, j = known.run(j, to) {
		d.Errors.addErrors(predicted[i:j], actual[i:j])
		if lags == nil {
			continue
		}
		for _, lag := range lags[i:j] {
			if lag >= 0 {
				d.Lags.Add(float64(lag))
			}
		}
	}
}

// AppendTo appends d in its stored form: that of both sketches, the errors first.
func (d *Sketches) AppendTo(dst []byte) []byte {
	return d.Lags.appendTo(d.Errors.appendTo(dst))
}

// AddStored adds what [Sketches.AppendTo] wrote.
func (d *Sketches) AddStored(b []byte) error {
	c := cursor{rest: b}
	d.Errors.addStored(&c)
	d.Lags.addStored(&c)
	return c.end()
}

// sketchFan is the number of nodes under a node of the tree of sketches of a series. It is smaller than fanOut: merging
// sketches costs much more than merging aggregates, and takes little memory.
const sketchFan = 8

// sketchTree holds the stored form of the nodes of all trees of a segment, series by series, level by level from the
// blocks up. The blocks' own are in their chunks.
type sketchTree struct {
	bytes []byte
	ends  []uint32
}

func (t *sketchTree) append(d *Sketches) {
	t.bytes = d.AppendTo(t.bytes)
	t.ends = append(t.ends, uint32(len(t.bytes)))
}

func (t *sketchTree) at(i uint32) []byte {
	start := uint32(0)
	if i > 0 {
		start = t.ends[i-1]
	}
	return t.bytes[start:t.ends[i]]
}

// sketchNodes is the number of nodes over n blocks.
func sketchNodes(n uint32) uint32 {
	nodes := uint32(0)
	for n > 1 {
		n = (n + sketchFan - 1) / sketchFan
		nodes += n
	}
	return nodes
}

// storedSketches returns the stored sketches of block i of all, valid until the next use of sc.
type storedSketches func(i uint32) ([]byte, error)

// growSketches makes the trees of sketches over the blocks.
func (d *directory) growSketches(block storedSketches, sum *Sketches) error {
	d.sketches = sketchTree{d.sketches.bytes[:0], d.sketches.ends[:0]}
	for i := range d.series {
		s := &d.series[i]
		s.firstSketch = uint32(len(d.sketches.ends))
		below := block
		for first, n := s.firstBlock, s.blockCount; n > 1; {
			next := uint32(len(d.sketches.ends))
			for at := uint32(0); at < n; at += sketchFan {
				sum.Reset()
				for j := at; j < min(at+sketchFan, n); j++ {
					b, err := below(first + j)
					if err == nil {
						err = sum.AddStored(b)
					}
					if err != nil {
						return err
					}
				}
				d.sketches.append(sum)
			}
			first, n = next, (n+sketchFan-1)/sketchFan
			below = func(node uint32) ([]byte, error) { return d.sketches.at(node), nil }
		}
	}
	return nil
}

// blockSketches returns the sketches of block i of all with its edits, valid until the next use of sc. They are empty
// for a block without actuals.
func (s *Segment) blockSketches(i uint32, sc *Scratch) ([]byte, error) {
	if b, ok := s.liveSketches[i]; ok {
		return b, nil
	}
	off, n := s.dir.blocks[i].chunk(chunkSketches)
	if n == 0 {
		return emptySketches, nil
	}
	return sc.readChecked(s.src, off, n)
}

// emptySketches is the stored form of no rows.
var emptySketches = new(Sketches).AppendTo(nil)

// sketchNode returns the sketches of a node with its edits.
func (s *Segment) sketchNode(node uint32) []byte {
	if b, ok := s.liveSketches[uint32(len(s.dir.blocks))+node]; ok {
		return b
	}
	return s.dir.sketches.at(node)
}

// mergeSketches adds those of the blocks [from, to) of a series, from as few nodes as cover them.
func (s *Segment) mergeSketches(dst *Sketches, series int, from, to uint32, sc *Scratch) error {
	e := &s.dir.series[series]
	add := func(level int, i uint32) error {
		if level > 0 {
			return dst.AddStored(s.sketchNode(i))
		}
		b, err := s.blockSketches(i, sc)
		if err == nil {
			err = dst.AddStored(b)
		}
		return err
	}
	first, n, next := e.firstBlock, e.blockCount, e.firstSketch
	for level := 0; ; level++ {
		for from < to && from%sketchFan != 0 {
			if err := add(level, first+from); err != nil {
				return err
			}
			from++
		}
		for from < to && to%sketchFan != 0 && to != n {
			to--
			if err := add(level, first+to); err != nil {
				return err
			}
		}
		if from >= to {
			return nil
		}
		if n == 1 {
			return add(level, first)
		}
		from, to = from/sketchFan, (to+sketchFan-1)/sketchFan
		first, n = next, (n+sketchFan-1)/sketchFan
		next += n
	}
}

// regrowSketches recomputes the sketches of an edited block, whose rows c has, and of the nodes above it. On an error
// nothing changes.
func (s *Segment) regrowSketches(c *Columns, series, block int, sc *Scratch) error {
	e := &s.dir.series[series]
	sum := &sc.sketches
	sum.Reset()
	sum.AddRows(c.Predicted, c.Actual, c.Lags, c.Known, 0, c.Len())
	fresh := map[uint32][]byte{e.firstBlock + uint32(block): sum.AppendTo(nil)}
	of := func(level int, i uint32) ([]byte, error) {
		if level > 0 {
			i += uint32(len(s.dir.blocks))
		}
		if b, ok := fresh[i]; ok {
			return b, nil
		}
		if level > 0 {
			return s.sketchNode(i - uint32(len(s.dir.blocks))), nil
		}
		return s.blockSketches(i, sc)
	}
	first, n, at, level := e.firstBlock, e.blockCount, uint32(block), 0
	for next := e.firstSketch; n > 1; next += n {
		at /= sketchFan
		sum.Reset()
		for j := at * sketchFan; j < min((at+1)*sketchFan, n); j++ {
			b, err := of(level, first+j)
			if err == nil {
				err = sum.AddStored(b)
			}
			if err != nil {
				return err
			}
		}
		fresh[uint32(len(s.dir.blocks))+next+at] = sum.AppendTo(nil)
		first, n, level = next, (n+sketchFan-1)/sketchFan, level+1
	}
	if s.liveSketches == nil {
		s.liveSketches = make(map[uint32][]byte)
	}
	maps.Copy(s.liveSketches, fresh)
	return nil
}

// verifySketches checks the stored sketches of a block, whose rows c has as stored.
func (s *Segment) verifySketches(c *Columns, block uint32, sc *Scratch) error {
	sc.sketches.Reset()
	sc.sketches.AddRows(c.Predicted, c.Actual, c.Lags, c.Known, 0, c.Len())
	want := sc.sketches.AppendTo(nil)
	got, err := s.blockSketches(block, sc)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: sketches differ from the rows", ErrCorrupt)
	}
	return nil
}
