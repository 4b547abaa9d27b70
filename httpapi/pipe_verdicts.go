package httpapi

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

var verdictsPipe = pipe{
	name:        "model_verdicts",
	description: "The state of a model at the end of each bucket of a window of time",
	parameters: slices.Concat(seriesParameters("default_model", "*", "production"), comparisonParameters, []Parameter{
		{"time_window", "Int32", "168", "how many hours the window reaches back"},
		{"interval", "String", "1h", "the length of a bucket: " + allIntervals},
	}),
	columns: slices.Concat(seriesColumns, []encode.Column{
		{Name: "bucket_start", Kind: encode.DateTime},
		{Name: "bucket_end", Kind: encode.DateTime},
		stateColumn,
		{Name: "recent_count", Kind: encode.UInt64},
		{Name: "recent_actual_count", Kind: encode.UInt64},
		{Name: "recent_mae", Kind: encode.NullableFloat64},
		{Name: "reference_mae", Kind: encode.NullableFloat64},
		{Name: "relative_change", Kind: encode.NullableFloat64},
		{Name: "z", Kind: encode.NullableFloat64},
	}),
	needs:    answers[ReportStore],
	overTime: true,
	run:      runVerdicts,
}

func runVerdicts(ctx context.Context, ask *question) error {
	report, nothing, err := ask.driftReportQuery()
	if err != nil {
		return err
	}
	q := engine.VerdictsQuery{ModelsQuery: engine.ModelsQuery(report)}
	if q.Window, err = ask.params.hours("time_window"); err != nil {
		return err
	}
	if q.Interval, err = ask.interval(); err != nil || nothing {
		return err
	}
	return pull(ctx, ask, ask.store.(ReportStore).EachVerdict, q, addVerdict)
}

func addVerdict(t *encode.Table, r *engine.VerdictRow) {
	c := &r.Comparison
	addSeries(t, r.Model, r.Version, r.Environment)
	t.Add(encode.Moment(r.Start), encode.Moment(r.End), encode.Text(r.State.String()), encode.Whole(c.Recent.PredictionCount),
		encode.Whole(c.Recent.ActualCount), value(c.Recent.MAE), value(c.Reference.MAE), value(c.RelativeChange), value(c.Z))
}
