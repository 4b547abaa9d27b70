package httpapi

import (
	"context"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine"
)

var performancePipe = pipe{
	name:        "model_performance_metrics",
	description: "RMSE, MAE and number of predictions of a model in a window of time",
	parameters:  metricsParameters,
	columns: slices.Concat(seriesColumns, []column{
		{"prediction_count", kindUInt64},
		{"rmse", kindFloat64},
		{"mae", kindFloat64},
		{"period_start", kindDateTime},
		{"period_end", kindDateTime},
	}),
	run: runPerformance,
}

func runPerformance(ctx context.Context, c *call, _ *pipe) error {
	q, nothing, err := c.metricsQuery()
	if err != nil || nothing {
		return err
	}
	if wide(q.Model) || wide(q.Version) || wide(q.Environment) {
		return pullPerformance(ctx, c, q)
	}
	result, err := c.store.Metrics(ctx, q)
	if err != nil {
		return err
	}
	addRows(&c.table, result.Rows, addPerformance)
	c.table.read(result.Read)
	return nil
}

func pullPerformance(ctx context.Context, c *call, q engine.MetricsQuery) error {
	store := c.store
	return pull(ctx, c, true, func(ctx context.Context, yield func(*engine.MetricsRow) bool) (engine.Read, error) {
		return store.EachMetrics(ctx, q, yield)
	}, addPerformance)
}

// wide tells whether a value of a parameter names more than one of what it names.
func wide(names string) bool { return strings.ContainsAny(names, "*,") }

func addPerformance(t *table, r *engine.MetricsRow) {
	t.add(text(r.Model), text(r.Version), text(r.Environment),
		whole(r.PredictionCount), number(r.RMSE), number(r.MAE), moment(r.PeriodStart), moment(r.PeriodEnd))
}
