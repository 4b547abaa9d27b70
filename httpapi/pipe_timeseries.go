package httpapi

import (
	"context"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/zones"
)

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
	columns:  slices.Concat(seriesColumns, []encode.Column{{Name: "bucket_start", Kind: encode.DateTime}, {Name: "bucket_end", Kind: encode.DateTime}}, measureColumns),
	needs:    answers[ReportStore],
	overTime: true,
	run:      runTimeseries,
}

func runTimeseries(ctx context.Context, ask *question) error {
	report, nothing, err := ask.reportQuery()
	if err != nil {
		return err
	}
	q := engine.TimeseriesQuery{ReportQuery: report}
	interval, err := ask.params.string("interval")
	if err != nil {
		return err
	}
	if q.Interval, err = engine.ParseInterval(interval); err != nil {
		return problem.BadParameter("Error validating %s to type String: the parameter interval must be one of %s", problem.Shown(interval), allIntervals)
	}
	zone, err := ask.params.string("timezone")
	if err != nil {
		return err
	}
	if q.Zone, err = zones.Load(zone); err != nil {
		return problem.BadParameter("Error validating %s to type String: the parameter timezone must be a name of the tz database, such as Europe/Berlin", problem.Shown(zone))
	}
	if nothing {
		return nil
	}
	return pull(ctx, ask, ask.store.(ReportStore).EachBucket, q, addBucket)
}

func addBucket(t *encode.Table, r *engine.TimeseriesRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	t.Add(encode.Moment(r.Start), encode.Moment(r.End))
	addMeasures(t, &r.Measures)
}
