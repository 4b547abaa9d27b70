package pipes

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// comparisonColumns are those of engine.Comparison.
var comparisonColumns = []encode.Column{
	{Name: "recent_count", Kind: encode.UInt64},
	{Name: "recent_actual_count", Kind: encode.UInt64},
	{Name: "recent_coverage", Kind: encode.NullableFloat64},
	{Name: "recent_mae", Kind: encode.NullableFloat64},
	{Name: "recent_rmse", Kind: encode.NullableFloat64},
	{Name: "recent_bias", Kind: encode.NullableFloat64},
	{Name: "reference_count", Kind: encode.UInt64},
	{Name: "reference_actual_count", Kind: encode.UInt64},
	{Name: "reference_coverage", Kind: encode.NullableFloat64},
	{Name: "reference_mae", Kind: encode.NullableFloat64},
	{Name: "reference_rmse", Kind: encode.NullableFloat64},
	{Name: "reference_bias", Kind: encode.NullableFloat64},
	{Name: "relative_change", Kind: encode.NullableFloat64},
	{Name: "z", Kind: encode.NullableFloat64},
	{Name: "ci95_low", Kind: encode.NullableFloat64},
	{Name: "ci95_high", Kind: encode.NullableFloat64},
	{Name: "direction", Kind: encode.NullableString},
	{Name: "min_detectable_change", Kind: encode.NullableFloat64},
	{Name: "rmse_relative_change", Kind: encode.NullableFloat64},
	{Name: "rmse_z", Kind: encode.NullableFloat64},
	driftStatus("rmse_status"),
	{Name: "bias_relative_change", Kind: encode.NullableFloat64},
	{Name: "bias_z", Kind: encode.NullableFloat64},
	driftStatus("bias_status"),
	driftStatus("status"),
	{Name: "reason", Kind: encode.NullableString},
	{Name: "analysis_timestamp", Kind: encode.DateTime},
	{Name: "recent_from", Kind: encode.DateTime},
	{Name: "reference_version", Kind: encode.NullableString},
	{Name: "relative_change_low", Kind: encode.NullableFloat64},
	{Name: "relative_change_high", Kind: encode.NullableFloat64},
	{Name: "rmse_ci95_low", Kind: encode.NullableFloat64},
	{Name: "rmse_ci95_high", Kind: encode.NullableFloat64},
	{Name: "bias_ci95_low", Kind: encode.NullableFloat64},
	{Name: "bias_ci95_high", Kind: encode.NullableFloat64},
	{Name: "recent_mae_standard_error", Kind: encode.NullableFloat64},
	{Name: "recent_rmse_standard_error", Kind: encode.NullableFloat64},
	{Name: "recent_bias_standard_error", Kind: encode.NullableFloat64},
	{Name: "reference_mae_standard_error", Kind: encode.NullableFloat64},
	{Name: "reference_rmse_standard_error", Kind: encode.NullableFloat64},
	{Name: "reference_bias_standard_error", Kind: encode.NullableFloat64},
	{Name: "reference_from", Kind: encode.NullableDateTime},
	{Name: "reference_to", Kind: encode.NullableDateTime},
	{Name: "drift_z", Kind: encode.Float64},
	{Name: "drift_change", Kind: encode.Float64},
	{Name: "min_recent", Kind: encode.UInt64},
}

// driftStatus is a column of an engine.DriftStatus.
func driftStatus(name string) encode.Column {
	return encode.Column{Name: name, Kind: encode.Status, States: engine.DriftStatuses()}
}

var comparisonParameters = []params.Parameter{
	{Name: "recent_window_hours", Kind: "Int32", Default: "6", Description: "how many hours count as recent"},
	{Name: "historical_window_hours", Kind: "Int32", Default: "168", Description: "how many hours back the rolling reference reaches"},
	{Name: "offset", Kind: "Int32", Default: "0", Description: "how many hours to skip that are too young to have their actuals"},
	asOfParameter,
	{Name: "recent_min_actuals", Kind: "Int32", Default: "0", Description: "the recent window reaches back until it has so many actuals, 72 hours at most"},
	{Name: "gap", Kind: "Int32", Default: "24", Description: "how many hours before the recent window the rolling reference ends, unless it has too few actuals then"},
	{Name: "reference", Kind: "String", Default: "rolling", Description: "what is compared with: " + referenceForms},
	{Name: "timezone", Kind: "String", Default: "UTC", Description: "by whose clock the same hours of other weeks are found: a name such as Europe/Berlin"},
	{Name: "drift_z", Kind: "Float64", Default: "3", Description: "the least z of the status drift"},
	{Name: "drift_change", Kind: "Float64", Default: "0.2", Description: "the least relative change of the status drift"},
	{Name: "warning_z", Kind: "Float64", Default: "2.5", Description: "the least z of the status warning"},
	{Name: "warning_change", Kind: "Float64", Default: "0.1", Description: "the least relative change of the status warning"},
	{Name: "min_recent", Kind: "Int32", Default: "30", Description: "with fewer recent actuals the status is insufficient_data"},
	{Name: "min_reference", Kind: "Int32", Default: "100", Description: "with fewer actuals in the reference the status is insufficient_data"},
	{Name: "min_coverage", Kind: "Float64", Default: "0", Description: "with a lower share of actuals on either side the status is insufficient_data"},
}

var driftReportPipe = Pipe{
	Name:        "model_drift_report",
	Description: "Whether the error of the last hours rose by more than chance, and how much",
	Parameters:  slices.Concat(seriesParameters("default_model", "*", "production"), comparisonParameters),
	Columns:     slices.Concat(SeriesColumns, comparisonColumns),
	needs:       answers[ReportStore],
	Run:         runDriftReport,
}

// driftReportQuery reads the parameters that both pipes have. nothing is as in series.
func (ask *Question) driftReportQuery() (q engine.DriftReportQuery, nothing bool, err error) {
	drift, nothing, err := ask.driftQuery()
	if err != nil {
		return q, false, err
	}
	q = engine.DriftReportQuery{
		Model: drift.Model, Version: drift.Version, Environment: drift.Environment, Literal: drift.Literal, Across: drift.Across,
		Within: drift.Within, Recent: drift.Recent, Historical: drift.Historical, AsOf: drift.AsOf,
	}
	least, err := ask.Params.AtLeast("recent_min_actuals", 0)
	if err != nil {
		return q, false, err
	}
	q.RecentMinActuals = uint64(least)
	if q.Gap, err = ask.Params.Hours("gap"); err != nil {
		return q, false, err
	}
	if q.Zone, err = ask.zone(); err != nil {
		return q, false, err
	}
	offset, err := ask.Params.Int32("offset")
	if err != nil {
		return q, false, err
	}
	q.Offset = time.Duration(min(max(offset, -1), params.HoursMax)) * time.Hour
	if q.Reference, err = ask.reference(); err != nil {
		return q, false, err
	}
	q.Gates, err = ask.gates()
	return q, nothing, err
}

// referenceForms is the list for texts.
const referenceForms = "rolling, version:<version>, version:previous, pinned:<from>,<to>, the same with ;version:<version> behind it, or seasonal:<weeks>"

// reference reads one of referenceForms.
func (ask *Question) reference() (engine.Reference, error) {
	given, err := ask.Params.String("reference")
	if err != nil || given == "rolling" {
		return engine.Reference{}, err
	}
	r, ok := parseReference(given)
	if !ok {
		err = problem.BadParameter("Error validating %s to type String: the parameter reference must be %s", problem.Shown(given), referenceForms)
	}
	return r, err
}

func parseReference(given string) (r engine.Reference, ok bool) {
	if weeks, found := strings.CutPrefix(given, "seasonal:"); found {
		n, err := strconv.ParseUint(weeks, 10, 16)
		r.Weeks = int(n)
		return r, err == nil && n > 0
	}
	window, version, versioned := strings.Cut(given, ";version:")
	pinned, isPinned := strings.CutPrefix(window, "pinned:")
	if !isPinned {
		version, versioned = strings.CutPrefix(given, "version:")
	}
	switch {
	case versioned && version == "" || !versioned && !isPinned:
		return r, false
	case version == previousVersion:
		r.Previous = true
	default:
		r.Version = version
	}
	if !isPinned {
		return r, true
	}
	first, last, _ := strings.Cut(pinned, ",")
	var fromOK, toOK bool
	r.From, fromOK = params.ParseMoment(first)
	r.To, toOK = params.ParseMoment(last)
	return r, fromOK && toOK
}

// previousVersion is the version of a reference that stands for the one before each.
const previousVersion = "previous"

func (ask *Question) gates() (g engine.Gates, err error) {
	for _, p := range [...]struct {
		name string
		gate *float64
		high float64
	}{
		{"drift_z", &g.DriftZ, 1e6},
		{"drift_change", &g.DriftChange, 1e6},
		{"warning_z", &g.WarningZ, 1e6},
		{"warning_change", &g.WarningChange, 1e6},
		{"min_coverage", &g.MinCoverage, 1},
	} {
		if *p.gate, err = ask.Params.Float64(p.name, 0, p.high); err != nil {
			return g, err
		}
	}
	if g.MinRecent, err = ask.Params.AtLeastOne("min_recent"); err != nil {
		return g, err
	}
	g.MinReference, err = ask.Params.AtLeastOne("min_reference")
	return g, err
}

// addComparison adds the rest of a row.
func addComparison(t *encode.Table, r *engine.DriftReportRow) {
	for _, s := range [...]*engine.Side{&r.Recent, &r.Reference} {
		t.Add(encode.Whole(s.PredictionCount), encode.Whole(s.ActualCount), value(s.ActualCoverage), value(s.MAE), value(s.RMSE), value(s.Bias))
	}
	t.Add(value(r.RelativeChange), value(r.Z), value(r.CI95Low), value(r.CI95High), encode.Text(r.Direction.String()),
		value(r.MinDetectableChange))
	for _, s := range [...]*engine.Shift{&r.RMSEShift, &r.BiasShift} {
		t.Add(value(s.RelativeChange), value(s.Z), encode.Text(s.Status.String()))
	}
	t.Add(encode.Text(r.Status.String()), encode.Text(r.Reason), encode.Moment(r.AnalysisTimestamp),
		encode.Moment(r.RecentFrom), encode.Text(r.ReferenceVersion), value(r.RelativeChangeLow), value(r.RelativeChangeHigh))
	for _, s := range [...]*engine.Shift{&r.RMSEShift, &r.BiasShift} {
		t.Add(value(s.CI95Low), value(s.CI95High))
	}
	for _, s := range [...]*engine.Side{&r.Recent, &r.Reference} {
		t.Add(value(s.MAEStandardError), value(s.RMSEStandardError), value(s.BiasStandardError))
	}
	t.Add(encode.MomentOrNull(r.ReferenceFrom), encode.MomentOrNull(r.ReferenceTo), encode.Number(r.Gates.DriftZ), encode.Number(r.Gates.DriftChange),
		encode.Whole(r.Gates.MinRecent))
}

func runDriftReport(ctx context.Context, ask *Question) error {
	q, nothing, err := ask.driftReportQuery()
	if err != nil || nothing {
		return err
	}
	return pull(ctx, ask, ask.Store.(ReportStore).EachDriftReport, q, addDriftReport)
}

func addDriftReport(t *encode.Table, r *engine.DriftReportRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	addComparison(t, r)
}
