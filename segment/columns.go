package segment

import (
	"math"
	"slices"
)

// Columns are rows of one series, column by column. All columns have the same number of rows, but for those that a
// [ColumnSet] left out.
type Columns struct {
	Times     []int64 // Unix milliseconds
	Predicted []float64
	Actual    []float64 // zero where unknown
	Known     Bitmap    // rows with an actual
	Lags      []int64   // from a row's time to when its actual was observed, in milliseconds; NoLag where none is known
	IDs       Text
	Features  Text
}

// Len returns the number of rows.
func (c *Columns) Len() int {
	return len(c.Times)
}

// Reset empties c and keeps its memory.
func (c *Columns) Reset() {
	c.Times, c.Predicted, c.Actual, c.Known, c.Lags = c.Times[:0], c.Predicted[:0], c.Actual[:0], c.Known[:0], c.Lags[:0]
	c.IDs.Reset()
	c.Features.Reset()
}

// AppendRow adds a row without a lag. actual counts only if known.
func (c *Columns) AppendRow(ts int64, predicted, actual float64, known bool, id, features []byte) {
	if !known {
		actual = 0
	}
	c.Known.Append(len(c.Times), known)
	c.Times = append(c.Times, ts)
	c.Predicted = append(c.Predicted, predicted)
	c.Actual = append(c.Actual, actual)
	c.Lags = append(c.Lags, NoLag)
	c.IDs.Append(id)
	c.Features.Append(features)
}

// AppendNumbers adds the rows [from, to) of parallel columns without their texts, which the caller adds to IDs and
// Features. actual counts only if known; lags may be nil.
func (c *Columns) AppendNumbers(times []int64, predicted, actual []float64, lags []int64, known Bitmap, from, to int) {
	n := len(c.Times)
	c.Known.appendFrom(n, known, from, to)
	c.Times = append(c.Times, times[from:to]...)
	c.Predicted = append(c.Predicted, predicted[from:to]...)
	c.Actual = append(c.Actual, actual[from:to]...)
	if lags != nil {
		c.Lags = append(c.Lags, lags[from:to]...)
	} else {
		for range to - from {
			c.Lags = append(c.Lags, NoLag)
		}
	}
	for i := known.next(from, to, ^uint64(0)); i < to; i = known.next(i+1, to, ^uint64(0)) {
		c.Actual[n+i-from] = 0
	}
}

// AppendFrom adds the rows [from, to) of o.
func (c *Columns) AppendFrom(o *Columns, from, to int) {
	c.appendNumbersFrom(o, from, to)
	c.IDs.AppendFrom(&o.IDs, from, to)
	c.Features.AppendFrom(&o.Features, from, to)
}

// appendNumbersFrom adds the rows [from, to) of o without their texts.
func (c *Columns) appendNumbersFrom(o *Columns, from, to int) {
	c.Known.appendFrom(len(c.Times), o.Known, from, to)
	c.Times = append(c.Times, o.Times[from:to]...)
	c.Predicted = append(c.Predicted, o.Predicted[from:to]...)
	c.Actual = append(c.Actual, o.Actual[from:to]...)
	c.Lags = append(c.Lags, o.Lags[from:to]...)
}

// alias makes c the rows [from, to) of o, whose memory it shares but for bits and ends of texts.
func (c *Columns) alias(o *Columns, from, to int) {
	c.Times, c.Predicted, c.Actual, c.Lags = o.Times[from:to], o.Predicted[from:to], o.Actual[from:to], o.Lags[from:to]
	c.Known = c.Known[:0]
	c.Known.appendFrom(0, o.Known, from, to)
	c.IDs.alias(&o.IDs, from, to)
	c.Features.alias(&o.Features, from, to)
}

// textBytes returns the size of ids and features.
func (c *Columns) textBytes() int {
	return len(c.IDs.Bytes) + len(c.Features.Bytes)
}

// Equal tells whether both hold the same rows, floats to the bit.
func (c *Columns) Equal(o *Columns) bool {
	sameBits := func(v, w float64) bool { return math.Float64bits(v) == math.Float64bits(w) }
	return slices.Equal(c.Times, o.Times) &&
		slices.EqualFunc(c.Predicted, o.Predicted, sameBits) &&
		slices.EqualFunc(c.Actual, o.Actual, sameBits) &&
		slices.Equal(c.Known, o.Known) && slices.Equal(c.Lags, o.Lags) &&
		c.IDs.Equal(&o.IDs) && c.Features.Equal(&o.Features)
}
