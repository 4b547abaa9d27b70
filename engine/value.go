package engine

import "math"

// Value is a number of a report, or the reason why there is none.
type Value struct {
	// Number is finite. It is zero where Null is not Present.
	Number float64
	Null   Null
}

// Null is the reason why a report has no number.
type Null uint8

// The reasons. Present says that there is a number.
const (
	Present        Null = iota
	NoPredictions       // of a share of predictions
	NoActuals           // in the window
	NoLags              // every actual came together with its prediction
	FewActuals          // one, where a spread needs two
	ZeroActuals         // every actual is zero, where it divides
	ConstantActual      // all actuals are the same, so that there is no variance to explain
	ConstantErrors      // |e| is the same in every row of both windows, so that there is no scale for a difference
	NoReference         // no actuals in the reference
	ZeroReference       // the reference's MAE is zero, where it divides
	BeyondFloat64       // the exact value is too large for a float64
	nullCount
)

var nullTexts = [nullCount]string{
	Present:        "present",
	NoPredictions:  "no predictions in the window",
	NoActuals:      "no actuals in the window",
	NoLags:         "every actual came with its prediction",
	FewActuals:     "fewer than two actuals",
	ZeroActuals:    "every actual is zero",
	ConstantActual: "all actuals are the same",
	ConstantErrors: "the errors do not vary",
	NoReference:    "no actuals in the reference",
	ZeroReference:  "the reference mae is zero",
	BeyondFloat64:  "beyond float64",
}

func (n Null) String() string { return nullTexts[n] }

// valueOf makes a Value of a number that may be infinite.
func valueOf(f float64) Value {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return Value{Null: BeyondFloat64}
	}
	return Value{Number: f}
}

// valueOr is valueOf if ok, else null for the reason why.
func valueOr(f float64, ok bool, why Null) Value {
	if !ok {
		return Value{Null: why}
	}
	return valueOf(f)
}

// Float64 returns the number, NaN if there is none.
func (v Value) Float64() float64 {
	if v.Null != Present {
		return math.NaN()
	}
	return v.Number
}

// coverageOf is the share of predictions that have an actual.
func coverageOf(rows, actuals uint64) Value {
	return valueOr(float64(actuals)/float64(rows), rows > 0, NoPredictions)
}
