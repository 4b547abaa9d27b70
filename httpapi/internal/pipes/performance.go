package pipes

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
)

// PerformanceName is the name of the pipe that the gauges of models are about.
const PerformanceName = "model_performance_metrics"

var performancePipe = Pipe{
	Name:        PerformanceName,
	Description: "RMSE, MAE and number of predictions of a model in a window of time",
	Parameters:  metricsParameters,
	Columns: slices.Concat(SeriesColumns, []encode.Column{
		{Name: "prediction_count", Kind: encode.UInt64},
		{Name: "rmse", Kind: encode.Float64},
		{Name: "mae", Kind: encode.Float64},
		{Name: "period_start", Kind: encode.DateTime},
		{Name: "period_end", Kind: encode.DateTime},
	}),
	Run: runPerformance,
}

func runPerformance(ctx context.Context, ask *Question) error {
	q, nothing, err := ask.metricsQuery()
	if err != nil || nothing {
		return err
	}
	if names(q.Model) || names(q.Version) || names(q.Environment) {
		ask.holds = pullBytes
		return pull(ctx, ask, ask.Store.EachMetrics, q, addPerformance)
	}
	result, err := ask.Store.Metrics(ctx, q)
	if err != nil {
		return err
	}
	addRows(ask, result.Rows, result.Read, addPerformance)
	return nil
}

func addPerformance(t *encode.Table, r *engine.MetricsRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	t.Add(encode.Whole(r.PredictionCount), encode.Number(r.RMSE), encode.Number(r.MAE), encode.Moment(r.PeriodStart), encode.Moment(r.PeriodEnd))
}

// measureColumns are those of engine.Measures.
var measureColumns = []encode.Column{
	{Name: "prediction_count", Kind: encode.UInt64},
	{Name: "actual_count", Kind: encode.UInt64},
	{Name: "actual_coverage", Kind: encode.NullableFloat64},
	{Name: "actual_lag_p50", Kind: encode.NullableFloat64},
	{Name: "actual_lag_p95", Kind: encode.NullableFloat64},
	{Name: "rmse", Kind: encode.NullableFloat64},
	{Name: "mae", Kind: encode.NullableFloat64},
	{Name: "mse", Kind: encode.NullableFloat64},
	{Name: "bias", Kind: encode.NullableFloat64},
	{Name: "mape", Kind: encode.NullableFloat64},
	{Name: "mape_excluded", Kind: encode.UInt64},
	{Name: "wmape", Kind: encode.NullableFloat64},
	{Name: "smape", Kind: encode.NullableFloat64},
	{Name: "r2", Kind: encode.NullableFloat64},
	{Name: "max_error", Kind: encode.NullableFloat64},
	{Name: "abs_error_p50", Kind: encode.NullableFloat64},
	{Name: "abs_error_p90", Kind: encode.NullableFloat64},
	{Name: "abs_error_p95", Kind: encode.NullableFloat64},
	{Name: "abs_error_p99", Kind: encode.NullableFloat64},
	{Name: "mae_standard_error", Kind: encode.NullableFloat64},
	{Name: "rmse_standard_error", Kind: encode.NullableFloat64},
	{Name: "status", Kind: encode.Status, States: engine.ReportStatuses()},
	{Name: "reason", Kind: encode.NullableString},
}

var reportParameters = slices.Concat(metricsParameters, []params.Parameter{
	{Name: "min_actuals", Kind: "Int32", Default: "30", Description: "with fewer actuals the status is insufficient_data"},
	{Name: "min_coverage", Kind: "Float64", Default: "0", Description: "with a lower share of actuals the status is insufficient_data"},
})

var reportPipe = Pipe{
	Name:        "model_performance_report",
	Description: "The full regression set of a model in a window of time, and how much it rests on",
	Parameters:  reportParameters,
	Columns:     slices.Concat(SeriesColumns, measureColumns),
	needs:       answers[ReportStore],
	Run:         runReport,
}

// value is the cell of a number or NULL.
func value(v engine.Value) encode.Cell { return encode.Number(v.Float64()) }

// addMeasures adds the rest of a row.
func addMeasures(t *encode.Table, m *engine.Measures) {
	t.Add(encode.Whole(m.PredictionCount), encode.Whole(m.ActualCount), value(m.ActualCoverage), value(m.ActualLagP50), value(m.ActualLagP95),
		value(m.RMSE), value(m.MAE), value(m.MSE), value(m.Bias), value(m.MAPE), encode.Whole(m.MAPEExcluded), value(m.WMAPE), value(m.SMAPE),
		value(m.R2), value(m.MaxError), value(m.AbsErrorP50), value(m.AbsErrorP90), value(m.AbsErrorP95), value(m.AbsErrorP99),
		value(m.MAEStandardError), value(m.RMSEStandardError), encode.Text(m.Status.String()), encode.Text(m.Reason))
}

// reportQuery reads reportParameters. nothing is as in series.
func (ask *Question) reportQuery() (q engine.ReportQuery, nothing bool, err error) {
	m, nothing, err := ask.metricsQuery()
	if err != nil {
		return q, false, err
	}
	q = engine.ReportQuery{
		Model: m.Model, Version: m.Version, Environment: m.Environment, Literal: m.Literal, Across: m.Across, Within: m.Within,
		Window: m.Window, From: m.From, To: m.To, AsOf: m.AsOf,
	}
	if q.Floor.Actuals, err = ask.Params.AtLeastOne("min_actuals"); err != nil {
		return q, false, err
	}
	q.Floor.Coverage, err = ask.Params.Float64("min_coverage", 0, 1)
	return q, nothing, err
}

func runReport(ctx context.Context, ask *Question) error {
	q, nothing, err := ask.reportQuery()
	if err != nil || nothing {
		return err
	}
	return pull(ctx, ask, ask.Store.(ReportStore).EachReport, q, addReport)
}

func addReport(t *encode.Table, r *engine.ReportRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	addMeasures(t, &r.Measures)
}
