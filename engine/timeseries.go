package engine

import (
	"context"
	"slices"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/windows"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// Interval is the length of a bucket of a series over time.
type Interval = windows.Interval

// The intervals. IntervalHour is the default.
const (
	IntervalHour      = windows.IntervalHour
	IntervalMinute    = windows.IntervalMinute
	Interval5Minutes  = windows.Interval5Minutes
	Interval15Minutes = windows.Interval15Minutes
	Interval30Minutes = windows.Interval30Minutes
	Interval6Hours    = windows.Interval6Hours
	IntervalDay       = windows.IntervalDay
	IntervalWeek      = windows.IntervalWeek
	IntervalMonth     = windows.IntervalMonth
	IntervalQuarter   = windows.IntervalQuarter
	IntervalYear      = windows.IntervalYear
)

// IntervalNames returns the names of the intervals, the shortest first.
func IntervalNames() []string { return windows.IntervalNames() }

// ParseInterval reads one of [IntervalNames].
func ParseInterval(name string) (Interval, error) { return windows.ParseInterval(name) }

// BucketsMax bounds the buckets of one series, and TimeseriesRowsMax the rows of an answer.
const (
	BucketsMax        = windows.BucketsMax
	TimeseriesRowsMax = 200_000
)

// TimeseriesQuery asks for the regression set of each bucket of a window. The zero value of each field is its default.
type TimeseriesQuery struct {
	// ReportQuery has the series and the window. The window begins with the whole bucket that its start lies in. Without
	// To and AsOf it ends now.
	ReportQuery
	// Interval is the length of a bucket. Default: an hour.
	Interval Interval
	// Zone is where days and weeks begin. Default: UTC.
	Zone *time.Location
	// ErrorsAlone asks for counts, MAE, MSE, RMSE, bias, the standard error of MAE, and the status, which are quicker to be had:
	// the rest of the Measures is then meaningless.
	ErrorsAlone bool
}

// TimeseriesRow is the answer for one series, or total, and bucket.
type TimeseriesRow struct {
	event.Series
	// Start and End are the half-open bucket. Rows at or after the window's end do not count in it.
	Start, End time.Time
	Measures
}

// TimeseriesResult holds, for each series whose first prediction is before the window's end, a row for every bucket, also the
// empty ones, ordered by model, version, environment, time.
type TimeseriesResult struct {
	Rows []TimeseriesRow
	Read Read
}

// Timeseries answers q like [DB.Report], bucket by bucket. It is an ErrQuery to ask for more than BucketsMax buckets or
// TimeseriesRowsMax rows.
func (db *DB) Timeseries(ctx context.Context, q TimeseriesQuery) (result TimeseriesResult, err error) {
	result.Read, err = db.EachBucket(ctx, q, func(row *TimeseriesRow) bool {
		result.Rows = append(result.Rows, *row)
		return true
	})
	if err != nil {
		return TimeseriesResult{}, err
	}
	return result, nil
}

// bucketsAtOnce is how many buckets of a subject are added up under one lock of its model.
const bucketsAtOnce = 256

// EachBucket hands on the rows of [DB.Timeseries] one by one, until yield returns false. A row is valid during the call.
func (db *DB) EachBucket(ctx context.Context, q TimeseriesQuery, yield func(row *TimeseriesRow) bool) (Read, error) {
	now := db.opts.Now()
	w, err := q.span(now)
	if err != nil {
		return Read{}, err
	}
	if w.To == base.MaxMilli {
		w.To = max(base.ClampMilli(now)+1, w.From)
	}
	floor, err := q.Floor.withDefaults()
	if err != nil {
		return Read{}, err
	}
	buckets, err := windows.Buckets(q.Interval, w, base.OrDefault(q.Zone, time.UTC))
	if err != nil || len(buckets) == 0 {
		return Read{}, err
	}
	p := q.plan(w)
	if q.ErrorsAlone {
		p.Want = segment.WantErrors
	}
	p.Ask(query.Window{Span: base.Span{From: buckets[0].From, To: w.To}, Counted: true})
	of, read, err := db.queries.Find(ctx, &p)
	if err != nil {
		return read, err
	}
	if of.Len() > TimeseriesRowsMax/len(buckets) {
		return read, tooManyRows(&of, len(buckets))
	}
	made := make([]TimeseriesRow, 0, min(len(buckets), bucketsAtOnce))
	for i := range of.Len() {
		t := of.At(i)
		for some := range slices.Chunk(buckets, bucketsAtOnce) {
			run, err := db.queries.Start(ctx, &p)
			if err != nil {
				return read, err
			}
			made = made[:0]
			run.Expect(&of, i, buckets)
			run.Buckets(t, some, func(b base.Span, a *base.Answer) {
				made = append(made, TimeseriesRow{t.Series, time.UnixMilli(b.From).UTC(), time.UnixMilli(b.To).UTC(), measuresOf(a, floor)})
			})
			r, err := run.End()
			read.Add(r)
			if err != nil {
				return read, err
			}
			for i := range made {
				if !yield(&made[i]) {
					return read, nil
				}
			}
		}
	}
	return read, nil
}

// tooManyRows refuses an answer, and names the model that has the most series, so that who asks about many can ask about the others.
func tooManyRows(of *query.Subjects, buckets int) error {
	counts := map[string]int{}
	most := ""
	for i := range of.Len() {
		model := of.At(i).Model
		if counts[model]++; counts[model] > counts[most] {
			most = model
		}
	}
	return queryError("the answer has %d series of %d buckets, which are more than %d rows; %d of the series are of the model %q; ask for fewer models or buckets",
		of.Len(), buckets, TimeseriesRowsMax, counts[most], most)
}
