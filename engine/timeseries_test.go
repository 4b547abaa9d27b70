package engine_test

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/zones"
)

// checkTimeseries holds every bucket to the report of its window, which the oracle holds.
func checkTimeseries(t *testing.T, db *engine.DB, o *oracle, q engine.TimeseriesQuery) engine.TimeseriesResult {
	t.Helper()
	got, err := db.Timeseries(context.Background(), q)
	require.NoError(t, err)
	from := q.From
	if len(got.Rows) > 0 {
		from = got.Rows[0].Start
	}
	named := o.named(oracleNames{q.Within, q.Model, cmp.Or(q.Version, "latest"), cmp.Or(q.Environment, "production"), from, q.To})
	subjects := o.tallies(q.Across, func(r *oracleRow) bool { return named(r) && within(time.Time{}, q.To)(r) })
	rows := make(map[event.Series]int)
	for _, row := range got.Rows {
		require.Contains(t, subjects, row.Series)
		rows[row.Series]++
	}
	if q.From.Before(q.To) {
		require.Len(t, rows, len(subjects), "%+v", q)
	}
	for i, row := range got.Rows {
		if i > 0 && got.Rows[i-1].Series == row.Series {
			require.Equal(t, got.Rows[i-1].End, row.Start)
		}
		end := row.End
		if !q.To.IsZero() && q.To.Before(end) {
			end = q.To
		}
		found := o.tallies(q.Across, func(r *oracleRow) bool {
			return named(r) && row.Series == across(q.Across, seriesOf(r)) && within(row.Start, end)(r)
		})
		y := found[row.Series]
		if y == nil {
			y = newTally()
		}
		checkMeasures(t, y, &row.Measures)
	}
	return got
}

func TestBuckets(t *testing.T) {
	berlin, err := zones.Load("Europe/Berlin")
	require.NoError(t, err)
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	stage(t, db, "v1", 90*24*time.Hour, 1, unknown)
	starts := func(interval engine.Interval, zone *time.Location, from, to string) []string {
		q := engine.TimeseriesQuery{Interval: interval, Zone: zone}
		q.Model = "m"
		q.From, err = time.Parse("2006-01-02 15:04", from)
		require.NoError(t, err)
		q.To, err = time.Parse("2006-01-02 15:04", to)
		require.NoError(t, err)
		got, err := db.Timeseries(context.Background(), q)
		require.NoError(t, err)
		var list []string
		for i, row := range got.Rows {
			list = append(list, row.Start.Format("02 15:04"))
			require.True(t, i == 0 || got.Rows[i-1].End.Equal(row.Start))
			require.Equal(t, engine.ReportNoData, row.Status)
		}
		return list
	}
	require.Equal(t, []string{"24 00:00", "24 01:00"}, starts(engine.IntervalHour, nil, "2026-10-24 00:59", "2026-10-24 02:00"))
	require.Equal(t, []string{"24 00:45", "24 01:00"}, starts(engine.Interval15Minutes, nil, "2026-10-24 00:59", "2026-10-24 01:01"))
	// The clock goes back on the 25th at 01:00 UTC: the day is 25 hours long, and its part after midnight 7.
	require.Equal(t, []string{"23 22:00", "24 22:00", "25 23:00"}, starts(engine.IntervalDay, berlin, "2026-10-24 00:00", "2026-10-26 00:00"))
	require.Equal(t, []string{"24 22:00", "25 05:00", "25 11:00"}, starts(engine.Interval6Hours, berlin, "2026-10-24 23:00", "2026-10-25 12:00"))
	require.Len(t, starts(engine.IntervalHour, berlin, "2026-10-24 22:00", "2026-10-25 23:00"), 25)
	require.Equal(t, []string{"18 22:00", "25 23:00"}, starts(engine.IntervalWeek, berlin, "2026-10-25 12:00", "2026-10-26 12:00"))
	require.Empty(t, starts(engine.IntervalWeek, nil, "2026-10-25 12:00", "2026-10-25 12:00"))
	require.Equal(t, []string{"24 00:30", "24 01:00"}, starts(engine.Interval30Minutes, nil, "2026-10-24 00:59", "2026-10-24 01:01"))
	require.Equal(t, []string{"30 22:00", "31 23:00"}, starts(engine.IntervalMonth, berlin, "2026-10-01 00:00", "2026-11-01 00:00"))
	require.Equal(t, []string{"30 22:00", "31 23:00"}, starts(engine.IntervalMonth, berlin, "2026-10-31 22:59", "2026-10-31 23:01"))
	require.Equal(t, []string{"30 22:00"}, starts(engine.IntervalQuarter, berlin, "2026-12-01 00:00", "2026-12-31 23:00"))
	require.Equal(t, []string{"31 23:00"}, starts(engine.IntervalYear, berlin, "2026-01-01 00:00", "2026-12-31 23:00"))

	q := engine.TimeseriesQuery{Interval: engine.IntervalMinute}
	q.Model, q.Window = "m", (engine.BucketsMax-1)*time.Minute
	_, err = db.Timeseries(context.Background(), q)
	require.NoError(t, err)
	q.Window += 2 * time.Minute
	_, err = db.Timeseries(context.Background(), q)
	require.ErrorIs(t, err, engine.ErrQuery)
	q.From = time.Unix(0, 0)
	_, err = db.Timeseries(context.Background(), q)
	require.ErrorIs(t, err, engine.ErrQuery)
}

func TestIntervalNames(t *testing.T) {
	names := []string{"1m", "5m", "15m", "30m", "1h", "6h", "1d", "1w", "1mo", "1q", "1y"}
	require.Equal(t, names, engine.IntervalNames())
	for _, name := range names {
		interval, err := engine.ParseInterval(name)
		require.NoError(t, err)
		require.Equal(t, name, interval.String())
	}
	_, err := engine.ParseInterval("2h")
	require.ErrorIs(t, err, engine.ErrQuery)
}

// TestBucketsHoldEveryRow has rows around each change of the clock of the odd zones: every one is in one bucket, and in that of the day
// that its clock shows unless it shows the time for the second time.
func TestBucketsHoldEveryRow(t *testing.T) {
	for _, name := range oddZones {
		zone, err := zones.Load(name)
		require.NoError(t, err)
		db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
		var batch event.Batch
		rows := 0
		for day := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2013; day = day.AddDate(0, 0, 1) {
			for _, minutes := range []int{0, 1, 59, 60, 61, 119, 120, 179, 180, 210, 239, 240, 299, 300, 600, 601, 1439} {
				at := day.Add(time.Duration(minutes) * time.Minute)
				require.NoError(t, batch.Add(event.Event{
					Timestamp: at, ModelID: "m", PredictionID: at.String(), ModelVersion: "v", Environment: "production",
					Features: "{}", PredictedValue: 1, ActualValue: 1, HasActual: true,
				}, db.Rules()))
				rows++
			}
		}
		_, err = db.Append(context.Background(), &batch)
		require.NoError(t, err)
		for _, iv := range []engine.Interval{engine.Interval6Hours, engine.IntervalDay, engine.IntervalWeek, engine.IntervalMonth, engine.IntervalYear} {
			q := engine.TimeseriesQuery{Interval: iv, Zone: zone}
			q.Model, q.From, q.To = "m", time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2013, 1, 1, 0, 0, 0, 0, time.UTC)
			got, err := db.Timeseries(context.Background(), q)
			require.NoError(t, err)
			total := 0
			for _, row := range got.Rows {
				total += int(row.PredictionCount)
			}
			require.Equal(t, rows, total, "%s %s", name, iv)
		}
	}
}

// TestModelsRank has one series of each status, and holds order and counts.
func TestModelsRank(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	for _, version := range []string{"ok", "drift", "small", "large"} {
		stage(t, db, version, 20*time.Hour, 100, around(1, 0.5))
	}
	stage(t, db, "ok", 2*time.Hour, 100, around(1, 0.5))
	stage(t, db, "drift", 2*time.Hour, 100, around(1.3, 0.5))
	stage(t, db, "large", 2*time.Hour, 100, around(3, 0.5))
	stage(t, db, "small", 2*time.Hour, 10, unknown)
	stage(t, db, "idle", 3000*time.Hour, 10, around(1, 0))
	got, err := db.Models(context.Background(), engine.ModelsQuery{})
	require.NoError(t, err)
	var order []string
	for _, row := range got.Rows {
		order = append(order, row.Version+" "+row.Status.String())
	}
	require.Equal(t, []string{"large drift", "drift drift", "ok ok", "small insufficient_data", "idle no_reference"}, order)
	i := slices.IndexFunc(got.Rows, func(r engine.ModelRow) bool { return r.Version == "small" })
	small := got.Rows[i]
	require.Equal(t, []uint64{110, 100}, []uint64{small.PredictionCount, small.ActualCount})
	require.Equal(t, 100.0/110, small.ActualCoverage.Number)
	require.Equal(t, testNow.Add(-20*time.Hour), small.FirstEvent)
	require.Equal(t, testNow.Add(-2*time.Hour+9*time.Second), small.LastEvent)
	require.Equal(t, 1.0, small.Reference.MAE.Number)
}

// TestTooManyRows asks for more rows than an answer has: the error names the model to leave out, and what is left is answered.
func TestTooManyRows(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	for i := range 19 {
		sendPredictionOf(t, db, "large", "v"+strconv.Itoa(i), strconv.Itoa(i))
	}
	sendPrediction(t, db, "small", "p")
	q := engine.TimeseriesQuery{Interval: engine.IntervalMinute}
	q.Version, q.Environment, q.Window = engine.All, engine.All, 180*time.Hour
	ask := func(model string) (rows int, err error) {
		q.Model = model
		_, err = db.EachBucket(t.Context(), q, func(*engine.TimeseriesRow) bool { rows++; return true })
		return rows, err
	}
	_, err := ask("small,large")
	require.ErrorIs(t, err, engine.ErrQuery)
	require.ErrorContains(t, err, `19 of the series are of the model "large"`)
	rows, err := ask("small")
	require.NoError(t, err)
	require.Equal(t, 180*60+1, rows)
}
