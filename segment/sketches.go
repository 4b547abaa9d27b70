package segment

import (
	"bytes"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/segment/internal/sketch"
)

// SketchError bounds the relative error of a quantile of [Sketches].
const SketchError = sketch.Error

// Sketches are the distributions of a set of rows, beside their [Aggregate]. What is said there of order and grouping
// is true of them too.
type Sketches struct {
	Errors sketch.Sketch // of |e|, rounded to float64
	Lags   sketch.Sketch // of the rows that have one, in milliseconds
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

// AddColumns adds those of the rows [from, to) that have an actual.
func (d *Sketches) AddColumns(n *NumberColumns, from, to int) {
	for i, j := n.Known.Run(from, to); i < j; i, j = n.Known.Run(j, to) {
		d.Errors.AddErrors(n.Predicted[i:j], n.Actual[i:j])
		if n.Lags == nil {
			continue
		}
		for _, lag := range n.Lags[i:j] {
			if lag >= 0 {
				d.Lags.Add(float64(lag))
			}
		}
	}
}

// AppendTo appends d in its stored form: that of both sketches, the errors first.
func (d *Sketches) AppendTo(dst []byte) []byte {
	return d.Lags.AppendTo(d.Errors.AppendTo(dst))
}

// AddStored adds what [Sketches.AppendTo] wrote.
func (d *Sketches) AddStored(b []byte) error {
	c := columns.NewCursor(b, ErrCorrupt)
	d.Errors.AddStored(&c)
	d.Lags.AddStored(&c)
	return c.End()
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

// liveSketch is the sketches of a block or a node with edits, made by the first report that asks for them: edits come
// many at a time, reports seldom. Those who hold the segment for reading may fill it at the same time.
type liveSketch struct{ held atomic.Pointer[[]byte] }

// blockSketches returns the sketches of block i of all as stored, valid until the next use of sc. They are empty for a
// block without actuals.
func (s *Segment) blockSketches(i uint32, sc *Scratch) ([]byte, error) {
	off, n := s.dir.blocks[i].chunk(chunkSketches)
	if n == 0 {
		return emptySketches, nil
	}
	return sc.readChecked(s.src, off, n)
}

// emptySketches is the stored form of no rows.
var emptySketches = new(Sketches).AppendTo(nil)

// forgetSketches lets go of the sketches of a block that was edited, and of the nodes above it.
func (s *Segment) forgetSketches(series, block int) {
	e := &s.dir.series[series]
	s.liveSketches[e.firstBlock+uint32(block)] = new(liveSketch)
	n, at := e.blockCount, uint32(block)
	for next := e.firstSketch; n > 1; next += n {
		at, n = at/sketchFan, (n+sketchFan-1)/sketchFan
		s.liveSketches[uint32(len(s.dir.blocks))+next+at] = new(liveSketch)
	}
}

// sketchLevel is a level of the tree of sketches of a series: its blocks, or n nodes from first on.
type sketchLevel struct {
	series   *seriesEntry
	level    int // 0 for the blocks
	first, n uint32
}

// sketchBlocks is the level of the blocks of a series.
func sketchBlocks(e *seriesEntry) sketchLevel { return sketchLevel{e, 0, e.firstBlock, e.blockCount} }

// above returns the level of the nodes over a level's, which begins at first.
func (l sketchLevel) above(first uint32) sketchLevel {
	return sketchLevel{l.series, l.level + 1, first, (l.n + sketchFan - 1) / sketchFan}
}

// below returns the level that a level's nodes were made of.
func (l sketchLevel) below() sketchLevel {
	b := sketchBlocks(l.series)
	for next := l.series.firstSketch; b.level < l.level-1; next += b.n {
		b = b.above(next)
	}
	return b
}

// addSketches adds those of the block or node at a place of a level, with its edits.
func (s *Segment) addSketches(dst *Sketches, l sketchLevel, at uint32, sc *Scratch) error {
	key := l.first + at
	if l.level > 0 {
		key += uint32(len(s.dir.blocks))
	}
	if live := s.liveSketches[key]; live != nil {
		return s.addLive(dst, live, l, at, sc)
	}
	if l.level > 0 {
		return dst.AddStored(s.dir.sketches.at(l.first + at))
	}
	b, err := s.blockSketches(key, sc)
	if err != nil {
		return err
	}
	return dst.AddStored(b)
}

// addLive adds sketches that edits have changed, which it makes if nobody has.
func (s *Segment) addLive(dst *Sketches, live *liveSketch, l sketchLevel, at uint32, sc *Scratch) error {
	if held := live.held.Load(); held != nil {
		return dst.AddStored(*held)
	}
	var sum Sketches
	if l.level == 0 {
		var c Columns
		if _, err := s.readBlock(&c, int(l.first+at), Numbers|Lags, sc); err != nil {
			return err
		}
		sum.AddColumns(&c.NumberColumns, 0, c.Len())
	} else {
		below := l.below()
		for child := at * sketchFan; child < min((at+1)*sketchFan, below.n); child++ {
			if err := s.addSketches(&sum, below, child, sc); err != nil {
				return err
			}
		}
	}
	stored := sum.AppendTo(nil)
	live.held.Store(&stored)
	return dst.AddStored(stored)
}

// mergeSketches adds those of the blocks [from, to) of a series, from as few nodes as cover them.
func (s *Segment) mergeSketches(dst *Sketches, e *seriesEntry, from, to uint32, sc *Scratch) error {
	l := sketchBlocks(e)
	for next := e.firstSketch; ; {
		for from < to && from%sketchFan != 0 {
			if err := s.addSketches(dst, l, from, sc); err != nil {
				return err
			}
			from++
		}
		for from < to && to%sketchFan != 0 && to != l.n {
			to--
			if err := s.addSketches(dst, l, to, sc); err != nil {
				return err
			}
		}
		if from >= to {
			return nil
		}
		if l.n == 1 {
			return s.addSketches(dst, l, 0, sc)
		}
		from, to = from/sketchFan, (to+sketchFan-1)/sketchFan
		l = l.above(next)
		next += l.n
	}
}

// verifySketches checks the stored sketches of a block, whose rows c has as stored.
func (s *Segment) verifySketches(c *Columns, block uint32, sc *Scratch) error {
	sc.sketches.Reset()
	sc.sketches.AddColumns(&c.NumberColumns, 0, c.Len())
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
