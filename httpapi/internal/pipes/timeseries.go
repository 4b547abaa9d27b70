package pipes

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/zones"
)

// Timezones returns what the parameter timezone may be.
func Timezones() []string { return zones.Names() }

// allIntervals is the list for texts.
var allIntervals = strings.Join(engine.IntervalNames(), ", ")

var timeseriesPipe = Pipe{
	Name:        "model_performance_timeseries",
	Description: "The full regression set of a model for each bucket of a window of time, the empty ones too",
	Parameters: slices.Concat(reportParameters, []params.Parameter{
		{Name: "interval", Kind: "String", Default: "1h", Description: "the length of a bucket: " + allIntervals},
		{Name: "timezone", Kind: "String", Default: "UTC", Description: "where days begin: a name such as Europe/Berlin"},
		{Name: "layout", Kind: "String", Default: "rows", Description: "rows, or in JSON series: the starts of all buckets once, and for each series an array of each column"},
	}),
	Columns:  slices.Concat(SeriesColumns, []encode.Column{{Name: "bucket_start", Kind: encode.DateTime}, {Name: "bucket_end", Kind: encode.DateTime}}, measureColumns),
	needs:    answers[ReportStore],
	overTime: true,
	Run:      runTimeseries,
}

// errorColumns are the columns that an engine.TimeseriesQuery with ErrorsAlone has.
var errorColumns = []string{
	"model_id", versionColumn, "environment", "bucket_start", "bucket_end", "prediction_count", "actual_count", "actual_coverage",
	"mae", "mse", "rmse", "bias", "mae_standard_error", "status",
}

var layoutChoices = []named[bool]{{"rows", false}, {"series", true}}

// bySeries lays the answer out in arrays: the columns that name a series come first, whatever is asked for. buckets is how many
// there are of a series, about.
func (ask *Question) bySeries(buckets int) error {
	if !ask.Format.Nested {
		return problem.BadParameter("layout=series is for the formats json and jsoncompact; in %s the parameter layout must be rows", ask.Format.Extension)
	}
	t := ask.Table
	t.BySeries = true
	shown := []int{0, 1, 2, 3}
	for i := range t.Columns {
		if i >= encode.SeriesColumns && t.Shown == nil {
			shown = append(shown, i)
		}
	}
	for _, i := range t.Shown {
		if i >= encode.SeriesColumns {
			shown = append(shown, i)
		}
	}
	t.Shown = shown
	t.Held = int64(buckets) * int64(len(shown)) * cellTextBytes
	return nil
}

// cellTextBytes is what a value takes in an array of JSON, about.
const cellTextBytes = 24

func runTimeseries(ctx context.Context, ask *Question) error {
	report, nothing, err := ask.reportQuery()
	if err != nil {
		return err
	}
	q := engine.TimeseriesQuery{ReportQuery: report}
	if q.Interval, err = ask.interval(); err != nil {
		return err
	}
	if q.Zone, err = ask.zone(); err != nil {
		return err
	}
	layout, err := choice(ask.Params, "layout", layoutChoices)
	if err != nil {
		return err
	}
	q.ErrorsAlone = !ask.shows(errorColumns)
	if layout {
		length := cmp.Or(q.Window, 24*time.Hour)
		if !q.From.IsZero() {
			length = cmp.Or(max(q.To.Sub(q.From), 0), math.MaxInt64)
		}
		if err := ask.bySeries(int(min(length/q.Interval.Length(), engine.BucketsMax-2)) + 2); err != nil {
			return err
		}
	}
	if nothing {
		return nil
	}
	return pull(ctx, ask, ask.Store.(ReportStore).EachBucket, q, addBucket)
}

// interval reads the length of a bucket.
func (ask *Question) interval() (engine.Interval, error) {
	given, err := ask.Params.String("interval")
	if err != nil {
		return 0, err
	}
	interval, err := engine.ParseInterval(given)
	if err != nil {
		err = problem.BadParameter("Error validating %s to type String: the parameter interval must be one of %s", problem.Shown(given), allIntervals)
	}
	return interval, err
}

// zone reads where days begin, and what the same hours of another week are.
func (ask *Question) zone() (*time.Location, error) {
	given, err := ask.Params.String("timezone")
	if err != nil {
		return nil, err
	}
	zone, err := zones.Load(given)
	if err != nil {
		err = problem.BadParameter("Error validating %s to type String: the parameter timezone must be a name of the tz database, such as Europe/Berlin", problem.Shown(given))
	}
	return zone, err
}

func addBucket(t *encode.Table, r *engine.TimeseriesRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	t.Add(encode.Moment(r.Start), encode.Moment(r.End))
	addMeasures(t, &r.Measures)
}
