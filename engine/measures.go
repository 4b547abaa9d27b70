package engine

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

// Measures is the full regression set of one window, with what it rests on. e is predicted-actual, over the rows that
// have an actual. docs/metrics.md has the formulas and every case of null.
type Measures struct {
	PredictionCount, ActualCount uint64
	ActualCoverage               Value

	RMSE, MAE, MSE, Bias Value
	// MAPE leaves out the MAPEExcluded rows whose actual is zero.
	MAPE         Value
	MAPEExcluded uint64
	WMAPE, SMAPE Value
	R2           Value
	MaxError     Value
	// AbsErrorP50 to AbsErrorP99 are quantiles of |e|, within segment.SketchError of the exact ones.
	AbsErrorP50, AbsErrorP90, AbsErrorP95, AbsErrorP99 Value
	// ActualLagP50 and ActualLagP95 are quantiles of the seconds from a prediction's timestamp to when its first actual was
	// observed, over the rows whose actual came apart from them, likewise.
	ActualLagP50, ActualLagP95 Value
	// MAEStandardError and RMSEStandardError are the standard errors of MAE and RMSE, were the rows independent.
	MAEStandardError, RMSEStandardError Value

	Status ReportStatus
	// Reason says what Status does not: why it is not ok, and for each null of a window with actuals its name and why.
	Reason string
}

// ReportStatus says how much a window's measures can be relied on.
type ReportStatus uint8

// The statuses of a report.
const (
	ReportOK ReportStatus = iota
	ReportInsufficientData
	ReportNoData
	reportStatusCount
)

var reportStatusTexts = [reportStatusCount]string{"ok", "insufficient_data", "no_data"}

func (s ReportStatus) String() string { return reportStatusTexts[s] }

// ReportStatuses returns the texts of all statuses, the best first.
func ReportStatuses() []string { return slices.Clone(reportStatusTexts[:]) }

// Floor is what a window needs for its measures to be relied on. The zero Floor is the default one.
type Floor struct {
	// Actuals is the least number of actuals. Default: 30.
	Actuals uint64
	// Coverage is the least share of predictions with an actual. Default: 0, any.
	Coverage float64
}

func (f Floor) withDefaults() (Floor, error) {
	f.Actuals = base.OrDefault(f.Actuals, defaultMinActuals)
	if !(f.Coverage >= 0 && f.Coverage <= 1) {
		return f, queryError("the least coverage is not between 0 and 1")
	}
	return f, nil
}

// measuresOf reads a window's aggregate, of which everything must have been wanted.
func measuresOf(a *base.Answer, floor Floor) Measures {
	m := Measures{PredictionCount: a.Rows, ActualCount: a.Actuals, ActualCoverage: coverageOf(a.Rows, a.Actuals)}
	some := a.Actuals > 0
	mean := func(f float64) Value { return valueOr(f, some, NoActuals) }
	m.RMSE, m.MAE, m.MSE, m.Bias = mean(a.RMSE()), mean(a.MAE()), mean(a.MSE()), mean(a.Bias())
	m.MaxError = mean(a.MaxAbsError)
	m.MAPEExcluded = a.Actuals - a.PercentRows

	quotient := func(f float64, ok bool, why Null) Value {
		if !some {
			why = NoActuals
		}
		return valueOr(f, ok, why)
	}
	f, ok := a.MAPE()
	m.MAPE = quotient(f, ok, ZeroActuals)
	f, ok = a.WMAPE()
	m.WMAPE = quotient(f, ok, ZeroActuals)
	f, ok = a.SMAPE()
	m.SMAPE = quotient(f, ok, NoActuals)
	few := FewActuals
	if a.Actuals > 1 {
		few = ConstantActual
	}
	f, ok = a.R2()
	m.R2 = quotient(f, ok, few)
	m.MAEStandardError = quotient(standardError(&a.Aggregate), a.Actuals > 1, FewActuals)
	m.RMSEStandardError = quotient(a.RMSEStandardError(), a.Actuals > 1, FewActuals)
	m.quantiles(a)
	m.Status, m.Reason = m.reliability(floor)
	return m
}

// quantiles reads the sketches. Errors are at most the largest, which is known exactly.
func (m *Measures) quantiles(a *base.Answer) {
	var errors [4]float64
	a.Sketches.Errors.Quantiles(errors[:], 50, 90, 95, 99)
	for i, v := range [...]*Value{&m.AbsErrorP50, &m.AbsErrorP90, &m.AbsErrorP95, &m.AbsErrorP99} {
		*v = valueOr(min(errors[i], a.MaxAbsError), a.Actuals > 0, NoActuals)
	}
	var lags [2]float64
	a.Sketches.Lags.Quantiles(lags[:], 50, 95)
	why := NoActuals
	if a.Actuals > 0 {
		why = NoLags
	}
	for i, v := range [...]*Value{&m.ActualLagP50, &m.ActualLagP95} {
		*v = valueOr(lags[i]/1000, a.Sketches.Lags.Count() > 0, why)
	}
}

// standardError is that of the mean of |e|.
func standardError(a *segment.Aggregate) float64 {
	return a.AbsErrorDeviation() / math.Sqrt(float64(a.Actuals))
}

// reliability returns the status of the measures, and what the status does not say of them.
func (m *Measures) reliability(floor Floor) (status ReportStatus, reason string) {
	switch {
	case m.PredictionCount == 0:
		return ReportNoData, NoPredictions.String()
	case m.ActualCount == 0:
		return ReportNoData, NoActuals.String()
	case m.ActualCount < floor.Actuals:
		status, reason = ReportInsufficientData, fewText("", m.ActualCount, floor.Actuals)
	case m.ActualCoverage.Number < floor.Coverage:
		status, reason = ReportInsufficientData, coverageText(m.ActualCoverage.Number, floor.Coverage)
	}
	for _, v := range [...]struct {
		name  string
		value Value
	}{
		{"rmse", m.RMSE},
		{"mae", m.MAE},
		{"mse", m.MSE},
		{"bias", m.Bias},
		{"mape", m.MAPE},
		{"wmape", m.WMAPE},
		{"smape", m.SMAPE},
		{"r2", m.R2},
		{"max_error", m.MaxError},
		{"abs_error_p50", m.AbsErrorP50},
		{"abs_error_p90", m.AbsErrorP90},
		{"abs_error_p95", m.AbsErrorP95},
		{"abs_error_p99", m.AbsErrorP99},
		{"mae_standard_error", m.MAEStandardError},
		{"rmse_standard_error", m.RMSEStandardError},
	} {
		if v.value.Null != Present {
			if reason != "" {
				reason += "; "
			}
			reason += v.name + ": " + v.value.Null.String()
		}
	}
	return status, reason
}

func fewText(of string, n, least uint64) string {
	return of + strconv.FormatUint(n, 10) + " actuals, fewer than " + strconv.FormatUint(least, 10)
}

func coverageText(share, least float64) string {
	return fmt.Sprintf("coverage %.4g, below %g", share, least)
}

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
	NotAsked            // it was not asked for
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
	NotAsked:       "not asked for",
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
