package segment

import (
	"math"
	"slices"

	"github.com/residualdb/residual/internal/columns"
)

type (
	// Text is a column of byte strings.
	Text = columns.Text
	// Bitmap is a column of bits.
	Bitmap = columns.Bitmap
)

// NoLag is the lag of a row that has no actual, or one that came together with its prediction.
const NoLag = -1

// NumberColumns are the columns of rows that answers are made of. All have the same number of rows.
type NumberColumns struct {
	Times     []int64 // Unix milliseconds
	Predicted []float64
	Actual    []float64      // zero where unknown
	Known     columns.Bitmap // rows with an actual
	// Lags are from a row's time to when its actual was observed, in milliseconds; NoLag where none is known. Nil says
	// that no row has one.
	Lags []int64
}

// Columns are rows of one series, column by column. All columns have the same number of rows, but for those that a
// [ColumnSet] left out.
type Columns struct {
	NumberColumns
	IDs      columns.Text
	Features columns.Text
}

// Len returns the number of rows.
func (c *Columns) Len() int {
	return len(c.Times)
}

// between returns the rows [i, j) with from <= time < to, of columns sorted by time.
func (n *NumberColumns) between(from, to int64) (i, j int) {
	i, _ = slices.BinarySearch(n.Times, from)
	j, _ = slices.BinarySearch(n.Times, to)
	return i, j
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

// AppendFrom adds the rows [from, to) of o.
func (c *Columns) AppendFrom(o *Columns, from, to int) {
	c.AppendColumns(&o.NumberColumns, from, to)
	c.IDs.AppendFrom(&o.IDs, from, to)
	c.Features.AppendFrom(&o.Features, from, to)
}

// AppendColumns adds the numbers of the rows [from, to) of o. In rows that are not Known, the Actual of o is not looked
// at. IDs and features of the rows are left to the caller.
func (c *Columns) AppendColumns(o *NumberColumns, from, to int) {
	n := len(c.Times)
	c.Known.AppendFrom(n, o.Known, from, to)
	c.Times = append(c.Times, o.Times[from:to]...)
	c.Predicted = append(c.Predicted, o.Predicted[from:to]...)
	c.Actual = append(c.Actual, o.Actual[from:to]...)
	if o.Lags != nil {
		c.Lags = append(c.Lags, o.Lags[from:to]...)
	} else {
		for range to - from {
			c.Lags = append(c.Lags, NoLag)
		}
	}
	for i := o.Known.NextClear(from, to); i < to; i = o.Known.NextClear(i+1, to) {
		c.Actual[n+i-from] = 0
	}
}

// alias makes c the rows [from, to) of o, whose memory it shares but for bits and ends of texts.
func (c *Columns) alias(o *Columns, from, to int) {
	c.Times, c.Predicted, c.Actual, c.Lags = o.Times[from:to], o.Predicted[from:to], o.Actual[from:to], o.Lags[from:to]
	c.Known = c.Known[:0]
	c.Known.AppendFrom(0, o.Known, from, to)
	c.IDs.Alias(&o.IDs, from, to)
	c.Features.Alias(&o.Features, from, to)
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
