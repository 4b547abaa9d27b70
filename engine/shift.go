package engine

import (
	"math"

	"github.com/residualdb/residual/segment"
)

// Shift is how a measure beside the MAE differs between the windows of a comparison.
type Shift struct {
	// RelativeChange is (recent-reference)/reference of the RMSE. Of the bias, which has a sign and may be near zero, it is the
	// difference over the reference's MAE.
	RelativeChange Value
	// Z is the difference over its standard error.
	Z Value
	// Status is the verdict of the gates on it: on a rise of the RMSE, on a bias that moved either way.
	Status DriftStatus
}

// shift fills in what both windows say of RMSE and bias. They must have been asked with [segment.WantSpread].
func (c *Comparison) shift(recent, reference *segment.Aggregate, g *Gates) {
	rmse, bias := 0.0, 0.0
	if min(recent.Actuals, reference.Actuals) > 1 {
		rmse = math.Hypot(recent.RMSEStandardError(), reference.RMSEStandardError())
		bias = math.Hypot(biasStandardError(recent), biasStandardError(reference))
	}
	c.RMSEShift = c.shiftOf(&c.Recent.RMSE, &c.Reference.RMSE, &c.Reference.RMSE, rmse)
	c.RMSEShift.judge(c, g, c.Recent.RMSE.Number > c.Reference.RMSE.Number)
	c.BiasShift = c.shiftOf(&c.Recent.Bias, &c.Reference.Bias, &c.Reference.MAE, bias)
	c.BiasShift.judge(c, g, c.Recent.Bias.Number != c.Reference.Bias.Number)
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
		return Shift{RelativeChange: Value{Null: why}, Z: Value{Null: why}}
	}
	change := is.Number - was.Number
	s := Shift{RelativeChange: valueOr(change/scale.Number, scale.Number > 0, ZeroReference), Z: Value{Null: FewActuals}}
	if c.Recent.ActualCount > 1 && c.Reference.ActualCount > 1 {
		s.Z = valueOr(change/deviation, deviation > 0, ConstantErrors)
	}
	if math.IsInf(deviation, 1) {
		s.Z = Value{Null: BeyondFloat64}
	}
	return s
}

// judge sets the verdict on a shift. moved tells whether it is one of the kind that may be drift.
func (s *Shift) judge(c *Comparison, g *Gates, moved bool) {
	switch {
	case c.Status == DriftNoReference || c.Status == DriftInsufficientData:
		s.Status = c.Status
	case s.RelativeChange.Null == BeyondFloat64:
		s.Status = DriftInsufficientData
	case !moved:
		s.Status = DriftOK
	default:
		s.Status = g.verdict(s.Z, s.RelativeChange)
	}
}
