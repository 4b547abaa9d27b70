package httpapi

import (
	"context"
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
	{"rmse_status", kindString},
	{"bias_relative_change", kindNullableFloat64},
	{"bias_z", kindNullableFloat64},
	{"bias_status", kindString},
	{"status", kindString},
	{"reason", kindNullableString},
	{"analysis_timestamp", kindDateTime},
}

var gateParameters = []parameter{
	{"recent_window_hours", "Int32", "6", "how many hours count as recent"},
	{"historical_window_hours", "Int32", "168", "how many hours back the rolling reference reaches"},
	{"offset", "Int32", "0", "how many hours to skip that are too young to have their actuals"},
	{"as_of", "DateTime", "", "stands in for now and leaves out what came after it"},
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
	parameters: concat([]parameter{
		{"model_id", "String", "default_model", "the model, * for every one"},
		{"model_version", "String", "*", "the version, * for every one"},
		{"environment", "String", "production", "the environment, * for every one"},
	}, gateParameters),
	columns: concat(seriesColumns, comparisonColumns),
	reports: true,
	run:     runDriftReport,
}

var modelsPipe = pipe{
	name:        "models",
	description: "Every model, version and environment with what it has and whether it drifts, the worst first",
	parameters: concat([]parameter{
		{"model_id", "String", "*", "the model, * for every one"},
		{"model_version", "String", "*", "the version, * for every one"},
		{"environment", "String", "*", "the environment, * for every one"},
	}, gateParameters),
	columns: concat(seriesColumns, []column{
		{"first_event", kindDateTime},
		{"last_event", kindDateTime},
		{"prediction_count", kindUInt64},
		{"actual_count", kindUInt64},
		{"actual_coverage", kindNullableFloat64},
	}, comparisonColumns),
	reports: true,
	run:     runModels,
}

// driftReportQuery reads the parameters that both pipes have.
func (c *call) driftReportQuery() (q engine.DriftReportQuery, err error) {
	if q.Recent, err = c.params.hours("recent_window_hours", 6); err != nil {
		return q, err
	}
	if q.Historical, err = c.params.hours("historical_window_hours", 168); err != nil {
		return q, err
	}
	offset, err := c.params.int32("offset", 0)
	if err != nil {
		return q, err
	}
	q.Offset = time.Duration(min(max(offset, -1), maxHours)) * time.Hour
	if q.AsOf, err = c.params.moment("as_of"); err != nil {
		return q, err
	}
	if q.Reference, err = c.reference(); err != nil {
		return q, err
	}
	q.Gates, err = c.gates()
	return q, err
}

// reference reads rolling, pinned:<from>,<to> or version:<version>.
func (c *call) reference() (engine.Reference, error) {
	given, err := c.params.textOr("reference", "rolling")
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
	g = engine.DefaultGates()
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
		if *p.gate, err = c.params.float64(p.name, *p.gate, 0, p.high); err != nil {
			return g, err
		}
	}
	if g.MinRecent, err = c.params.atLeastOne("min_recent", 30); err != nil {
		return g, err
	}
	g.MinReference, err = c.params.atLeastOne("min_reference", 100)
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
	q, err := c.driftReportQuery()
	if err != nil {
		return err
	}
	var nothing bool
	if q.Model, q.Version, q.Environment, nothing, err = c.series(engine.All); err != nil || nothing {
		return err
	}
	result, err := c.store.(ReportStore).DriftReport(ctx, q)
	if err != nil {
		return err
	}
	for i := range result.Rows {
		r := &result.Rows[i]
		c.table.add(text(r.Model), text(r.Version), text(r.Environment))
		c.table.addComparison(r)
	}
	c.table.read(result.Read)
	return nil
}

func runModels(ctx context.Context, c *call, _ *pipe) error {
	drift, err := c.driftReportQuery()
	if err != nil {
		return err
	}
	q := engine.ModelsQuery(drift)
	for _, p := range [...]struct {
		name  string
		value *string
	}{{"model_id", &q.Model}, {"model_version", &q.Version}, {"environment", &q.Environment}} {
		if *p.value, err = c.params.textOr(p.name, engine.All); err != nil {
			return err
		}
	}
	if q.Model == "" || q.Version == "" || q.Environment == "" {
		return nil
	}
	result, err := c.store.(ReportStore).Models(ctx, q)
	if err != nil {
		return err
	}
	for i := range result.Rows {
		r := &result.Rows[i]
		c.table.add(text(r.Model), text(r.Version), text(r.Environment), moment(r.FirstEvent), moment(r.LastEvent),
			whole(r.PredictionCount), whole(r.ActualCount), value(r.ActualCoverage))
		c.table.addComparison(&r.DriftReportRow)
	}
	c.table.read(result.Read)
	return nil
}
