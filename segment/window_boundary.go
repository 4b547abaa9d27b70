package segment

import (
	"slices"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/segment/internal/encoding"
	"github.com/residualdb/residual/segment/internal/exact"
)

// boundariesHeld is the number of decoded blocks that Window finds again: two for each of a few segments, so that windows
// that follow each other decode a block between them once.
const boundariesHeld = 8

// boundaryBlock is a block at the edge of a window: decoded as a whole, or strip by strip as windows ask.
type boundaryBlock struct {
	segment *Segment  // nil if there is none
	block   int       // of all of the segment
	cols    ColumnSet // decoded; none if strip by strip
	rows    Columns

	// Of a block decoded strip by strip.
	strips               strips
	timed, valued        columns.Bitmap // strips whose times and whose numbers rows has
	actuals              int
	timesAt, predictedAt int // where these columns begin in the chunk of numbers
}

// Forget lets go of decoded blocks and of opened segments. It must be called between an Edit and a Window of the same
// segment.
func (sc *Scratch) Forget() {
	for i := range sc.boundaries {
		sc.boundaries[i].segment = nil
	}
	for _, s := range sc.opened {
		if s != nil {
			s.src = nil
		}
	}
	sc.lookups.forget(nil)
}

// forget lets go of an opened segment and of its decoded blocks.
func (sc *Scratch) forget(s *Segment) {
	s.src = nil
	for i := range sc.boundaries {
		if sc.boundaries[i].segment == s {
			sc.boundaries[i].segment = nil
		}
	}
	sc.lookups.forget(s)
}

// boundaryBlock returns the place of a block, and whether it is held there already.
func (sc *Scratch) boundaryBlock(s *Segment, block int, cols ColumnSet) (e *boundaryBlock, held bool) {
	for i := range sc.boundaries {
		if e := &sc.boundaries[i]; e.segment == s && e.block == block && e.cols == cols {
			return e, true
		}
	}
	e = &sc.boundaries[sc.boundaryNext]
	sc.boundaryNext = (sc.boundaryNext + 1) % boundariesHeld
	e.segment, e.block, e.cols = s, block, cols
	return e, false
}

// addStrips adds rows of a block that is decoded strip by strip. Unless everything is wanted, it takes the sums of whole
// strips, and the rows of at most two.
func (q *windowQuery) addStrips(e *boundaryBlock, held bool) error {
	off, size := q.segment.dir.blocks[e.block].chunk(chunkNumbers)
	b, err := q.sc.readChecked(q.segment.src, off, size)
	if err != nil {
		return err
	}
	if !held {
		if err := e.decodeStrips(b, &q.segment.dir.nodes[e.block]); err != nil {
			return err
		}
		q.read.Bytes += uint64(size)
	}
	p := stripReader{boundaryBlock: e, chunk: b, sc: q.sc}
	i, j := p.find(q.From), p.find(q.To)
	if i < j {
		q.dst.addTimes(uint64(j-i), p.time(i), p.time(j-1))
		known := e.rows.Known
		if first, last := known.NextSet(i, j), known.LastSet(i, j); first < j {
			q.dst.addActualTimes(uint64(known.CountBelow(j)-known.CountBelow(i)), p.time(first), p.time(last))
			if q.Want == WantAll {
				q.addRows(&p, i, j)
			} else {
				p.addSums(&q.dst.Errors, i, j, q.Want)
			}
		}
	}
	q.read.Rows += p.decoded
	return p.err
}

// addRows adds all of the rows [i, j) but their times. None of them has a lag.
func (q *windowQuery) addRows(p *stripReader, i, j int) {
	for strip := i / stripRows; strip*stripRows < j && p.err == nil; strip++ {
		p.decodeValues(strip)
	}
	if p.err != nil {
		return
	}
	numbers := p.rows.NumberColumns
	numbers.Lags = nil
	q.dst.addNumbers(WantAll, &numbers, i, j)
	q.sketches.AddColumns(&numbers, i, j)
}

// decodeStrips reads all of a chunk of numbers but times and numbers.
func (e *boundaryBlock) decodeStrips(chunk []byte, a *Aggregate) error {
	n := int(a.Rows)
	c := columns.NewCursor(chunk, ErrCorrupt)
	e.strips.decode(&c, len(chunk), n, a.MinTime)
	e.timesAt = len(chunk) - len(c.Rest)
	encoding.DecodeIntsRange(&c, columns.Resize(&e.rows.Times, n), 0, 0)
	e.actuals = encoding.DecodeBitmap(&c, &e.rows.Known, n)
	e.predictedAt = len(chunk) - len(c.Rest)
	words := (stripsOf(n) + 63) / 64
	clear(columns.Resize(&e.timed, words))
	clear(columns.Resize(&e.valued, words))
	return c.Err
}

// stripReader decodes strips of a block as they are asked for. Its first error latches.
type stripReader struct {
	*boundaryBlock
	chunk   []byte
	sc      *Scratch
	decoded uint64 // rows
	err     error
}

// bounds returns the rows of a strip.
func (p *stripReader) bounds(strip int) (from, to int) {
	return strip * stripRows, min((strip+1)*stripRows, p.rows.Len())
}

// find returns the first row that is not before a time.
func (p *stripReader) find(ms int64) int {
	strip := len(p.strips.starts) - 1
	for ; strip >= 0 && p.strips.starts[strip] >= ms; strip-- {
	}
	if strip < 0 {
		return 0
	}
	p.decodeTimes(strip)
	from, to := p.bounds(strip)
	i, _ := slices.BinarySearch(p.rows.Times[from:to], ms)
	return from + i
}

// time returns that of a row.
func (p *stripReader) time(row int) int64 {
	if row%stripRows == 0 {
		return p.strips.starts[row/stripRows]
	}
	p.decodeTimes(row / stripRows)
	return p.rows.Times[row]
}

func (p *stripReader) decodeTimes(strip int) {
	if p.timed.Get(strip) || p.err != nil {
		return
	}
	from, to := p.bounds(strip)
	c := columns.NewCursor(p.chunk[p.timesAt:], ErrCorrupt)
	encoding.DecodeIntsFrom(&c, p.rows.Times, from, to, p.strips.starts[strip])
	if p.timed.Set(strip); !p.valued.Get(strip) {
		p.decoded += uint64(to - from)
	}
	p.err = c.Err
}

// addSums adds the errors of the rows [i, j), as far as want asks: of whole strips by their sums.
func (p *stripReader) addSums(dst *exact.Errors, i, j int, want Want) {
	for i < j && p.err == nil {
		strip := i / stripRows
		from, to := p.bounds(strip)
		if i == from && to <= j && len(p.strips.starts) > 1 {
			if p.err = p.strips.decodeSums(p.chunk, want); p.err == nil {
				mergeErrors(dst, &p.strips.sums[strip], want)
			}
			i = to
			continue
		}
		p.decodeValues(strip)
		c, b := &p.rows, &p.sc.batch
		for end := min(to, j); i < end && p.err == nil; {
			predicted, actual, next := b.Next(c.Predicted, c.Actual, c.Known, i, end)
			b.AddErrors(dst, predicted, actual, want >= WantSpread)
			i = next
		}
	}
}

func (p *stripReader) decodeValues(strip int) {
	if p.valued.Get(strip) || p.err != nil {
		return
	}
	from, to := p.bounds(strip)
	if !p.timed.Get(strip) {
		p.decoded += uint64(to - from)
	}
	c := columns.NewCursor(p.chunk[p.predictedAt:], ErrCorrupt)
	p.err = p.sc.decodeValues(&c, &p.rows.NumberColumns, p.actuals, from, to)
	p.valued.Set(strip)
}
