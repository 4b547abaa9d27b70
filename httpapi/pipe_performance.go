package httpapi

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

var performancePipe = pipe{
	name:        "model_performance_metrics",
	description: "RMSE, MAE and number of predictions of a model in a window of time",
	parameters:  metricsParameters,
	columns: slices.Concat(seriesColumns, []encode.Column{
		{Name: "prediction_count", Kind: encode.UInt64},
		{Name: "rmse", Kind: encode.Float64},
		{Name: "mae", Kind: encode.Float64},
		{Name: "period_start", Kind: encode.DateTime},
		{Name: "period_end", Kind: encode.DateTime},
	}),
	run: runPerformance,
}

func runPerformance(ctx context.Context, ask *question) error {
	q, nothing, err := ask.metricsQuery()
	if err != nil || nothing {
		return err
	}
	if names(q.Model) || names(q.Version) || names(q.Environment) {
		ask.holds = pullBytes
		return pull(ctx, ask, ask.store.EachMetrics, q, addPerformance)
	}
	result, err := ask.store.Metrics(ctx, q)
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
