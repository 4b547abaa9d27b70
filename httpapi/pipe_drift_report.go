package httpapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
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
}

// driftStatus is a column of an engine.DriftStatus.
func driftStatus(name string) encode.Column {
	return encode.Column{Name: name, Kind: encode.Status, States: engine.DriftStatuses()}
}

var comparisonParameters = []Parameter{
	{"recent_window_hours", "Int32", "6", "how many hours count as recent"},
	{"historical_window_hours", "Int32", "168", "how many hours back the rolling reference reaches"},
	{"offset", "Int32", "0", "how many hours to skip that are too young to have their actuals"},
	asOfParameter,
	{"reference", "String", "rolling", "rolling, pinned:<from>,<to> or version:<version>"},
	{"drift_z", "Float64", "3", "the least z of the status drift"},
	{"drift_change", "Float64", "0.2", "the least relative change of the status drift"},
	{"warning_z", "Float64", "2", "the least z of the status warning"},
	{"warning_change", "Float64", "0.1", "the least relative change of the status warning"},
	{"min_recent", "Int32", "30", "with fewer recent actuals the status is insufficient_data"},
	{"min_reference", "Int32", "100", "with fewer actuals in the reference the status is insufficient_data"},
	{"min_coverage", "Float64", "0", "with a lower share of actuals on either side the status is insufficient_data"},
}

var driftReportPipe = pipe{
	name:        "model_drift_report",
	description: "Whether the error of the last hours rose by more than chance, and how much",
	parameters:  slices.Concat(seriesParameters("default_model", "*", "production"), comparisonParameters),
	columns:     slices.Concat(seriesColumns, comparisonColumns),
	needs:       answers[ReportStore],
	run:         runDriftReport,
}

// driftReportQuery reads the parameters that both pipes have. nothing is as in question.series.
func (ask *question) driftReportQuery() (q engine.DriftReportQuery, nothing bool, err error) {
	drift, nothing, err := ask.driftQuery()
	if err != nil {
		return q, false, err
	}
	q = engine.DriftReportQuery{
		Model: drift.Model, Version: drift.Version, Environment: drift.Environment, Across: drift.Across, Within: drift.Within,
		Recent: drift.Recent, Historical: drift.Historical, AsOf: drift.AsOf,
	}
	offset, err := ask.params.int32("offset")
	if err != nil {
		return q, false, err
	}
	q.Offset = time.Duration(min(max(offset, -1), hoursMax)) * time.Hour
	if q.Reference, err = ask.reference(); err != nil {
		return q, false, err
	}
	q.Gates, err = ask.gates()
	return q, nothing, err
}

// reference reads rolling, pinned:<from>,<to> or version:<version>.
func (ask *question) reference() (engine.Reference, error) {
	given, err := ask.params.string("reference")
	if err != nil || given == "rolling" {
		return engine.Reference{}, err
	}
	if version, ok := strings.CutPrefix(given, "version:"); ok && version != "" {
		return engine.Reference{Version: version}, nil
	}
	pinned, _ := strings.CutPrefix(given, "pinned:")
	first, last, _ := strings.Cut(pinned, ",")
	from, fromOK := parseMoment(first)
	to, toOK := parseMoment(last)
	if !fromOK || !toOK || pinned == given {
		return engine.Reference{}, problem.BadParameter("Error validating %s to type String: the parameter reference must be rolling, pinned:<from>,<to> or version:<version>", problem.Shown(given))
	}
	return engine.Reference{From: from, To: to}, nil
}

func (ask *question) gates() (g engine.Gates, err error) {
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
		if *p.gate, err = ask.params.float64(p.name, 0, p.high); err != nil {
			return g, err
		}
	}
	if g.MinRecent, err = ask.params.atLeastOne("min_recent"); err != nil {
		return g, err
	}
	g.MinReference, err = ask.params.atLeastOne("min_reference")
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
	t.Add(encode.Text(r.Status.String()), encode.Text(r.Reason), encode.Moment(r.AnalysisTimestamp))
}

func runDriftReport(ctx context.Context, ask *question) error {
	q, nothing, err := ask.driftReportQuery()
	if err != nil || nothing {
		return err
	}
	return pull(ctx, ask, ask.store.(ReportStore).EachDriftReport, q, addDriftReport)
}

func addDriftReport(t *encode.Table, r *engine.DriftReportRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	addComparison(t, r)
}
