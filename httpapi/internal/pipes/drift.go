package pipes

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
)

var driftPipe = Pipe{
	Name:        "model_drift_detection",
	Description: "How the error of the last hours compares with that of the time before",
	Parameters: slices.Concat(seriesParameters("default_model", "*", "production"), []params.Parameter{
		{Name: "recent_window_hours", Kind: "Int32", Default: "6", Description: "how many hours count as recent"},
		{Name: "historical_window_hours", Kind: "Int32", Default: "168", Description: "how many hours back the history reaches"},
		asOfParameter,
	}),
	Columns: slices.Concat(SeriesColumns, []encode.Column{
		{Name: "recent_mae", Kind: encode.Float64},
		{Name: "historical_mae", Kind: encode.Float64},
		{Name: "drift_percentage", Kind: encode.Float64},
		{Name: "recent_count", Kind: encode.UInt64},
		{Name: "historical_count", Kind: encode.UInt64},
		{Name: "analysis_timestamp", Kind: encode.DateTime},
	}),
	Run: runDrift,
}

func runDrift(ctx context.Context, ask *Question) error {
	q, nothing, err := ask.driftQuery()
	if err != nil || nothing {
		return err
	}
	result, err := ask.Store.Drift(ctx, q)
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
