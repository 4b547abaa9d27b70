package httpapi

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
)

var driftPipe = pipe{
	name:        "model_drift_detection",
	description: "How the error of the last hours compares with that of the time before",
	parameters: slices.Concat(seriesParameters("default_model", "*", "production"), []Parameter{
		{"recent_window_hours", "Int32", "6", "how many hours count as recent"},
		{"historical_window_hours", "Int32", "168", "how many hours back the history reaches"},
		asOfParameter,
	}),
	columns: slices.Concat(seriesColumns, []column{
		{"recent_mae", kindFloat64},
		{"historical_mae", kindFloat64},
		{"drift_percentage", kindFloat64},
		{"recent_count", kindUInt64},
		{"historical_count", kindUInt64},
		{"analysis_timestamp", kindDateTime},
	}),
	run: runDrift,
}

func runDrift(ctx context.Context, c *call, _ *pipe) error {
	q, nothing, err := c.driftQuery()
	if err != nil || nothing {
		return err
	}
	result, err := c.store.Drift(ctx, q)
	if err != nil {
		return err
	}
	addRows(&c.table, result.Rows, addDrift)
	c.table.read(result.Read)
	return nil
}

func addDrift(t *table, r *engine.DriftRow) {
	t.add(text(r.Model), text(r.Version), text(r.Environment),
		number(r.RecentMAE), number(r.HistoricalMAE), number(r.DriftPercentage),
		whole(r.RecentCount), whole(r.HistoricalCount), moment(r.AnalysisTimestamp))
}
