package httpapi

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

var modelsPipe = pipe{
	name:        "models",
	description: "Every model, version and environment with what it has and whether it drifts, the worst first",
	parameters:  slices.Concat(seriesParameters("*", "*", "*"), comparisonParameters),
	columns: slices.Concat(seriesColumns, []encode.Column{
		{Name: "first_event", Kind: encode.DateTime},
		{Name: "last_event", Kind: encode.DateTime},
		{Name: "prediction_count", Kind: encode.UInt64},
		{Name: "actual_count", Kind: encode.UInt64},
		{Name: "actual_coverage", Kind: encode.NullableFloat64},
	}, comparisonColumns),
	needs: answers[ReportStore],
	run:   runModels,
}

func runModels(ctx context.Context, ask *question) error {
	q, nothing, err := ask.driftReportQuery()
	if err != nil || nothing {
		return err
	}
	return pull(ctx, ask, ask.store.(ReportStore).EachModel, engine.ModelsQuery(q), addModel)
}

func addModel(t *encode.Table, r *engine.ModelRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	t.Add(encode.Moment(r.FirstEvent), encode.Moment(r.LastEvent),
		encode.Whole(r.PredictionCount), encode.Whole(r.ActualCount), value(r.ActualCoverage))
	addComparison(t, &r.DriftReportRow)
}
