package engine

import (
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// bySeries is a batch with its rows ordered by series, those of one series as they came. A request makes it of its batch
// while that is in the cache of its processor; what is left to the publisher, one goroutine for all, is to copy runs.
type bySeries struct {
	// starts[s] is the place of the first row of series s; there is one more than series.
	starts []uint32
	// rows are the rows' numbers in the batch.
	rows []uint32

	times             []int64
	predicted, actual []float64
	known             []bool
	lags              []int64 // nil until the publisher finds one
	ids, features     segment.Text

	next []rowPlace // scratch
}

// rowPlace is where the next row of a series goes, and its texts.
type rowPlace struct{ row, id, features uint32 }

// fill orders the rows of b: a counting sort.
func (o *bySeries) fill(b *event.Batch) {
	n := b.Len()
	o.begin(b)
	o.lags = nil
	o.rows, o.times, o.known = grown(o.rows, n), grown(o.times, n), grown(o.known, n)
	o.predicted, o.actual = grown(o.predicted, n), grown(o.actual, n)
	o.ids.Bytes, o.ids.Ends = grown(o.ids.Bytes, len(b.IDs.Bytes)), grown(o.ids.Ends, n)
	o.features.Bytes, o.features.Ends = grown(o.features.Bytes, len(b.Features.Bytes)), grown(o.features.Ends, n)
	id, features := uint32(0), uint32(0)
	for row, s := range b.SeriesOf {
		to := &o.next[s]
		at := to.row
		to.row++
		o.rows[at] = uint32(row)
		o.times[at] = b.Timestamps[row]
		o.predicted[at], o.actual[at], o.known[at] = b.Predicted[row], b.Actual[row], b.Known.Get(row)
		idEnd, featuresEnd := b.IDs.Ends[row], b.Features.Ends[row]
		to.id += uint32(copy(o.ids.Bytes[to.id:], b.IDs.Bytes[id:idEnd]))
		to.features += uint32(copy(o.features.Bytes[to.features:], b.Features.Bytes[features:featuresEnd]))
		o.ids.Ends[at], o.features.Ends[at] = to.id, to.features
		id, features = idEnd, featuresEnd
	}
}

// begin sets starts and next to where the rows of each series begin, and their texts.
func (o *bySeries) begin(b *event.Batch) {
	o.next = grown(o.next, len(b.Series))
	clear(o.next)
	id, features := uint32(0), uint32(0)
	for row, s := range b.SeriesOf {
		of := &o.next[s]
		of.row++
		of.id += b.IDs.Ends[row] - id
		of.features += b.Features.Ends[row] - features
		id, features = b.IDs.Ends[row], b.Features.Ends[row]
	}
	o.starts = grown(o.starts, len(b.Series)+1)
	var sum rowPlace
	for s, of := range o.next {
		o.starts[s], o.next[s] = sum.row, sum
		sum = rowPlace{sum.row + of.row, sum.id + of.id, sum.features + of.features}
	}
	o.starts[len(b.Series)] = sum.row
}
