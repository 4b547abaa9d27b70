package pipes

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
)

var verdictsPipe = Pipe{
	Name:        "model_verdicts",
	Description: "The state of a model at the end of each bucket of a window of time",
	Parameters: slices.Concat(seriesParameters("default_model", "*", "production"), comparisonParameters, []params.Parameter{
		{Name: "time_window", Kind: "Int32", Default: "168", Description: "how many hours the window reaches back"},
		{Name: "interval", Kind: "String", Default: "1h", Description: "the length of a bucket: " + allIntervals},
	}),
	Columns: slices.Concat(SeriesColumns, []encode.Column{
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
	Run:      runVerdicts,
}

func runVerdicts(ctx context.Context, ask *Question) error {
	report, nothing, err := ask.driftReportQuery()
	if err != nil {
		return err
	}
	q := engine.VerdictsQuery{ModelsQuery: engine.ModelsQuery(report)}
	if q.Window, err = ask.Params.Hours("time_window"); err != nil {
		return err
	}
	if q.Interval, err = ask.interval(); err != nil || nothing {
		return err
	}
	return pull(ctx, ask, ask.Store.(ReportStore).EachVerdict, q, addVerdict)
}

func addVerdict(t *encode.Table, r *engine.VerdictRow) {
	c := &r.Comparison
	addSeries(t, r.Model, r.Version, r.Environment)
	t.Add(encode.Moment(r.Start), encode.Moment(r.End), encode.Text(r.State.String()), encode.Whole(c.Recent.PredictionCount),
		encode.Whole(c.Recent.ActualCount), value(c.Recent.MAE), value(c.Reference.MAE), value(c.RelativeChange), value(c.Z))
}
