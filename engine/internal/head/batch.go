package head

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// Batch is a batch of events with its rows ordered by series, those of one series by time, those of one time by prediction
// id. A request orders its batch while that is in the cache of its processor; what is left to the publisher, one goroutine
// for all, is to copy runs. In order of time they are few: the late rows of a batch come first, and go into a leaf at once.
//
// A row that the batch has twice is in it once, with its last values, unless copies are kept.
type Batch struct {
	// Keep says that each copy of a row is a row.
	Keep bool
	// Folded counts the rows that a later one of the batch took the place of.
	Folded int
	// Starts[s] is the place of the first row of series s; there is one more than series.
	Starts []uint32
	// Times and Known are those of the rows, by place: the timestamp, and whether there is an actual.
	Times []int64
	Known []bool

	// rows are the rows' numbers among the events.
	rows              []uint32
	texts             *textChunk
	predicted, actual []float64
	lags              []int64 // nil until a row has one
	// inherited are the actuals that rows take over from those folded into them.
	inherited []inherited
	text      []uint32 // scratch of heads: each row's number among their texts
}

// inherited gives the row at a place the actual that another row of the batch has.
type inherited struct{ at, from uint32 }

// Len returns the number of rows.
func (o *Batch) Len() int { return len(o.rows) }

// ID returns the prediction id of the row at a place.
func (o *Batch) ID(at int) []byte { return o.texts.ids.At(at) }

func (o *Batch) features(at int) []byte { return o.texts.features.At(at) }

// SharedBytes is what the texts of the batch take of memory if heads share them: of all rows, for those that a head has.
func (o *Batch) SharedBytes() int64 {
	if !o.texts.held {
		return 0
	}
	return o.texts.bytes()
}

// SetActual gives the row at a place an actual that came before it, with its lag.
func (o *Batch) SetActual(at int, actual float64, lag int64) {
	o.actual[at], o.Known[at] = actual, true
	if o.lags == nil {
		o.lags = noLags(o.Len())
	}
	o.lags[at] = lag
}

// Replacement returns the change that gives a stored row the values of the row at a place.
func (o *Batch) Replacement(at int) Change {
	return Change{
		Kind: ReplaceRow, Predicted: o.predicted[at], Actual: o.actual[at], Known: o.Known[at], Features: o.features(at),
	}
}

// run returns the rows [from, to), whose texts have numbers.
func (o *Batch) run(from, to int, text []uint32) run {
	r := run{o.Times[from:to], o.predicted[from:to], o.actual[from:to], o.Known[from:to], nil, text}
	if o.lags != nil {
		r.lags = o.lags[from:to]
	}
	return r
}

// Fill orders the rows of b. keep says that each copy of a row is a row.
func (o *Batch) Fill(b *event.Batch, keep bool) {
	o.order(b)
	o.Keep, o.Folded, o.inherited = keep, 0, o.inherited[:0]
	if !keep {
		o.fold(b)
	}
	n := len(o.rows)
	o.lags = nil
	o.Times, o.Known = base.Grown(o.Times, n), base.Grown(o.Known, n)
	o.predicted, o.actual = base.Grown(o.predicted, n), base.Grown(o.actual, n)
	for at, row := range o.rows {
		o.Times[at] = b.Timestamps[row]
		o.predicted[at], o.actual[at], o.Known[at] = b.Predicted[row], b.Actual[row], b.Known.Get(int(row))
	}
	for _, x := range o.inherited {
		if !b.Known.Get(int(o.rows[x.at])) {
			o.actual[x.at], o.Known[x.at] = b.Actual[x.from], true
		}
	}
	if o.texts == nil || o.texts.shared {
		o.texts = new(textChunk)
	}
	orderTexts(&o.texts.ids, &b.IDs, o.rows)
	orderTexts(&o.texts.features, &b.Features, o.rows)
	o.texts.shared = o.isShared()
}

// sharedRowsMin is the least number of rows of a batch whose texts heads share.
const sharedRowsMin = 1024

// isShared tells whether heads should share the texts of the batch as they are, instead of copying them: there are many, they
// have little memory beside them that nobody uses, and most are of rows that are not staged.
func (o *Batch) isShared() bool {
	n := len(o.rows)
	if n < sharedRowsMin || n > chunkRowsMax {
		return false
	}
	ids, features := &o.texts.ids, &o.texts.features
	if int64(cap(ids.Bytes)+cap(features.Bytes)+4*(cap(ids.Ends)+cap(features.Ends))) > 2*o.texts.bytes() {
		return false
	}
	staged := uint32(0)
	for s, from := range o.Starts[:len(o.Starts)-1] {
		if rows := o.Starts[s+1] - from; rows <= stagedRunMax {
			staged += rows
		}
	}
	return int(staged) < n/2
}

// orderTexts makes dst the values of src in the order of rows, which names each once. Up to wordsCopied bytes it copies as many
// words whatever the length, which takes half of the time of a copy of just the bytes, since a length cannot be foretold;
// what is too much is written over by the next value. It is 3 % of the processor time of a load.
func orderTexts(dst *segment.Text, src *event.Text, rows []uint32) {
	size := len(src.Bytes)
	dst.Bytes, dst.Ends = fitted(dst.Bytes, size), fitted(dst.Ends, len(rows))
	end := 0
	for at, row := range rows {
		from, to := int(src.Start(int(row))), int(src.Ends[row])
		if to-from <= wordsCopied && size-from >= wordsCopied && size-end >= wordsCopied {
			copyWords((*[wordsCopied]byte)(dst.Bytes[end:]), (*[wordsCopied]byte)(src.Bytes[from:]))
		} else {
			copy(dst.Bytes[end:], src.Bytes[from:to])
		}
		end += to - from
		dst.Ends[at] = uint32(end)
	}
	dst.Bytes = dst.Bytes[:end]
}

// fitted returns s with length n, of any content. Memory that is new to the process has no need to be cleared, which make
// knows and slices.Grow does not: 1 % of the processor time of a load.
func fitted[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// wordsCopied is how many bytes copyWords copies: few texts of most workloads are longer.
const wordsCopied = 64

// copyWords copies src by words in registers; an assignment would be a call that looks at lengths and overlaps.
func copyWords(dst, src *[wordsCopied]byte) {
	le := binary.LittleEndian
	a, b, c, d := le.Uint64(src[0:]), le.Uint64(src[8:]), le.Uint64(src[16:]), le.Uint64(src[24:])
	e, f, g, h := le.Uint64(src[32:]), le.Uint64(src[40:]), le.Uint64(src[48:]), le.Uint64(src[56:])
	le.PutUint64(dst[0:], a)
	le.PutUint64(dst[8:], b)
	le.PutUint64(dst[16:], c)
	le.PutUint64(dst[24:], d)
	le.PutUint64(dst[32:], e)
	le.PutUint64(dst[40:], f)
	le.PutUint64(dst[48:], g)
	le.PutUint64(dst[56:], h)
}

// order sets starts and rows: by series, then those of each by time.
func (o *Batch) order(b *event.Batch) {
	o.Starts, o.rows = GroupRows(b.SeriesOf, len(b.Series), o.Starts, o.rows)
	for s := range b.Series {
		sortRows(o.rows[o.Starts[s]:o.Starts[s+1]], b)
	}
}

// fold lets the last of the rows with the same series, time and id stand for all of them. One without an actual takes
// that of the row before it.
func (o *Batch) fold(b *event.Batch) {
	end, from := uint32(0), uint32(0)
	for s := range b.Series {
		to := o.Starts[s+1]
		begin, source := end, uint32(0) // source is the row that has the actual of the last row kept, if any has
		for _, row := range o.rows[from:to] {
			if end == begin || !sameRow(b, o.rows[end-1], row) {
				o.rows[end], source = row, row
				end++
				continue
			}
			o.Folded++
			o.rows[end-1] = row
			if b.Known.Get(int(row)) || !b.Known.Get(int(source)) {
				source = row
			} else {
				o.inherited = append(o.inherited, inherited{end - 1, source})
			}
		}
		o.Starts[s], from = begin, to
	}
	o.Starts[len(b.Series)] = end
	o.rows = o.rows[:end]
}

func sameRow(b *event.Batch, x, y uint32) bool {
	return b.Timestamps[x] == b.Timestamps[y] && bytes.Equal(b.IDs.At(int(x)), b.IDs.At(int(y)))
}

// sortMovesMax is how far, on average, insertion may move a row before another sort is cheaper.
const sortMovesMax = 16

// sortRows sorts rows of one series by time and id, those that are alike in the order they are in. Most are in order,
// or a few late ones among those that are.
func sortRows(rows []uint32, b *event.Batch) {
	times, moves := b.Timestamps, 0
	for i := 1; i < len(rows); i++ {
		row, to := rows[i], i
		for ; to > 0 && times[rows[to-1]] >= times[row] && rowAfter(b, rows[to-1], row); to-- {
			rows[to] = rows[to-1]
		}
		rows[to] = row
		if moves += i - to; moves > sortMovesMax*len(rows) {
			slices.SortStableFunc(rows, func(x, y uint32) int {
				if times[x] != times[y] {
					return cmp.Compare(times[x], times[y])
				}
				return bytes.Compare(b.IDs.At(int(x)), b.IDs.At(int(y)))
			})
			return
		}
	}
}

// rowAfter tells whether row x, of no earlier time, comes after y.
func rowAfter(b *event.Batch, x, y uint32) bool {
	return b.Timestamps[x] > b.Timestamps[y] || bytes.Compare(b.IDs.At(int(x)), b.IDs.At(int(y))) > 0
}

// GroupRows orders the numbers of rows by the group of each, and within a group as they are: a counting sort. It
// returns the place of the first row of each group with the end of the last group behind them, and the rows, in the
// memory given.
func GroupRows(groupOf []uint32, groups int, starts, rows []uint32) (_, _ []uint32) {
	starts, rows = base.Grown(starts, groups+1), base.Grown(rows, len(groupOf))
	clear(starts)
	for _, g := range groupOf {
		starts[g+1]++
	}
	for g := range groups {
		starts[g+1] += starts[g]
	}
	for row, g := range groupOf {
		rows[starts[g]] = uint32(row)
		starts[g]++
	}
	copy(starts[1:], starts) // each has become the start of the next
	starts[0] = 0
	return starts, rows
}
