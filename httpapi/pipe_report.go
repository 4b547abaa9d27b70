package httpapi

import (
	"context"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/zones"
)

// ReportStore is a Store that also answers reports, row by row until yield returns false. A store without it does not have their pipes.
type ReportStore interface {
	EachReport(ctx context.Context, q engine.ReportQuery, yield func(row *engine.ReportRow) bool) (engine.Read, error)
	EachDriftReport(ctx context.Context, q engine.DriftReportQuery, yield func(row *engine.DriftReportRow) bool) (engine.Read, error)
	EachBucket(ctx context.Context, q engine.TimeseriesQuery, yield func(row *engine.TimeseriesRow) bool) (engine.Read, error)
	EachModel(ctx context.Context, q engine.ModelsQuery, yield func(row *engine.ModelRow) bool) (engine.Read, error)
	Gauges(ctx context.Context, q engine.GaugesQuery) (engine.GaugesResult, error)
}

var _ ReportStore = (*engine.DB)(nil)

// measureColumns are those of engine.Measures.
var measureColumns = []column{
	{"prediction_count", kindUInt64},
	{"actual_count", kindUInt64},
	{"actual_coverage", kindNullableFloat64},
	{"actual_lag_p50", kindNullableFloat64},
	{"actual_lag_p95", kindNullableFloat64},
	{"rmse", kindNullableFloat64},
	{"mae", kindNullableFloat64},
	{"mse", kindNullableFloat64},
	{"bias", kindNullableFloat64},
	{"mape", kindNullableFloat64},
	{"mape_excluded", kindUInt64},
	{"wmape", kindNullableFloat64},
	{"smape", kindNullableFloat64},
	{"r2", kindNullableFloat64},
	{"max_error", kindNullableFloat64},
	{"abs_error_p50", kindNullableFloat64},
	{"abs_error_p90", kindNullableFloat64},
	{"abs_error_p95", kindNullableFloat64},
	{"abs_error_p99", kindNullableFloat64},
	{"mae_standard_error", kindNullableFloat64},
	{"rmse_standard_error", kindNullableFloat64},
	{"status", kindReportStatus},
	{"reason", kindNullableString},
}

var reportParameters = slices.Concat(metricsParameters, []Parameter{
	{"min_actuals", "Int32", "30", "with fewer actuals the status is insufficient_data"},
	{"min_coverage", "Float64", "0", "with a lower share of actuals the status is insufficient_data"},
})

var reportPipe = pipe{
	name:        "model_performance_report",
	description: "The full regression set of a model in a window of time, and how much it rests on",
	parameters:  reportParameters,
	columns:     slices.Concat(seriesColumns, measureColumns),
	reports:     true,
	run:         runReport,
}

// Timezones returns what the parameter timezone may be.
func Timezones() []string { return zones.Names() }

// allIntervals is the list for texts.
var allIntervals = strings.Join(engine.IntervalNames(), ", ")

var timeseriesPipe = pipe{
	name:        "model_performance_timeseries",
	description: "The full regression set of a model for each bucket of a window of time, the empty ones too",
	parameters: slices.Concat(reportParameters, []Parameter{
		{"interval", "String", "1h", "the length of a bucket: " + allIntervals},
		{"timezone", "String", "UTC", "where days begin: a name such as Europe/Berlin"},
	}),
	columns:  slices.Concat(seriesColumns, []column{{"bucket_start", kindDateTime}, {"bucket_end", kindDateTime}}, measureColumns),
	reports:  true,
	overTime: true,
	run:      runTimeseries,
}

// value is the cell of a number or NULL.
func value(v engine.Value) cell { return number(v.Float64()) }

// addMeasures adds the rest of a row.
func (t *table) addMeasures(m *engine.Measures) {
	t.add(whole(m.PredictionCount), whole(m.ActualCount), value(m.ActualCoverage), value(m.ActualLagP50), value(m.ActualLagP95),
		value(m.RMSE), value(m.MAE), value(m.MSE), value(m.Bias), value(m.MAPE), whole(m.MAPEExcluded), value(m.WMAPE), value(m.SMAPE),
		value(m.R2), value(m.MaxError), value(m.AbsErrorP50), value(m.AbsErrorP90), value(m.AbsErrorP95), value(m.AbsErrorP99),
		value(m.MAEStandardError), value(m.RMSEStandardError), text(m.Status.String()), text(m.Reason))
}

// reportQuery reads reportParameters. nothing is as in call.series.
func (c *call) reportQuery() (q engine.ReportQuery, nothing bool, err error) {
	m, nothing, err := c.metricsQuery()
	if err != nil {
		return q, false, err
	}
	q = engine.ReportQuery{
		Model: m.Model, Version: m.Version, Environment: m.Environment, Across: m.Across,
		Window: m.Window, From: m.From, To: m.To, AsOf: m.AsOf,
	}
	if q.Floor.Actuals, err = c.params.atLeastOne("min_actuals"); err != nil {
		return q, false, err
	}
	q.Floor.Coverage, err = c.params.float64("min_coverage", 0, 1)
	return q, nothing, err
}

func runReport(ctx context.Context, c *call, _ *pipe) error {
	q, nothing, err := c.reportQuery()
	if err != nil || nothing {
		return err
	}
	store := c.store.(ReportStore)
	return pull(ctx, c, wide(q.Model), func(ctx context.Context, yield func(*engine.ReportRow) bool) (engine.Read, error) {
		return store.EachReport(ctx, q, yield)
	}, addReport)
}

func addReport(t *table, r *engine.ReportRow) {
	t.add(text(r.Model), text(r.Version), text(r.Environment))
	t.addMeasures(&r.Measures)
}

func runTimeseries(ctx context.Context, c *call, _ *pipe) error {
	report, nothing, err := c.reportQuery()
	if err != nil {
		return err
	}
	q := engine.TimeseriesQuery{ReportQuery: report}
	interval, err := c.params.string("interval")
	if err != nil {
		return err
	}
	if q.Interval, err = engine.ParseInterval(interval); err != nil {
		return badParameter("Error validating %s to type String: the parameter interval must be one of %s", shown(interval), allIntervals)
	}
	zone, err := c.params.string("timezone")
	if err != nil {
		return err
	}
	if q.Zone, err = zones.Load(zone); err != nil {
		return badParameter("Error validating %s to type String: the parameter timezone must be a name of the tz database, such as Europe/Berlin", shown(zone))
	}
	if nothing {
		return nil
	}
	store := c.store.(ReportStore)
	return pull(ctx, c, wide(q.Model), func(ctx context.Context, yield func(*engine.TimeseriesRow) bool) (engine.Read, error) {
		return store.EachBucket(ctx, q, yield)
	}, addBucket)
}

func addBucket(t *table, r *engine.TimeseriesRow) {
	t.add(text(r.Model), text(r.Version), text(r.Environment), moment(r.Start), moment(r.End))
	t.addMeasures(&r.Measures)
}
