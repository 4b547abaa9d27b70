package segment

import (
	"fmt"
	"slices"
)

// edgesHeld is the number of decoded blocks that Window finds again: two for each of a few segments, so that windows
// that follow each other decode a block between them once.
const edgesHeld = 8

// edgeBlock is a block at the edge of a window: decoded as a whole, or strip by strip as windows ask.
type edgeBlock struct {
	segment *Segment  // nil if there is none
	block   int       // of all of the segment
	cols    ColumnSet // decoded; none if strip by strip
	rows    Columns

	// Of a block decoded strip by strip.
	strips               strips
	timed, valued        Bitmap // strips whose times and whose numbers rows has
	actuals              int
	timesAt, predictedAt int // where these columns begin in the chunk of numbers
}

// Forget lets go of decoded blocks and of opened segments. It must be called between an Edit and a Window of the same
// segment.
func (sc *Scratch) Forget() {
	for i := range sc.edges {
		sc.edges[i].segment = nil
	}
	for _, s := range sc.opened {
		if s != nil {
			s.src = nil
		}
	}
	sc.located.forget(nil)
}

// forget lets go of an opened segment and of its decoded blocks.
func (sc *Scratch) forget(s *Segment) {
	s.src = nil
	for i := range sc.edges {
		if sc.edges[i].segment == s {
			sc.edges[i].segment = nil
		}
	}
	sc.located.forget(s)
}

// edge adds those rows of a block that lie in the window.
func (s *Segment) edge(dst *Aggregate, sketches *Sketches, series, block int, from, to int64, want Want, sc *Scratch) (Read, error) {
	number := int(s.dir.series[series].firstBlock) + block
	cols, edited := ColumnSet(0), s.edits[number] != nil
	switch {
	case want == WantAll && (edited || s.hasLags(number)):
		cols = Numbers | Lags
	case edited:
		cols = Numbers
	}
	e, held := sc.edgeBlock(s, number, cols)
	if cols == 0 {
		read, err := s.stripEdge(dst, sketches, e, held, from, to, want, sc)
		if err != nil {
			e.segment = nil
			return Read{}, fmt.Errorf("block %d of series %d: %w", block, series, err)
		}
		return read, nil
	}
	c := &e.rows
	var read Read
	if !held {
		var err error
		if read, err = s.ReadBlock(c, series, block, cols, sc); err != nil {
			e.segment = nil
			return Read{}, err
		}
	}
	i, _ := slices.BinarySearch(c.Times, from)
	j, _ := slices.BinarySearch(c.Times, to)
	dst.AddWanted(want, c.Times, c.Predicted, c.Actual, c.Known, i, j)
	if want == WantAll {
		var lags []int64
		if cols&Lags != 0 {
			lags = c.Lags
		}
		sketches.AddRows(c.Predicted, c.Actual, lags, c.Known, i, j)
	}
	return read, nil
}

// hasLags tells whether a row of a block has a lag as stored; without, the lags need not be read.
func (s *Segment) hasLags(block int) bool {
	_, size := s.dir.blocks[block].chunk(chunkLags)
	return size > 0
}

// edgeBlock returns the place of a block, and whether it is held there already.
func (sc *Scratch) edgeBlock(s *Segment, block int, cols ColumnSet) (e *edgeBlock, held bool) {
	for i := range sc.edges {
		if e := &sc.edges[i]; e.segment == s && e.block == block && e.cols == cols {
			return e, true
		}
	}
	e = &sc.edges[sc.edgeNext]
	sc.edgeNext = (sc.edgeNext + 1) % edgesHeld
	e.segment, e.block, e.cols = s, block, cols
	return e, false
}

// stripEdge adds those rows of a block that lie in the window. Unless everything is wanted, it takes the sums of whole
// strips, and the rows of at most two.
func (s *Segment) stripEdge(
	dst *Aggregate, sketches *Sketches, e *edgeBlock, held bool, from, to int64, want Want, sc *Scratch,
) (Read, error) {
	off, size := s.dir.blocks[e.block].chunk(chunkNumbers)
	b, err := sc.readChecked(s.src, off, size)
	if err != nil {
		return Read{}, err
	}
	a := &s.dir.nodes[e.block]
	var read Read
	if !held {
		if err := e.decodeStrips(b, a); err != nil {
			return Read{}, err
		}
		read.Bytes = uint64(size)
	}
	p := stripReader{edgeBlock: e, chunk: b, sc: sc}
	i, j := p.find(from), p.find(to)
	if i < j {
		dst.addTimes(uint64(j-i), p.time(i), p.time(j-1))
		known := &e.rows.Known
		if first, last := known.next(i, j, 0), known.last(i, j); first < j {
			dst.addActualTimes(uint64(known.countBelow(j)-known.countBelow(i)), p.time(first), p.time(last))
			if want == WantAll {
				p.addRows(dst, sketches, i, j)
			} else {
				p.addSums(dst, i, j, want)
			}
		}
	}
	read.Rows = p.decoded
	return read, p.err
}

// decodeStrips reads all of a chunk of numbers but times and numbers.
func (e *edgeBlock) decodeStrips(chunk []byte, a *Aggregate) error {
	n := int(a.Rows)
	c := cursor{rest: chunk}
	e.strips.decode(&c, len(chunk), n, a.MinTime)
	e.timesAt = len(chunk) - len(c.rest)
	decodeIntsIn(&c, grow(&e.rows.Times, n), 0, 0)
	e.actuals = decodeKnown(&c, grow(&e.rows.Known, (n+63)/64), n)
	e.predictedAt = len(chunk) - len(c.rest)
	words := (stripsOf(n) + 63) / 64
	clear(grow(&e.timed, words))
	clear(grow(&e.valued, words))
	return c.err
}

// stripReader decodes strips of a block as they are asked for. Its first error latches.
type stripReader struct {
	*edgeBlock
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
	c := cursor{rest: p.chunk[p.timesAt:]}
	decodeIntsFrom(&c, p.rows.Times, from, to, p.strips.starts[strip])
	if p.timed.Set(strip); !p.valued.Get(strip) {
		p.decoded += uint64(to - from)
	}
	p.err = c.err
}

// addSums adds the rows [i, j), but for their times and what only [WantAll] asks for.
func (p *stripReader) addSums(dst *Aggregate, i, j int, want Want) {
	for i < j && p.err == nil {
		strip := i / stripRows
		from, to := p.bounds(strip)
		if i == from && to <= j && len(p.strips.starts) > 1 {
			if p.err = p.strips.decodeSums(p.chunk, want); p.err == nil {
				p.strips.sums[strip].addTo(dst, want)
			}
			i = to
			continue
		}
		p.decodeValues(strip)
		c, b := &p.rows, &p.sc.batch
		for end := min(to, j); i < end && p.err == nil; {
			predicted, actual, next := b.next(c.Predicted, c.Actual, c.Known, i, end)
			b.addErrors(dst, predicted, actual, want >= WantSpread)
			i = next
		}
	}
}

// addRows adds all of the rows [i, j) but their times. None of them has a lag.
func (p *stripReader) addRows(dst *Aggregate, sketches *Sketches, i, j int) {
	for strip := i / stripRows; strip*stripRows < j && p.err == nil; strip++ {
		p.decodeValues(strip)
	}
	if p.err != nil {
		return
	}
	c := &p.rows
	dst.addNumbers(WantAll, c.Predicted, c.Actual, c.Known, i, j)
	sketches.AddRows(c.Predicted, c.Actual, nil, c.Known, i, j)
}

func (p *stripReader) decodeValues(strip int) {
	if p.valued.Get(strip) || p.err != nil {
		return
	}
	from, to := p.bounds(strip)
	if !p.timed.Get(strip) {
		p.decoded += uint64(to - from)
	}
	c := cursor{rest: p.chunk[p.predictedAt:]}
	p.err = p.sc.decodeValues(&c, &p.rows, p.actuals, from, to)
	p.valued.Set(strip)
}
