package segment

import (
	"slices"

	"github.com/residualdb/residual/segment/internal/exact"
)

// Aggregate is what is kept of a set of rows: enough for every metric of the regression set, in the same bits whatever
// the order and grouping in which rows were added and aggregates merged. e is predicted-actual, taken without rounding.
// The zero Aggregate holds no rows, and equal sets of rows give Aggregates equal by ==.
//
// Rows must be finite. Up to 2^32 rows fit, see [exact.Sum].
type Aggregate struct {
	Counts

	Errors exact.Errors // sums of e, e^2 and e^4 over rows with an actual

	// The rest of the regression set, over rows with an actual: MaxAbsError, PercentRows, Percent, Symmetric, and the
	// sums of the actuals themselves.
	exact.Quotients
	Actual exact.Moments
}

// Counts says how many rows there are, and of which times.
type Counts struct {
	Rows    uint64 // with or without an actual
	Actuals uint64

	// Bounds of the timestamps in Unix milliseconds, over all rows and over those with an actual. Zero if there is
	// none.
	MinTime, MaxTime             int64
	ActualMinTime, ActualMaxTime int64
}

// Want says how much of an [Aggregate] an answer needs.
type Want uint8

const (
	// WantErrors needs counts, times and the sums of e and e^2: all that MAE, RMSE, bias and drift need.
	WantErrors Want = iota
	// WantSpread needs the sum of e^4 as well.
	WantSpread
	// WantAll needs everything, and the sketches.
	WantAll
)

// Reset empties a.
func (a *Aggregate) Reset() { *a = Aggregate{} }

// Add adds a row. actual counts only if known.
func (a *Aggregate) Add(ts int64, predicted, actual float64, known bool) {
	a.addTimes(1, ts, ts)
	if known {
		a.AddActual(ts, predicted, actual)
	}
}

// AddActual adds the actual of a row that was added without it.
func (a *Aggregate) AddActual(ts int64, predicted, actual float64) {
	a.Errors.Add(predicted, actual)
	a.Quotients.Add(predicted, actual)
	a.Actual.Add(actual)
	a.addActualTimes(1, ts, ts)
}

// Merge adds all rows of o.
func (a *Aggregate) Merge(o *Aggregate) { a.MergeWanted(WantAll, o) }

// MergeWanted adds the rows of o, as far as want asks. The rest of a is then meaningless.
func (a *Aggregate) MergeWanted(want Want, o *Aggregate) {
	a.AddCounts(&o.Counts)
	mergeErrors(&a.Errors, &o.Errors, want)
	if want == WantAll {
		a.Quotients.Merge(&o.Quotients)
		a.Actual.Merge(&o.Actual)
	}
}

// mergeErrors adds o as far as want asks.
func mergeErrors(dst, o *exact.Errors, want Want) {
	dst.Moments.Merge(&o.Moments)
	if want >= WantSpread {
		dst.Quartic.Merge(&o.Quartic)
	}
}

// AddColumns adds the rows [from, to), as far as want asks: [Aggregate.MergeWanted] of them. Times must be ascending.
func (a *Aggregate) AddColumns(want Want, n *NumberColumns, from, to int) {
	if from >= to {
		return
	}
	a.addRowTimes(n, from, to)
	a.addNumbers(want, n, from, to)
}

// addRowTimes adds counts and times of the rows [from, to), which must be ascending and at least one.
func (a *Aggregate) addRowTimes(n *NumberColumns, from, to int) {
	a.addTimes(uint64(to-from), n.Times[from], n.Times[to-1])
	for i, j := n.Known.Run(from, to); i < j; i, j = n.Known.Run(j, to) {
		a.addActualTimes(uint64(j-i), n.Times[i], n.Times[j-1])
	}
}

// AddUnordered adds everything of the rows [from, to), in whatever order they are.
func (a *Aggregate) AddUnordered(n *NumberColumns, from, to int) {
	if from >= to {
		return
	}
	a.addTimes(uint64(to-from), slices.Min(n.Times[from:to]), slices.Max(n.Times[from:to]))
	for i, j := n.Known.Run(from, to); i < j; i, j = n.Known.Run(j, to) {
		a.addActualTimes(uint64(j-i), slices.Min(n.Times[i:j]), slices.Max(n.Times[i:j]))
	}
	a.addNumbers(WantAll, n, from, to)
}

// addNumbers adds everything but counts and times.
func (a *Aggregate) addNumbers(want Want, n *NumberColumns, from, to int) {
	var b exact.Batch
	for from < to {
		p, q, next := b.Next(n.Predicted, n.Actual, n.Known, from, to)
		b.AddErrors(&a.Errors, p, q, want >= WantSpread)
		if want == WantAll {
			a.addRest(&b, p, q)
		}
		from = next
	}
}

// addRest adds the sums that only [WantAll] asks for, of rows that [exact.Batch.Next] returned.
func (a *Aggregate) addRest(b *exact.Batch, predicted, actual []float64) {
	b.AddValues(&a.Actual, actual)
	for i, p := range predicted {
		a.Quotients.Add(p, actual[i])
	}
}

// AddCounts adds the rows of o to c.
func (c *Counts) AddCounts(o *Counts) {
	c.addTimes(o.Rows, o.MinTime, o.MaxTime)
	c.addActualTimes(o.Actuals, o.ActualMinTime, o.ActualMaxTime)
}

func (c *Counts) addTimes(rows uint64, low, high int64) {
	if rows == 0 {
		return
	}
	if c.Rows == 0 {
		c.MinTime, c.MaxTime = low, high
	}
	c.Rows += rows
	c.MinTime, c.MaxTime = min(c.MinTime, low), max(c.MaxTime, high)
}

func (c *Counts) addActualTimes(actuals uint64, low, high int64) {
	if actuals == 0 {
		return
	}
	if c.Actuals == 0 {
		c.ActualMinTime, c.ActualMaxTime = low, high
	}
	c.Actuals += actuals
	c.ActualMinTime, c.ActualMaxTime = min(c.ActualMinTime, low), max(c.ActualMaxTime, high)
}

// MAE returns the mean of |e|, 0 without actuals. It is correctly rounded from the sum, +Inf if it is beyond float64.
func (a *Aggregate) MAE() float64 { return a.Errors.MeanAbs(a.Actuals) }

// MSE returns the mean of e^2, 0 without actuals, rounded like [Aggregate.MAE].
func (a *Aggregate) MSE() float64 { return a.Errors.Squared.Mean(a.Actuals) }

// RMSE returns the square root of the mean of e^2, 0 without actuals. It is rounded once, and finite even where the
// mean itself is not.
func (a *Aggregate) RMSE() float64 { return a.Errors.RootMeanSquare(a.Actuals) }

// Bias returns the mean of e, 0 without actuals: above zero where the predictions are too high.
func (a *Aggregate) Bias() float64 { return a.Errors.Mean(a.Actuals) }

// MeanPredicted returns the sum of the predicted values of rows with an actual over n, rounded once: e and the actual of a row add up to
// its predicted value without rounding, and so do their sums.
func (a *Aggregate) MeanPredicted(n uint64) float64 { return a.Errors.MeanWith(&a.Actual, n) }

// AbsErrorDeviation returns the standard deviation of |e| over the rows, 0 without actuals. No digits cancel.
func (a *Aggregate) AbsErrorDeviation() float64 { return a.Errors.AbsDeviation(a.Actuals) }

// ErrorDeviation returns the standard deviation of e over the rows, 0 without actuals, as AbsErrorDeviation does that
// of |e|.
func (a *Aggregate) ErrorDeviation() float64 { return a.Errors.Deviation(a.Actuals) }

// RMSEStandardError returns the standard error of RMSE, 0 where e does not vary in size.
func (a *Aggregate) RMSEStandardError() float64 { return a.Errors.RootMeanSquareError(a.Actuals) }

// MAPE returns 100 times the mean of |e|/|actual| over the PercentRows rows whose actual is not zero. ok is false if
// there is none.
func (a *Aggregate) MAPE() (value float64, ok bool) {
	return 100 * a.Percent.Mean(a.PercentRows), a.PercentRows > 0
}

// WMAPE returns 100 times the sum of |e| over the sum of |actual|. ok is false if the latter is zero.
func (a *Aggregate) WMAPE() (value float64, ok bool) {
	ratio, ok := a.Errors.AbsRatio(&a.Actual)
	return 100 * ratio, ok
}

// SMAPE returns 100 times the mean of 2|e|/(|predicted|+|actual|), where 0/0 counts as 0. ok is false without actuals.
func (a *Aggregate) SMAPE() (value float64, ok bool) {
	return 100 * a.Symmetric.Mean(a.Actuals), a.Actuals > 0
}

// R2 returns 1 - sum(e^2) / sum((actual - mean actual)^2). ok is false for fewer than two actuals or if all are the
// same.
func (a *Aggregate) R2() (value float64, ok bool) {
	ratio, ok := a.Errors.SquaresRatio(&a.Actual, a.Actuals)
	if !ok {
		return 0, false
	}
	return 1 - ratio, true
}
