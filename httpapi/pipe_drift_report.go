package httpapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
)

// comparisonColumns are those of engine.Comparison.
var comparisonColumns = []column{
	{"recent_count", kindUInt64},
	{"recent_actual_count", kindUInt64},
	{"recent_coverage", kindNullableFloat64},
	{"recent_mae", kindNullableFloat64},
	{"recent_rmse", kindNullableFloat64},
	{"recent_bias", kindNullableFloat64},
	{"reference_count", kindUInt64},
	{"reference_actual_count", kindUInt64},
	{"reference_coverage", kindNullableFloat64},
	{"reference_mae", kindNullableFloat64},
	{"reference_rmse", kindNullableFloat64},
	{"reference_bias", kindNullableFloat64},
	{"relative_change", kindNullableFloat64},
	{"z", kindNullableFloat64},
	{"ci95_low", kindNullableFloat64},
	{"ci95_high", kindNullableFloat64},
	{"direction", kindNullableString},
	{"min_detectable_change", kindNullableFloat64},
	{"rmse_relative_change", kindNullableFloat64},
	{"rmse_z", kindNullableFloat64},
	{"rmse_status", kindDriftStatus},
	{"bias_relative_change", kindNullableFloat64},
	{"bias_z", kindNullableFloat64},
	{"bias_status", kindDriftStatus},
	{"status", kindDriftStatus},
	{"reason", kindNullableString},
	{"analysis_timestamp", kindDateTime},
}

var gateParameters = []Parameter{
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
	parameters:  slices.Concat(seriesParameters("default_model", "*", "production"), gateParameters),
	columns:     slices.Concat(seriesColumns, comparisonColumns),
	reports:     true,
	run:         runDriftReport,
}

var modelsPipe = pipe{
	name:        "models",
	description: "Every model, version and environment with what it has and whether it drifts, the worst first",
	parameters:  slices.Concat(seriesParameters("*", "*", "*"), gateParameters),
	columns: slices.Concat(seriesColumns, []column{
		{"first_event", kindDateTime},
		{"last_event", kindDateTime},
		{"prediction_count", kindUInt64},
		{"actual_count", kindUInt64},
		{"actual_coverage", kindNullableFloat64},
	}, comparisonColumns),
	reports: true,
	run:     runModels,
}

// driftReportQuery reads the parameters that both pipes have. nothing is as in call.series.
func (c *call) driftReportQuery() (q engine.DriftReportQuery, nothing bool, err error) {
	drift, nothing, err := c.driftQuery()
	if err != nil {
		return q, false, err
	}
	q = engine.DriftReportQuery{
		Model: drift.Model, Version: drift.Version, Environment: drift.Environment, Across: drift.Across,
		Recent: drift.Recent, Historical: drift.Historical, AsOf: drift.AsOf,
	}
	offset, err := c.params.int32("offset")
	if err != nil {
		return q, false, err
	}
	q.Offset = time.Duration(min(max(offset, -1), hoursMax)) * time.Hour
	if q.Reference, err = c.reference(); err != nil {
		return q, false, err
	}
	q.Gates, err = c.gates()
	return q, nothing, err
}

// reference reads rolling, pinned:<from>,<to> or version:<version>.
func (c *call) reference() (engine.Reference, error) {
	given, err := c.params.string("reference")
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
		return engine.Reference{}, badParameter("Error validating %s to type String: the parameter reference must be rolling, pinned:<from>,<to> or version:<version>", shown(given))
	}
	return engine.Reference{From: from, To: to}, nil
}

func (c *call) gates() (g engine.Gates, err error) {
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
		if *p.gate, err = c.params.float64(p.name, 0, p.high); err != nil {
			return g, err
		}
	}
	if g.MinRecent, err = c.params.atLeastOne("min_recent"); err != nil {
		return g, err
	}
	g.MinReference, err = c.params.atLeastOne("min_reference")
	return g, err
}

// addComparison adds the rest of a row.
func (t *table) addComparison(r *engine.DriftReportRow) {
	for _, s := range [...]*engine.Side{&r.Recent, &r.Reference} {
		t.add(whole(s.PredictionCount), whole(s.ActualCount), value(s.ActualCoverage), value(s.MAE), value(s.RMSE), value(s.Bias))
	}
	t.add(value(r.RelativeChange), value(r.Z), value(r.CI95Low), value(r.CI95High), text(r.Direction.String()),
		value(r.MinDetectableChange))
	for _, s := range [...]*engine.Shift{&r.RMSEShift, &r.BiasShift} {
		t.add(value(s.RelativeChange), value(s.Z), text(s.Status.String()))
	}
	t.add(text(r.Status.String()), text(r.Reason), moment(r.AnalysisTimestamp))
}

func runDriftReport(ctx context.Context, c *call, _ *pipe) error {
	q, nothing, err := c.driftReportQuery()
	if err != nil || nothing {
		return err
	}
	store := c.store.(ReportStore)
	return pull(ctx, c, wide(q.Model), func(ctx context.Context, yield func(*engine.DriftReportRow) bool) (engine.Read, error) {
		return store.EachDriftReport(ctx, q, yield)
	}, addDriftReport)
}

func addDriftReport(t *table, r *engine.DriftReportRow) {
	t.add(text(r.Model), text(r.Version), text(r.Environment))
	t.addComparison(r)
}

func runModels(ctx context.Context, c *call, _ *pipe) error {
	q, nothing, err := c.driftReportQuery()
	if err != nil || nothing {
		return err
	}
	store := c.store.(ReportStore)
	return pull(ctx, c, wide(q.Model), func(ctx context.Context, yield func(*engine.ModelRow) bool) (engine.Read, error) {
		return store.EachModel(ctx, engine.ModelsQuery(q), yield)
	}, addModel)
}

func addModel(t *table, r *engine.ModelRow) {
	t.add(text(r.Model), text(r.Version), text(r.Environment), moment(r.FirstEvent), moment(r.LastEvent),
		whole(r.PredictionCount), whole(r.ActualCount), value(r.ActualCoverage))
	t.addComparison(&r.DriftReportRow)
}
