package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/zones"
)

func bucketTests() []test {
	return []test{
		{"buckets: of an hour", hourlyBuckets},
		{"buckets: days of a zone", daysOfAZone},
		{"buckets: measures", bucketMeasures},
		{"buckets: bounds", bucketBounds},
	}
}

func (w *world) buckets(q engine.TimeseriesQuery) []engine.TimeseriesRow {
	w.Helper()
	var rows []engine.TimeseriesRow
	_, err := w.store.EachBucket(w.Context(), q, func(r *engine.TimeseriesRow) bool {
		rows = append(rows, *r)
		return true
	})
	require.NoError(w, err)
	return rows
}

// bucketTexts are "series start predictions/actuals mae".
func (w *world) bucketTexts(q engine.TimeseriesQuery) []string {
	w.Helper()
	var texts []string
	for _, r := range w.buckets(q) {
		texts = append(texts, fmt.Sprintf("%s %s %d/%d %s", seriesText(r.Model, r.Version, r.Environment), clock(r.Start), r.PredictionCount, r.ActualCount, value(r.MAE)))
	}
	return texts
}

func timeseries(from, to time.Time) engine.TimeseriesQuery {
	var q engine.TimeseriesQuery
	q.Model, q.Version, q.Environment, q.From, q.To = "m", "*", "*", from, to
	return q
}

func hourlyBuckets(w *world) {
	w.send("m/v1/production a 08:00 11 10", "m/v1/production b 08:59:59.999 13 10", "m/v1/production c 10:30 12 ?", "m/v1/production d 11:00 15 10", "m/v2/staging e 09:00 16 10")
	none := engine.NoActuals.String()
	require.Equal(w, []string{
		"m/v1/production 08:00:00 2/2 2", "m/v1/production 09:00:00 0/0 " + none, "m/v1/production 10:00:00 1/0 " + none,
		"m/v2/staging 08:00:00 0/0 " + none, "m/v2/staging 09:00:00 1/1 6", "m/v2/staging 10:00:00 0/0 " + none,
	}, w.bucketTexts(timeseries(at("08:30"), at("10:45"))), "the first bucket is whole, the last one ends with the window")
	q := timeseries(at("10:00"), time.Time{})
	q.Across = engine.VersionColumn | engine.EnvironmentColumn
	require.Equal(w, []string{"m/*/* 10:00:00 1/0 " + none, "m/*/* 11:00:00 1/1 5", "m/*/* 12:00:00 0/0 " + none}, w.bucketTexts(q), "up to now")
	q = timeseries(at("08:00"), at("09:00"))
	q.Interval, q.Version = engine.Interval30Minutes, "v1"
	require.Equal(w, []string{"m/v1/production 08:00:00 1/1 1", "m/v1/production 08:30:00 1/1 3"}, w.bucketTexts(q))
}

// daysOfAZone has rows around a change of the clock in Berlin, on 2025-10-26 at 01:00 UTC.
func daysOfAZone(w *world) {
	berlin, err := zones.Load("Europe/Berlin")
	require.NoError(w, err)
	var rows []event.Event
	for i := range 4 * 24 {
		e := rowOf(fmt.Sprintf("m/v1/production %d 00:00 11 10", i))
		e.Timestamp = time.Date(2025, 10, 24, i, 30, 0, 0, time.UTC)
		rows = append(rows, e)
	}
	w.sendEvents(rows...)
	f := func(interval engine.Interval, want ...string) {
		w.Helper()
		q := timeseries(time.Date(2025, 10, 24, 22, 0, 0, 0, time.UTC), time.Date(2025, 10, 27, 23, 0, 0, 0, time.UTC))
		q.Interval, q.Zone = interval, berlin
		var got []string
		for _, r := range w.buckets(q) {
			got = append(got, fmt.Sprintf("%s %d", r.Start.UTC().Format("02 15:04"), r.ActualCount))
		}
		require.Equal(w, want, got)
	}
	f(engine.IntervalDay, "24 22:00 24", "25 22:00 25", "26 23:00 24")
	f(engine.IntervalWeek, "19 22:00 71", "26 23:00 24")
	f(engine.IntervalMonth, "30 22:00 95")
}

func bucketMeasures(w *world) {
	predicted, actual := values(121)
	var sent []event.Event
	for i := range predicted {
		e := rowOf(fmt.Sprintf("m/v%d/production %d 08:00 1 1", i%2, i))
		e.Timestamp, e.PredictedValue, e.ActualValue = e.Timestamp.Add(time.Duration(i)*time.Minute), predicted[i], actual[i]
		sent = append(sent, e)
	}
	w.sendEvents(sent...)
	q := timeseries(at("08:00"), at("10:00"))
	q.Across = engine.VersionColumn
	rows := w.buckets(q)
	require.Len(w, rows, 2)
	requireMeasures(w, predicted[:60], actual[:60], &rows[0].Measures)
	requireMeasures(w, predicted[60:120], actual[60:120], &rows[1].Measures)
	q.ErrorsAlone = true
	for i, r := range w.buckets(q) {
		require.Equal(w, value(rows[i].MAE), value(r.MAE))
		require.Equal(w, value(rows[i].RMSE), value(r.RMSE))
		require.Equal(w, value(rows[i].Bias), value(r.Bias))
		require.Equal(w, value(rows[i].MAEStandardError), value(r.MAEStandardError))
		require.Equal(w, rows[i].Status, r.Status)
	}
}

func bucketBounds(w *world) {
	w.send("m/v1/production a -30d/08:00 11 10")
	q := timeseries(time.Time{}, time.Time{})
	q.Interval, q.Window = engine.IntervalMinute, (engine.BucketsMax-1)*time.Minute
	require.Len(w, w.buckets(q), engine.BucketsMax)
	q.Window += 2 * time.Minute
	_, err := w.store.EachBucket(w.Context(), q, func(*engine.TimeseriesRow) bool { return true })
	require.ErrorIs(w, err, engine.ErrQuery)
}
