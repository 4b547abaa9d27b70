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

// SketchBucket is the bucket of a sketch that a number >= 0 falls into, for who counts elsewhere what [Sketches] are to hold. Of a number that
// is no subnormal it is 2551 + 50*x + floor(50*f/2^52), where x is the field of its exponent and f that of its mantissa.
func SketchBucket(v float64) int { return sketch.BucketOf(v) }

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

// Merge adds all rows of o.
func (d *Sketches) Merge(o *Sketches) {
	d.Errors.Merge(&o.Errors)
	d.Lags.Merge(&o.Lags)
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

// storedSketches returns the stored sketches of block i of all, valid until the next use of sc.
type storedSketches func(i uint32) ([]byte, error)

// growSketches makes the trees of sketches over the blocks.
func (d *directory) growSketches(block storedSketches, sum *Sketches) error {
	d.sketches = sketchTree{d.sketches.bytes[:0], d.sketches.ends[:0]}
	for i := range d.series {
		d.series[i].firstSketch = uint32(len(d.sketches.ends))
		below := block
		for l := d.series[i].sketches(); l.n > 1; l = l.above() {
			for at := range l.above().n {
				sum.Reset()
				from, to := l.under(at)
				for j := from; j < to; j++ {
					b, err := below(l.first + j)
					if err == nil {
						err = sum.AddStored(b)
					}
					if err != nil {
						return err
					}
				}
				d.sketches.append(sum)
			}
			below = func(node uint32) ([]byte, error) { return d.sketches.at(node), nil }
		}
	}
	return nil
}

// liveSketch is the sketches of a block or a node with edits, made by the first report that asks for them: edits come
// many at a time, reports seldom. Queries that read the segment at the same time may make them twice; they are the same bytes.
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

// sketchKey is the key in liveSketches of the block or node at a place of a level.
func (s *Segment) sketchKey(l level, at uint32) uint32 {
	if l.height > 0 {
		at += uint32(len(s.dir.blocks))
	}
	return l.first + at
}

// forgetSketches lets go of the sketches of the blocks [from, to), which have changed, and of the nodes above them.
func (s *Segment) forgetSketches(series, from, to int) {
	for l, places := range s.dir.series[series].sketches().pathOver(uint32(from), uint32(to)) {
		for at := places.from; at < places.to; at++ {
			s.liveSketches[s.sketchKey(l, at)] = new(liveSketch)
		}
	}
}

// addSketches adds those of the block or node at a place of a level, with its edits.
func (s *Segment) addSketches(dst *Sketches, e *seriesEntry, l level, at uint32, sc *Scratch) error {
	if live := s.liveSketches[s.sketchKey(l, at)]; live != nil {
		held := live.held.Load()
		if held == nil {
			made, err := s.sketchesWithEdits(e, l, at, sc)
			if err != nil {
				return err
			}
			held = &made
			live.held.Store(held)
		}
		return dst.AddStored(*held)
	}
	if l.height > 0 {
		return dst.AddStored(s.dir.sketches.at(l.first + at))
	}
	b, err := s.blockSketches(l.first+at, sc)
	if err != nil {
		return err
	}
	return dst.AddStored(b)
}

// sketchesWithEdits makes the sketches of a block or node that edits have changed, in their stored form.
func (s *Segment) sketchesWithEdits(e *seriesEntry, l level, at uint32, sc *Scratch) ([]byte, error) {
	var sum Sketches
	if l.height == 0 {
		var c Columns
		if _, err := s.readBlock(&c, int(l.first+at), Numbers|Lags, sc); err != nil {
			return nil, fmt.Errorf("block %d of all: %w", l.first+at, err)
		}
		sum.AddColumns(&c.NumberColumns, 0, c.Len())
		return sum.AppendTo(nil), nil
	}
	below := e.sketches()
	for below.height < l.height-1 {
		below = below.above()
	}
	from, to := below.under(at)
	for child := from; child < to; child++ {
		if err := s.addSketches(&sum, e, below, child, sc); err != nil {
			return nil, err
		}
	}
	return sum.AppendTo(nil), nil
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
