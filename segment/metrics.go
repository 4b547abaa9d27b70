package segment

import "math"

// absolute returns the sum of |e|.
func (a *Aggregate) absolute() Sum {
	s := a.Over
	s.Merge(&a.Under)
	return s
}

// MAE returns the mean of |e|, 0 without actuals. It is correctly rounded from the sum, +Inf if it is beyond float64.
func (a *Aggregate) MAE() float64 {
	s := a.absolute()
	return s.mean(a.Actuals)
}

// MSE returns the mean of e^2, 0 without actuals, rounded like [Aggregate.MAE].
func (a *Aggregate) MSE() float64 {
	return a.Squared.mean(a.Actuals)
}

// RMSE returns the square root of the mean of e^2, 0 without actuals. It is rounded once, and finite even where the
// mean itself is not.
func (a *Aggregate) RMSE() float64 {
	if a.Actuals == 0 {
		return 0
	}
	v := a.Squared.narrow()
	if f, ok := v.lead().div(a.Actuals).sqrt().float64(); ok {
		return f
	}
	w := v.wide()
	q, cut := w.div(a.Actuals)
	r, cutToo := q.sqrt()
	return r.float64(cut || cutToo)
}

// AbsErrorDeviation returns the standard deviation of |e| over the rows, sqrt(mean(e^2) - mean(|e|)^2), 0 without
// actuals.
//
// Its square times n^2 is n * sum(e^2) - sum(|e|)^2, taken in integers as in [Aggregate.R2], so that no digits cancel.
func (a *Aggregate) AbsErrorDeviation() float64 {
	sum := a.absolute()
	return a.deviation(sum.narrow())
}

// RMSEStandardError returns the standard error of RMSE, sqrt(variance(e^2) / (4 n mean(e^2))), 0 where e does not vary
// in size. It is taken from exact sums like [Aggregate.AbsErrorDeviation]: with S the sum of e^2, it is sqrt(n sum(e^4)
// - S^2) / (2n sqrt(S)).
func (a *Aggregate) RMSEStandardError() float64 {
	if a.Actuals < 2 {
		return 0
	}
	squares := a.Squared.narrow()
	if spread, ok := a.leadSpread(squares, &a.Quartic); ok {
		if f, ok := spread.sqrt().over(squares.lead().sqrt().scale(2 * a.Actuals)); ok {
			return f
		}
	}
	spread, ok := a.spread(squares, &a.Quartic)
	if !ok {
		return 0
	}
	v, _ := spread.sqrt()
	w := squares.wide()
	w, _ = w.sqrt()
	w = w.scale(2 * a.Actuals)
	return v.over(&w)
}

// ErrorDeviation returns the standard deviation of e over the rows, 0 without actuals, as AbsErrorDeviation does that
// of |e|.
func (a *Aggregate) ErrorDeviation() float64 {
	sum, _ := a.Over.minus(&a.Under)
	return a.deviation(sum)
}

// deviation returns the standard deviation of what has this sum and e^2 for squares.
func (a *Aggregate) deviation(sum narrow) float64 {
	if a.Actuals < 2 {
		return 0
	}
	if spread, ok := a.leadSpread(sum, &a.Squared); ok {
		if f, ok := spread.sqrt().div(a.Actuals).float64(); ok {
			return f
		}
	}
	spread, ok := a.spread(sum, &a.Squared)
	if !ok {
		return 0
	}
	root, cut := spread.sqrt()
	q, cutToo := root.div(a.Actuals)
	return q.float64(cut || cutToo)
}

// spread returns n * squares - sum^2 for n actuals. ok is false if that is not above zero.
func (a *Aggregate) spread(sum narrow, squares *Sum) (spread wide, ok bool) {
	square := sum.wide()
	square = square.mul(&square)
	moment := squares.narrow().wide()
	moment = moment.scale(a.Actuals)
	if square.bitLen() > 0 {
		moment = moment.shift(moment.exp - square.exp)
	}
	if !square.less(&moment) {
		return wide{}, false
	}
	return moment.sub(&square), true
}

// leadSpread returns the leading bits of the same. ok is false where they are not known.
func (a *Aggregate) leadSpread(sum narrow, squares *Sum) (spread lead, ok bool) {
	if a.Actuals < 2 {
		return lead{}, false
	}
	return squares.narrow().lead().scale(a.Actuals).minus(sum.lead().square())
}

// Bias returns the mean of e, 0 without actuals: above zero where the predictions are too high.
func (a *Aggregate) Bias() float64 {
	if a.Actuals == 0 {
		return 0
	}
	v, negative := a.Over.minus(&a.Under)
	mean := v.mean(a.Actuals)
	if negative {
		return -mean
	}
	return mean
}

// MAPE returns 100 times the mean of |e|/|actual| over the PercentRows rows whose actual is not zero. ok is false if
// there is none.
func (a *Aggregate) MAPE() (value float64, ok bool) {
	return 100 * a.Percent.mean(a.PercentRows), a.PercentRows > 0
}

// WMAPE returns 100 times the sum of |e| over the sum of |actual|. ok is false if the latter is zero.
func (a *Aggregate) WMAPE() (value float64, ok bool) {
	actual := a.ActualOver
	actual.Merge(&a.ActualUnder)
	if actual.bins[sumBins-1] == 0 {
		return 0, false
	}
	absolute := a.absolute()
	v, w := absolute.narrow(), actual.narrow()
	if f, ok := v.lead().over(w.lead()); ok {
		return 100 * f, true
	}
	x, y := v.wide(), w.wide()
	return 100 * x.over(&y), true
}

// SMAPE returns 100 times the mean of 2|e|/(|predicted|+|actual|), where 0/0 counts as 0. ok is false without actuals.
func (a *Aggregate) SMAPE() (value float64, ok bool) {
	return 100 * a.Symmetric.mean(a.Actuals), a.Actuals > 0
}

// R2 returns 1 - sum(e^2) / sum((actual - mean actual)^2). ok is false for fewer than two actuals or if all are the
// same.
//
// The denominator times n is n * sum(actual^2) - sum(actual)^2, taken in integers, so its relative error is at most
// 2^-94 times mean(actual^2) / variance: nine digits are right even where the actuals lie 10^9 standard deviations from
// zero.
func (a *Aggregate) R2() (value float64, ok bool) {
	if a.Actuals < 2 {
		return 0, false
	}
	sum, _ := a.ActualOver.minus(&a.ActualUnder)
	v := a.Squared.narrow()
	if spread, ok := a.leadSpread(sum, &a.ActualSquared); ok {
		if f, ok := v.lead().scale(a.Actuals).over(spread); ok {
			return 1 - f, true
		}
	}
	spread, ok := a.spread(sum, &a.ActualSquared)
	if !ok {
		return 0, false
	}
	squared := v.wide()
	squared = squared.scale(a.Actuals)
	return 1 - squared.over(&spread), true
}

// mean returns the sum over n rounded to nearest, 0 for n = 0.
func (s *Sum) mean(n uint64) float64 {
	if n == 0 {
		return 0
	}
	return s.narrow().mean(n)
}

// over returns w/o within two units in the last place, for o > 0.
func (w *wide) over(o *wide) float64 {
	m, x := w.round(fracBits+1, false)
	n, y := o.round(fracBits+1, false)
	return math.Ldexp(float64(m)/float64(n), x-y)
}
