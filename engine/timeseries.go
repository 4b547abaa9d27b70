package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/residualdb/residual/event"
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
func (db *DB) Timeseries(ctx context.Context, q TimeseriesQuery) (TimeseriesResult, error) {
	now := db.opts.Now()
	w, err := q.span(now)
	if err != nil {
		return TimeseriesResult{}, err
	}
	if w.to == maxMilli {
		w.to = max(clampMilli(now)+1, w.from)
	}
	floor, err := q.Floor.withDefaults()
	if err != nil {
		return TimeseriesResult{}, err
	}
	buckets, err := q.Interval.buckets(w, orDefault(q.Zone, time.UTC))
	if err != nil {
		return TimeseriesResult{}, err
	}
	ws := make([]window, len(buckets))
	for i, b := range buckets {
		ws[i].span = span{b.from, min(b.to, w.to)}
	}
	sc := q.scan(w)
	if len(ws) > 0 {
		sc.ask(window{span: span{ws[0].from, w.to}, counted: true})
	}
	var result TimeseriesResult
	result.Read, err = db.eachApart(ctx, &sc, ws, func(of *subject, i int, a *answer) error {
		if i == 0 {
			if len(result.Rows)+len(ws) > TimeseriesRowsMax {
				return queryError("the answer has more than %d rows; ask for fewer models or buckets", TimeseriesRowsMax)
			}
			result.Rows = slices.Grow(result.Rows, len(ws))
		}
		result.Rows = append(result.Rows, TimeseriesRow{
			of.Series, time.UnixMilli(buckets[i].from).UTC(), time.UnixMilli(buckets[i].to).UTC(), measuresOf(a, floor),
		})
		return nil
	})
	if err != nil {
		return TimeseriesResult{}, err
	}
	if len(result.Rows) == len(ws) { // one series, in order
		return result, nil
	}
	slices.SortFunc(result.Rows, func(a, b TimeseriesRow) int {
		return cmp.Or(compareSeries(&a.Series, &b.Series), a.Start.Compare(b.Start))
	})
	return result, nil
}
