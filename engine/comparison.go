package engine

import (
	"math"

	"github.com/residualdb/residual/segment"
)

// Side is one window of a comparison.
type Side struct {
	PredictionCount, ActualCount uint64
	ActualCoverage               Value
	MAE, RMSE, Bias              Value
	// MAEStandardError to BiasStandardError are the standard errors of these, were the rows independent.
	MAEStandardError, RMSEStandardError, BiasStandardError Value
}

// Comparison is how the error of a recent window differs from that of a reference, by Welch's test on |e|.
type Comparison struct {
	Recent, Reference Side

	// RelativeChange is (recent-reference)/reference of the MAE.
	RelativeChange Value
	// Z is the difference of the MAEs over its standard error, CI95Low and CI95High the 95 % interval of the difference, and
	// RelativeChangeLow and RelativeChangeHigh that over the MAE of the reference.
	Z, CI95Low, CI95High                  Value
	RelativeChangeLow, RelativeChangeHigh Value
	Direction                             Direction
	// MinDetectableChange is the least relative change that would reach the z of drift.
	MinDetectableChange Value

	// RMSEShift and BiasShift say of the RMSE and the bias what the above says of the MAE. They have no part in Status.
	RMSEShift, BiasShift Shift

	Status DriftStatus
	// Reason says why there is no verdict; where there is one, the name of each number that does not exist, and why.
	Reason string
}

// z95 is the z of a two-sided 95 % interval.
const z95 = 1.959963984540054

func compare(recent, reference *segment.Aggregate, g *Gates) Comparison {
	c := Comparison{Recent: sideOf(recent), Reference: sideOf(reference)}
	c.measure(g.DriftZ)
	c.Status, c.Reason = g.verdictOf(&c)
	if c.Reason == "" {
		c.Reason = c.nulls()
	}
	c.shift(g)
	return c
}

func sideOf(a *segment.Aggregate) Side {
	s := Side{PredictionCount: a.Rows, ActualCount: a.Actuals, ActualCoverage: coverageOf(a.Rows, a.Actuals)}
	why := NoActuals
	if a.Rows == 0 {
		why = NoPredictions
	}
	if null := (Value{Null: why}); a.Actuals == 0 {
		s.MAE, s.RMSE, s.Bias = null, null, null
		s.MAEStandardError, s.RMSEStandardError, s.BiasStandardError = null, null, null
		return s
	}
	s.MAE, s.RMSE, s.Bias = valueOf(a.MAE()), valueOf(a.RMSE()), valueOf(a.Bias())
	s.MAEStandardError = valueOr(standardError(a), a.Actuals > 1, FewActuals)
	s.RMSEStandardError = valueOr(a.RMSEStandardError(), a.Actuals > 1, FewActuals)
	s.BiasStandardError = valueOr(biasStandardError(a), a.Actuals > 1, FewActuals)
	return s
}

// measure fills in what both windows together say.
func (c *Comparison) measure(driftZ float64) {
	why := Present
	switch {
	case c.Reference.ActualCount == 0:
		why = NoReference
	case c.Recent.MAE.Null != Present:
		why = c.Recent.MAE.Null
	case c.Reference.MAE.Null != Present:
		why = c.Reference.MAE.Null
	}
	if why != Present {
		null := Value{Null: why}
		c.RelativeChange, c.Z, c.MinDetectableChange = null, null, null
		c.CI95Low, c.CI95High, c.RelativeChangeLow, c.RelativeChangeHigh = null, null, null, null
		return
	}
	was := c.Reference.MAE.Number
	change := c.Recent.MAE.Number - was
	c.Direction = directionOf(change)
	c.RelativeChange = valueOr(change/was, was > 0, ZeroReference)
	if c.Recent.ActualCount < 2 || c.Reference.ActualCount < 2 {
		null := Value{Null: FewActuals}
		c.Z, c.MinDetectableChange = null, null
		c.CI95Low, c.CI95High, c.RelativeChangeLow, c.RelativeChangeHigh = null, null, null, null
		return
	}
	deviation := together(c.Recent.MAEStandardError, c.Reference.MAEStandardError)
	c.Z = valueOr(change/deviation, deviation > 0, ConstantErrors)
	c.CI95Low, c.CI95High = valueOf(change-z95*deviation), valueOf(change+z95*deviation)
	c.RelativeChangeLow = valueOr((change-z95*deviation)/was, was > 0, ZeroReference)
	c.RelativeChangeHigh = valueOr((change+z95*deviation)/was, was > 0, ZeroReference)
	c.MinDetectableChange = valueOr(driftZ*deviation/was, was > 0, ZeroReference)
}

// together is the standard error of a difference of two that have these, infinite where one is beyond float64.
func together(recent, reference Value) float64 {
	if recent.Null == BeyondFloat64 || reference.Null == BeyondFloat64 {
		return math.Inf(1)
	}
	return math.Hypot(recent.Number, reference.Number)
}

// nulls names what a comparison with a verdict cannot say.
func (c *Comparison) nulls() (reason string) {
	for _, v := range [...]struct {
		name  string
		value Value
	}{{"relative_change", c.RelativeChange}, {"z", c.Z}} {
		if v.value.Null != Present {
			if reason != "" {
				reason += "; "
			}
			reason += v.name + ": " + v.value.Null.String()
		}
	}
	return reason
}

func directionOf(change float64) Direction {
	switch {
	case change > 0:
		return Worse
	case change < 0:
		return Better
	}
	return Same
}

// rank orders comparisons of one status: by relative change, a rise from zero being the largest. What is not known is
// less than any number.
func (c *Comparison) rank() float64 {
	if c.RelativeChange.Null == ZeroReference && c.Direction == Worse {
		return math.Inf(1)
	}
	return c.RelativeChange.Float64()
}

// Shift is how a measure beside the MAE differs between the windows of a comparison.
type Shift struct {
	// RelativeChange is (recent-reference)/reference of the RMSE. Of the bias, which has a sign and may be near zero, it is the
	// difference over the reference's MAE.
	RelativeChange Value
	// Z is the difference over its standard error, CI95Low and CI95High its 95 % interval.
	Z, CI95Low, CI95High Value
	// Status is the verdict of the gates on it: on a rise of the RMSE, on a bias that moved either way.
	Status DriftStatus
}

// shift fills in what both windows say of RMSE and bias. They must have been asked with [segment.WantSpread].
func (c *Comparison) shift(g *Gates) {
	rmse := together(c.Recent.RMSEStandardError, c.Reference.RMSEStandardError)
	bias := together(c.Recent.BiasStandardError, c.Reference.BiasStandardError)
	c.RMSEShift = c.shiftOf(&c.Recent.RMSE, &c.Reference.RMSE, &c.Reference.RMSE, rmse)
	c.RMSEShift.Status = c.shiftVerdict(&c.RMSEShift, g, c.Recent.RMSE.Number > c.Reference.RMSE.Number)
	c.BiasShift = c.shiftOf(&c.Recent.Bias, &c.Reference.Bias, &c.Reference.MAE, bias)
	c.BiasShift.Status = c.shiftVerdict(&c.BiasShift, g, c.Recent.Bias.Number != c.Reference.Bias.Number)
}

// biasStandardError is that of the mean of e.
func biasStandardError(a *segment.Aggregate) float64 {
	return a.ErrorDeviation() / math.Sqrt(float64(a.Actuals))
}

func (c *Comparison) shiftOf(is, was, scale *Value, deviation float64) Shift {
	why := Present
	switch {
	case c.Reference.ActualCount == 0:
		why = NoReference
	case is.Null != Present:
		why = is.Null
	case was.Null != Present:
		why = was.Null
	}
	if why != Present {
		null := Value{Null: why}
		return Shift{RelativeChange: null, Z: null, CI95Low: null, CI95High: null}
	}
	change := is.Number - was.Number
	s := Shift{RelativeChange: valueOr(change/scale.Number, scale.Number > 0, ZeroReference)}
	s.Z, s.CI95Low, s.CI95High = Value{Null: FewActuals}, Value{Null: FewActuals}, Value{Null: FewActuals}
	if c.Recent.ActualCount > 1 && c.Reference.ActualCount > 1 {
		s.Z = valueOr(change/deviation, deviation > 0, ConstantErrors)
		s.CI95Low, s.CI95High = valueOf(change-z95*deviation), valueOf(change+z95*deviation)
	}
	if math.IsInf(deviation, 1) {
		s.Z = Value{Null: BeyondFloat64}
	}
	return s
}

// shiftVerdict returns the verdict of the gates on a shift. moved tells whether it is one of the kind that may be drift.
func (c *Comparison) shiftVerdict(s *Shift, g *Gates, moved bool) DriftStatus {
	switch {
	case c.Status == DriftNoReference || c.Status == DriftInsufficientData:
		return c.Status
	case s.RelativeChange.Null == BeyondFloat64:
		return DriftInsufficientData
	case !moved:
		return DriftOK
	}
	return g.verdict(s.Z, s.RelativeChange)
}
