package engine

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// bySeries is a batch with its rows ordered by series, those of one series by time, those of one time by prediction
// id. A request makes it of its batch while that is in the cache of its processor; what is left to the publisher, one
// goroutine for all, is to copy runs. In order of time they are few: the late rows of a batch come first, and go into
// a leaf at once.
//
// A row that the batch has twice is in it once, with its last values, unless copies are kept.
type bySeries struct {
	// keep says that each copy of a row is a row.
	keep bool
	// folded counts the rows that a later one of the batch took the place of.
	folded int
	// inherited are the actuals that rows take over from those folded into them.
	inherited []inherited

	// starts[s] is the place of the first row of series s; there is one more than series.
	starts []uint32
	// rows are the rows' numbers in the batch.
	rows []uint32

	times             []int64
	predicted, actual []float64
	known             []bool
	lags              []int64 // nil until the publisher finds one
	texts             *textChunk

	text []uint32 // each row's number in the text of its head, set by that
}

// inherited gives the row at a place the actual that another row of the batch has.
type inherited struct{ at, from uint32 }

// fill orders the rows of b. keep says that each copy of a row is a row.
func (o *bySeries) fill(b *event.Batch, keep bool) {
	o.order(b)
	o.keep, o.folded, o.inherited = keep, 0, o.inherited[:0]
	if !keep {
		o.fold(b)
	}
	n := len(o.rows)
	o.lags = nil
	o.times, o.known = grown(o.times, n), grown(o.known, n)
	o.predicted, o.actual = grown(o.predicted, n), grown(o.actual, n)
	for at, row := range o.rows {
		o.times[at] = b.Timestamps[row]
		o.predicted[at], o.actual[at], o.known[at] = b.Predicted[row], b.Actual[row], b.Known.Get(int(row))
	}
	for _, x := range o.inherited {
		if !b.Known.Get(int(o.rows[x.at])) {
			o.actual[x.at], o.known[x.at] = b.Actual[x.from], true
		}
	}
	if o.texts == nil {
		o.texts = new(textChunk)
	}
	orderTexts(&o.texts.ids, &b.IDs, o.rows)
	orderTexts(&o.texts.features, &b.Features, o.rows)
}

// sharedRowsMin is the least number of rows of a batch whose texts heads share.
const sharedRowsMin = 1024

// shared tells whether heads should share the texts of the batch as they are, instead of copying them: there are many,
// they have little memory beside them that nobody uses, and most are of rows that do not stay fresh.
func (o *bySeries) shared() bool {
	n := len(o.rows)
	if n < sharedRowsMin || n > chunkRowsMax {
		return false
	}
	ids, features := &o.texts.ids, &o.texts.features
	used := len(ids.Bytes) + len(features.Bytes) + 8*n
	if cap(ids.Bytes)+cap(features.Bytes)+4*(cap(ids.Ends)+cap(features.Ends)) > 2*used {
		return false
	}
	fresh := uint32(0)
	for s, from := range o.starts[:len(o.starts)-1] {
		if rows := o.starts[s+1] - from; rows <= freshRunMax {
			fresh += rows
		}
	}
	return int(fresh) < n/2
}

// orderTexts makes dst the values of src in the order of rows, which names each once. Up to wordsCopied bytes it copies
// as many words whatever the length, which takes half of the time of a copy of just the bytes, since a length cannot be
// foretold; what is too much is written over by the next value.
func orderTexts(dst *segment.Text, src *event.Text, rows []uint32) {
	size := len(src.Bytes)
	dst.Bytes, dst.Ends = fitted(dst.Bytes, size), fitted(dst.Ends, len(rows))
	end := 0
	for at, row := range rows {
		from, to := 0, int(src.Ends[row])
		if row > 0 {
			from = int(src.Ends[row-1])
		}
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

// grown returns s with length n, reusing its memory.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}

// fitted is [grown] with less room to spare, for memory that may stay with what is in it.
func fitted[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/16)
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
func (o *bySeries) order(b *event.Batch) {
	o.starts, o.rows = groupRows(b.SeriesOf, len(b.Series), o.starts, o.rows)
	for s := range b.Series {
		sortRows(o.rows[o.starts[s]:o.starts[s+1]], b)
	}
}

// fold lets the last of the rows with the same series, time and id stand for all of them. One without an actual takes
// that of the row before it.
func (o *bySeries) fold(b *event.Batch) {
	end, from := uint32(0), uint32(0)
	for s := range b.Series {
		to := o.starts[s+1]
		begin, source := end, uint32(0) // source is the row that has the actual of the last row kept, if any has
		for _, row := range o.rows[from:to] {
			if end == begin || !sameRow(b, o.rows[end-1], row) {
				o.rows[end], source = row, row
				end++
				continue
			}
			o.folded++
			o.rows[end-1] = row
			if b.Known.Get(int(row)) || !b.Known.Get(int(source)) {
				source = row
			} else {
				o.inherited = append(o.inherited, inherited{end - 1, source})
			}
		}
		o.starts[s], from = begin, to
	}
	o.starts[len(b.Series)] = end
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
