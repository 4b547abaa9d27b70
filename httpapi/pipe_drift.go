package httpapi

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

var driftPipe = pipe{
	name:        "model_drift_detection",
	description: "How the error of the last hours compares with that of the time before",
	parameters: slices.Concat(seriesParameters("default_model", "*", "production"), []Parameter{
		{"recent_window_hours", "Int32", "6", "how many hours count as recent"},
		{"historical_window_hours", "Int32", "168", "how many hours back the history reaches"},
		asOfParameter,
	}),
	columns: slices.Concat(seriesColumns, []encode.Column{
		{Name: "recent_mae", Kind: encode.Float64},
		{Name: "historical_mae", Kind: encode.Float64},
		{Name: "drift_percentage", Kind: encode.Float64},
		{Name: "recent_count", Kind: encode.UInt64},
		{Name: "historical_count", Kind: encode.UInt64},
		{Name: "analysis_timestamp", Kind: encode.DateTime},
	}),
	run: runDrift,
}

func runDrift(ctx context.Context, ask *question) error {
	q, nothing, err := ask.driftQuery()
	if err != nil || nothing {
		return err
	}
	result, err := ask.store.Drift(ctx, q)
	if err != nil {
		return err
	}
	addRows(ask, result.Rows, result.Read, addDrift)
	return nil
}

func addDrift(t *encode.Table, r *engine.DriftRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	t.Add(encode.Number(r.RecentMAE), encode.Number(r.HistoricalMAE), encode.Number(r.DriftPercentage),
		encode.Whole(r.RecentCount), encode.Whole(r.HistoricalCount), encode.Moment(r.AnalysisTimestamp))
}
