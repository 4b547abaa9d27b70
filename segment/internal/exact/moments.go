package exact

import "math"

// Moments are the sums over values v of either sign that their mean, size and spread are made of. Answers about n
// values are 0 for n = 0.
type Moments struct {
	Over    Sum // of v where v > 0
	Under   Sum // of -v where v < 0
	Squared Sum // of v^2
}

// Add adds a value.
func (m *Moments) Add(v float64) {
	if v > 0 {
		m.Over.Add(v)
	} else {
		m.Under.Add(v)
	}
	d, x := mantissa(v)
	m.Squared.add128(square(0, d, x))
}

// Merge adds all that o holds.
func (m *Moments) Merge(o *Moments) {
	m.Over.Merge(&o.Over)
	m.Under.Merge(&o.Under)
	m.Squared.Merge(&o.Squared)
}

// absolute returns the sum of |v|.
func (m *Moments) absolute() Sum {
	s := m.Over
	s.Merge(&m.Under)
	return s
}

// Mean returns the mean of v, correctly rounded from the sum.
func (m *Moments) Mean(n uint64) float64 {
	sum, negative := m.Over.minus(&m.Under)
	mean := sum.mean(n)
	if negative {
		return -mean
	}
	return mean
}

// MeanWith returns the sum of v and of the values of o over n, as [Moments.Mean] does that of v.
func (m *Moments) MeanWith(o *Moments, n uint64) float64 {
	both := Moments{Over: m.Over, Under: m.Under}
	both.Over.Merge(&o.Over)
	both.Under.Merge(&o.Under)
	return both.Mean(n)
}

// MeanAbs returns the mean of |v|, correctly rounded from the sum, +Inf if it is beyond float64.
func (m *Moments) MeanAbs(n uint64) float64 {
	s := m.absolute()
	return s.Mean(n)
}

// RootMeanSquare returns the square root of the mean of v^2. It is rounded once, and finite even where the mean itself
// is not.
func (m *Moments) RootMeanSquare(n uint64) float64 {
	if n == 0 {
		return 0
	}
	sum := m.Squared.value()
	mean, cut := sum.div(n)
	root, cutToo := mean.sqrt()
	return root.float64(cut || cutToo)
}

// Deviation returns the standard deviation of v over all n values. Its square times n^2 is n * sum(v^2) - sum(v)^2,
// taken in integers, so that no digits cancel.
func (m *Moments) Deviation(n uint64) float64 {
	sum, _ := m.Over.minus(&m.Under)
	return deviation(&sum, &m.Squared, n)
}

// AbsDeviation returns the standard deviation of |v|, as [Moments.Deviation] does that of v.
func (m *Moments) AbsDeviation(n uint64) float64 {
	s := m.absolute()
	sum := s.value()
	return deviation(&sum, &m.Squared, n)
}

// deviation returns the standard deviation of n values of that sum and that sum of squares.
func deviation(sum *value, squares *Sum, n uint64) float64 {
	spread, ok := spreadOf(sum, squares, n)
	if !ok {
		return 0
	}
	root, cut := spread.sqrt()
	q, cutToo := root.div(n)
	return q.float64(cut || cutToo)
}

// spreadOf returns n * squares - sum^2. ok is false if that is not above zero, as for fewer than two values.
func spreadOf(sum *value, squares *Sum, n uint64) (spread value, ok bool) {
	if n < 2 {
		return value{}, false
	}
	square, moment := sum.mul(sum), squares.value()
	moment = moment.scale(n)
	if square.bitLen() > 0 {
		moment = moment.shift(moment.exp - square.exp)
	}
	if !square.less(&moment) {
		return value{}, false
	}
	return moment.sub(&square), true
}

// AbsRatio returns the sum of |v| over that of o. ok is false if the latter is zero.
func (m *Moments) AbsRatio(o *Moments) (ratio float64, ok bool) {
	above, below := m.absolute(), o.absolute()
	if below.empty() {
		return 0, false
	}
	v, w := above.value(), below.value()
	return v.over(&w), true
}

// SquaresRatio returns the sum of v^2 over the sum of (w - mean w)^2, where v are the n values of m and w the n values
// of o. ok is false for fewer than two values or if all w are the same.
//
// The denominator times n is n * sum(w^2) - sum(w)^2, taken in integers, so its relative error is at most 2^-94 times
// mean(w^2) / variance: nine digits are right even where the values lie 10^9 standard deviations from zero.
func (m *Moments) SquaresRatio(o *Moments, n uint64) (ratio float64, ok bool) {
	sum, _ := o.Over.minus(&o.Under)
	spread, ok := spreadOf(&sum, &o.Squared, n)
	if !ok {
		return 0, false
	}
	squares := m.Squared.value()
	squares = squares.scale(n)
	return squares.over(&spread), true
}

// Errors are the moments of e = predicted-actual, taken without rounding, with the sum of e^4.
type Errors struct {
	Moments
	Quartic Sum
}

// Add adds the error of a row.
func (s *Errors) Add(predicted, actual float64) { s.add(predicted, actual, true) }

// add is Add that may leave Quartic out.
func (s *Errors) add(predicted, actual float64, quartic bool) {
	hi, lo, x, negative := residual(predicted, actual)
	if negative {
		s.Under.add128(hi, lo, x)
	} else {
		s.Over.add128(hi, lo, x)
	}
	hi, lo, x = square(hi, lo, x)
	s.Squared.add128(hi, lo, x)
	if quartic {
		s.Quartic.add128(square(hi, lo, x))
	}
}

// Merge adds all that o holds.
func (s *Errors) Merge(o *Errors) {
	s.Moments.Merge(&o.Moments)
	s.Quartic.Merge(&o.Quartic)
}

// RootMeanSquareError returns the standard error of [Moments.RootMeanSquare], sqrt(variance(e^2) / (4 n mean(e^2))), 0
// where e does not vary in size. With S the sum of e^2, it is sqrt(n sum(e^4) - S^2) / (2n sqrt(S)).
func (s *Errors) RootMeanSquareError(n uint64) float64 {
	squares := s.Squared.value()
	spread, ok := spreadOf(&squares, &s.Quartic, n)
	if !ok {
		return 0
	}
	v, _ := spread.sqrt()
	w, _ := squares.sqrt()
	w = w.scale(2 * n)
	return v.over(&w)
}

// Quotients are sums over rows of what is a quotient in each of them, and the largest |e|.
type Quotients struct {
	MaxAbsError float64 // |e| rounded to float64
	PercentRows uint64  // rows in Percent
	Percent     Sum     // of |e|/|actual| where the actual is not zero
	Symmetric   Sum     // of 2|e|/(|predicted|+|actual|), 0/0 = 0
}

// Add adds a row.
func (s *Quotients) Add(predicted, actual float64) {
	e, p, q := math.Abs(predicted-actual), math.Abs(predicted), math.Abs(actual)
	s.MaxAbsError = max(s.MaxAbsError, e)
	if math.IsInf(p+q, 1) {
		p, q, e = p/2, q/2, math.Abs(predicted/2-actual/2) // both are far too large to lose a bit
	}
	if q > 0 {
		s.PercentRows++
		s.Percent.addQuotient(e, q)
	}
	if e > 0 {
		s.Symmetric.Add(2 * (e / (p + q)))
	}
}

// Merge adds all that o holds.
func (s *Quotients) Merge(o *Quotients) {
	s.MaxAbsError = max(s.MaxAbsError, o.MaxAbsError)
	s.PercentRows += o.PercentRows
	s.Percent.Merge(&o.Percent)
	s.Symmetric.Merge(&o.Symmetric)
}
