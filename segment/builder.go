package segment

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
)

// RowBytesMax bounds id and features of one row together.
const RowBytesMax = 1 << 20

// Builder writes a segment: [Builder.StartSeries], [Builder.Append] as often as needed, the same for the next series,
// [Builder.Finish]. It holds the encoded blocks and at most two blocks of rows. It is for one goroutine at a time.
type Builder struct {
	dir     directory
	body    []byte  // header and blocks
	pending Columns // rows of the series at hand that are not yet a block, up to lookaheadRows
	rest    Columns // memory for those that stay pending
	part    Columns // the next block among other rows, whose memory it shares
	enc     *encoder

	// The last row appended to the series at hand.
	lastTime int64
	lastID   []byte

	tail hourTail // of its blocks
}

// NewBuilder returns a builder of a segment of the rows that meta says.
func NewBuilder(meta Meta) *Builder {
	b := &Builder{enc: newEncoder()}
	b.Reset(meta)
	return b
}

// Reset drops everything and begins another segment.
func (b *Builder) Reset(meta Meta) {
	d := &b.dir
	d.model, d.from, d.to = append(d.model[:0], meta.Model...), meta.From, meta.To
	d.names, d.series, d.blocks, d.nodes = d.names[:0], d.series[:0], d.blocks[:0], d.nodes[:0]
	b.body = appendHeader(b.body[:0])
	b.pending.Reset()
}

// StartSeries begins the rows of a series. Series come in ascending order of version, then environment; those that get
// no rows leave no trace.
func (b *Builder) StartSeries(version, environment string) error {
	b.endSeries()
	if n := len(b.dir.series); n > 0 {
		s := &b.dir.series[n-1]
		v, e := b.dir.names[s.name:s.environment], b.dir.names[s.environment:s.end]
		if cmp.Or(cmp.Compare(string(v), version), cmp.Compare(string(e), environment)) >= 0 {
			return fmt.Errorf("%w: series %q %q after %q %q", ErrInvalid, version, environment, v, e)
		}
	}
	s := seriesEntry{name: uint32(len(b.dir.names)), firstBlock: uint32(len(b.dir.blocks))}
	b.dir.names = append(b.dir.names, version...)
	s.environment = uint32(len(b.dir.names))
	b.dir.names = append(b.dir.names, environment...)
	s.end = uint32(len(b.dir.names))
	b.dir.series = append(b.dir.series, s)
	b.lastTime, b.lastID = math.MinInt64, b.lastID[:0]
	b.tail = hourTail{hour: math.MinInt64}
	return nil
}

// Append adds rows to the series begun last. They are sorted by time, then id, and go on from those before. On an error
// nothing is added.
func (b *Builder) Append(c *Columns) error {
	return b.AppendRange(c, 0, c.Len())
}

// AppendRange adds the rows [from, to) of c, see [Builder.Append].
func (b *Builder) AppendRange(c *Columns, from, to int) error {
	if len(b.dir.series) == 0 {
		panic("BUG: rows before a series")
	}
	if from >= to {
		return nil
	}
	if err := b.check(c, from, to); err != nil {
		return err
	}
	b.lastTime, b.lastID = c.Times[to-1], append(b.lastID[:0], c.IDs.At(to-1)...)
	for from < to {
		// Whole blocks are made of c itself, so that its texts need not be copied.
		if b.pending.Len() == 0 && full(c, from, to) {
			from += b.appendBlock(c, from, to)
			continue
		}
		next := min(to, from+lookaheadRows-b.pending.Len())
		if c.IDs.Size(from, next)+c.Features.Size(from, next)+b.pending.textBytes() > textBytesBlock {
			next = from + 1
		}
		b.pending.AppendFrom(c, from, next)
		from = next
		for full(&b.pending, 0, b.pending.Len()) {
			b.endBlock()
		}
	}
	return nil
}

// AppendBlocks is [Builder.Append] for the first rows of c, as many as make whole blocks whatever follows. It returns
// how many these are. Nothing but AppendBlocks was called for the series before; the rest of c comes with its next
// call, or with Append. So a long series needs not be in memory at once.
func (b *Builder) AppendBlocks(c *Columns) (int, error) {
	if b.pending.Len() > 0 {
		panic("BUG: blocks after single rows")
	}
	if err := b.check(c, 0, c.Len()); err != nil {
		return 0, err
	}
	n := 0
	for full(c, n, c.Len()) {
		n += b.appendBlock(c, n, c.Len())
	}
	if n > 0 {
		b.lastTime, b.lastID = c.Times[n-1], append(b.lastID[:0], c.IDs.At(n-1)...)
	}
	return n, nil
}

// full tells whether the rows [from, to) of c are enough to say where the first block of them ends.
func full(c *Columns, from, to int) bool {
	return to-from >= lookaheadRows || c.IDs.Size(from, to)+c.Features.Size(from, to) >= textBytesBlock
}

// check tells what is wrong with the rows [from, to).
func (b *Builder) check(c *Columns, from, to int) error {
	lastTime, lastID := b.lastTime, b.lastID
	for i := from; i < to; i++ {
		ts, id := c.Times[i], c.IDs.At(i)
		switch {
		case ts < lastTime || ts == lastTime && bytes.Compare(lastID, id) > 0:
			return fmt.Errorf("%w: row %d out of order", ErrInvalid, i)
		case ts < b.dir.from || ts >= b.dir.to:
			return fmt.Errorf("%w: time %d of row %d is out of bounds", ErrInvalid, ts, i)
		case !finite(c.Predicted[i]) || !finite(c.Actual[i]):
			return fmt.Errorf("%w: number of row %d is not finite", ErrInvalid, i)
		case c.Lags[i] < NoLag || c.Lags[i] != NoLag && !c.Known.Get(i):
			return fmt.Errorf("%w: lag of row %d", ErrInvalid, i)
		case len(id)+c.Features.Size(i, i+1) > RowBytesMax:
			return fmt.Errorf("%w: row %d is too long", ErrInvalid, i)
		}
		lastTime, lastID = ts, id
	}
	return nil
}

// finite tells whether v is a number and not infinite: for others, v-v is NaN.
func finite(v float64) bool { return v-v == 0 }

// endBlock makes a block of the first of the pending rows.
func (b *Builder) endBlock() {
	p := &b.pending
	n := b.appendBlock(p, 0, p.Len())
	if n == p.Len() {
		p.Reset()
		return
	}
	rest := b.rest
	rest.Reset()
	rest.AppendFrom(p, n, p.Len())
	b.pending, b.rest = rest, *p
}

// appendBlock makes a block of the first of the rows [from, to) of c, and returns how many it took.
func (b *Builder) appendBlock(c *Columns, from, to int) int {
	n := blockEnd(c.Times[from:to], b.tail.before(c.Times[from]))
	for n > 1 && c.IDs.Size(from, from+n)+c.Features.Size(from, from+n) > textBytesBlock {
		n = (n + 1) / 2
	}
	p := &b.part
	p.alias(c, from, from+n)
	b.tail.add(p.Times)
	ref := blockRef{off: int64(len(b.body))}
	var sum Aggregate
	b.body, ref.lens = b.enc.appendBlock(b.body, p, &sum)
	b.addBlock(ref, &sum)
	return n
}

// flush makes blocks of all pending rows if they are half a block, or if they end with an hour that the row at the time
// next is not in. It tells whether none are left.
func (b *Builder) flush(next int64) bool {
	n := b.pending.Len()
	if n >= blockRows/2 || n >= restRows && hourOf(b.lastTime) < hourOf(next) {
		for b.pending.Len() > 0 {
			b.endBlock()
		}
	}
	return b.pending.Len() == 0
}

// appendStored adds a block as another segment stores it. No rows are pending, and the last of the block comes before
// whatever is added next.
func (b *Builder) appendStored(src Source, ref *blockRef, sum *Aggregate, sc *Scratch) error {
	if sum.MinTime < max(b.lastTime, b.dir.from) || sum.MaxTime >= b.dir.to {
		return fmt.Errorf("%w: stored block from %d to %d is out of order or out of bounds", ErrInvalid, sum.MinTime, sum.MaxTime)
	}
	copied := blockRef{off: int64(len(b.body)), lens: ref.lens}
	for ch := range chunks {
		off, n := ref.chunk(ch)
		if n == 0 {
			continue
		}
		chunk, err := sc.readChecked(src, off, n)
		if err != nil {
			return err
		}
		start := len(b.body)
		b.body = appendChecksum(append(b.body, chunk...), start)
	}
	b.tail.addStored(sum)
	b.addBlock(copied, sum)
	b.lastTime, b.lastID = sum.MaxTime, b.lastID[:0]
	return nil
}

// addBlock adds a block of the series at hand to the directory.
func (b *Builder) addBlock(ref blockRef, sum *Aggregate) {
	b.dir.blocks = append(b.dir.blocks, ref)
	b.dir.nodes = append(b.dir.nodes, *sum)
	b.dir.series[len(b.dir.series)-1].blockCount++
}

// endSeries ends the series begun last, if any.
func (b *Builder) endSeries() {
	for b.pending.Len() > 0 {
		b.endBlock()
	}
	if n := len(b.dir.series); n > 0 && b.dir.series[n-1].blockCount == 0 {
		b.dir.names = b.dir.names[:b.dir.series[n-1].name]
		b.dir.series = b.dir.series[:n-1]
	}
}

// Finish appends the segment to dst, which grows once. The builder is then to be Reset.
func (b *Builder) Finish(dst []byte) []byte {
	b.endSeries()
	if err := b.dir.growSketches(b.blockSketches, &b.enc.sketches); err != nil {
		panic("BUG: sketches just written: " + err.Error())
	}
	b.body = b.dir.appendTail(b.body)
	return append(dst, b.body...)
}

// Empty tells whether the segment that was finished last has no rows.
func (b *Builder) Empty() bool { return len(b.dir.series) == 0 }

// blockSketches implements storedSketches.
func (b *Builder) blockSketches(i uint32) ([]byte, error) {
	off, n := b.dir.blocks[i].chunk(chunkSketches)
	if n == 0 {
		return emptySketches, nil
	}
	return b.body[off : off+n-checksumLen], nil
}
