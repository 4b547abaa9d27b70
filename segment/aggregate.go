package segment

import "math"

// Aggregate is what is kept of a set of rows: enough for every metric of the regression set, in the same bits whatever
// the order and grouping in which rows were added and aggregates merged. e is predicted-actual, taken without rounding.
// The zero Aggregate holds no rows, and equal sets of rows give Aggregates equal by ==.
//
// Rows must be finite. Up to 2^32 rows fit, see [Sum].
type Aggregate struct {
	Counts

	// Errors: all that [Aggregate.MergeErrors] takes, together with the counts and times above.
	Over    Sum // of e where e > 0
	Under   Sum // of -e where e < 0
	Squared Sum // of e^2

	// The rest of the regression set, over rows with an actual.
	MaxAbsError   float64 // |e| rounded to float64
	Quartic       Sum     // of e^4
	ActualOver    Sum     // of the actuals above zero
	ActualUnder   Sum     // of minus the actuals below zero
	ActualSquared Sum
	PercentRows   uint64 // rows in Percent
	Percent       Sum    // of |e|/|actual| where the actual is not zero
	Symmetric     Sum    // of 2|e|/(|predicted|+|actual|), 0/0 = 0
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

// Reset empties a.
func (a *Aggregate) Reset() {
	*a = Aggregate{}
}

// Add adds a row. actual counts only if known.
func (a *Aggregate) Add(ts int64, predicted, actual float64, known bool) {
	if a.Rows == 0 {
		a.MinTime, a.MaxTime = ts, ts
	}
	a.Rows++
	a.MinTime, a.MaxTime = min(a.MinTime, ts), max(a.MaxTime, ts)
	if known {
		a.AddActual(ts, predicted, actual)
	}
}

// AddActual adds the actual of a row that was added without it.
func (a *Aggregate) AddActual(ts int64, predicted, actual float64) {
	a.addError(predicted, actual)
	a.addQuartic(predicted, actual)
	a.addMoments(actual)
	a.addQuotients(predicted, actual)
	a.addActualTimes(1, ts, ts)
}

// Merge adds all rows of o.
func (a *Aggregate) Merge(o *Aggregate) {
	a.MergeErrors(o)
	a.MaxAbsError = max(a.MaxAbsError, o.MaxAbsError)
	a.Quartic.Merge(&o.Quartic)
	a.ActualOver.Merge(&o.ActualOver)
	a.ActualUnder.Merge(&o.ActualUnder)
	a.ActualSquared.Merge(&o.ActualSquared)
	a.PercentRows += o.PercentRows
	a.Percent.Merge(&o.Percent)
	a.Symmetric.Merge(&o.Symmetric)
}

// MergeErrors adds the rows of o to the counts, times and errors alone: all that MAE, RMSE, bias and drift need. The
// rest of a is then meaningless.
func (a *Aggregate) MergeErrors(o *Aggregate) {
	a.AddCounts(&o.Counts)
	a.Over.Merge(&o.Over)
	a.Under.Merge(&o.Under)
	a.Squared.Merge(&o.Squared)
}

// mergeSpread is MergeErrors with the sum of e^4.
func (a *Aggregate) mergeSpread(o *Aggregate) {
	a.MergeErrors(o)
	a.Quartic.Merge(&o.Quartic)
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

// addError adds |e| and e^2.
func (a *Aggregate) addError(predicted, actual float64) {
	hi, lo, x, negative := residual(predicted, actual)
	if negative {
		a.Under.add128(hi, lo, x)
	} else {
		a.Over.add128(hi, lo, x)
	}
	a.Squared.add128(square(hi, lo, x))
}

// addQuartic adds e^4, the square of the square.
func (a *Aggregate) addQuartic(predicted, actual float64) {
	hi, lo, x, _ := residual(predicted, actual)
	hi, lo, x = square(hi, lo, x)
	a.Quartic.add128(square(hi, lo, x))
}

// addMoments adds the actual and its square.
func (a *Aggregate) addMoments(actual float64) {
	if actual > 0 {
		a.ActualOver.Add(actual)
	} else {
		a.ActualUnder.Add(actual)
	}
	m, x := mantissa(actual)
	a.ActualSquared.add128(square(0, m, x))
}

// addQuotients adds what is made of quotients, and the largest error.
func (a *Aggregate) addQuotients(predicted, actual float64) {
	e, p, q := math.Abs(predicted-actual), math.Abs(predicted), math.Abs(actual)
	a.MaxAbsError = max(a.MaxAbsError, e)
	if math.IsInf(p+q, 1) {
		p, q, e = p/2, q/2, math.Abs(predicted/2-actual/2) // both are far too large to lose a bit
	}
	if q > 0 {
		a.PercentRows++
		a.Percent.addQuotient(e, q)
	}
	if e > 0 {
		a.Symmetric.Add(2 * (e / (p + q)))
	}
}
