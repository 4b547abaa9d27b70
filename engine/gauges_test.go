package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// gaugeEvents are n rows of a version, one each step before the time last, with errors that alternate between least and
// most. Without an actual where most is negative.
func gaugeEvents(model, version string, last time.Time, step time.Duration, n int, least, most float64) []event.Event {
	rows := make([]event.Event, n)
	for i := range rows {
		rows[i] = event.Event{
			Timestamp: last.Add(-time.Duration(i) * step), ModelID: model, ModelVersion: version, Environment: "production",
			PredictionID: fmt.Sprint(version, " ", last.UnixMilli(), " ", i), Features: "{}", PredictedValue: 5,
		}
		if most >= 0 {
			rows[i].HasActual, rows[i].ActualValue = true, 5-[]float64{least, most}[i%2]
		}
	}
	return rows
}

// gaugesOf returns the only row of gauges there is.
func gaugesOf(t *testing.T, db *engine.DB) engine.GaugesRow {
	t.Helper()
	result, err := db.Gauges(t.Context(), engine.GaugesQuery{})
	require.NoError(t, err)
	require.Len(t, result.Rows, 1)
	require.Zero(t, result.LeftOut)
	return result.Rows[0]
}

// TestGaugesOfSilence has a model without events for 25 hours, up to the end of the time that it is followed for.
func TestGaugesOfSilence(t *testing.T) {
	now := testNow
	db := openDB(t, t.TempDir(), engine.Options{Now: func() time.Time { return now }})
	appendEvents(t, db, gaugeEvents("quiet", "v1", testNow.Add(-25*time.Hour), time.Hour, 200, 1, 1)...)
	row := gaugesOf(t, db)
	require.Equal(t, testNow.Add(-25*time.Hour), row.LastPrediction)
	require.Zero(t, row.PredictionCount)
	require.Zero(t, row.ActualCount)
	require.Zero(t, row.VersionsWithoutActuals)
	require.Equal(t, engine.Value{Null: engine.NoPredictions}, row.ActualCoverage)
	require.Equal(t, engine.Value{Null: engine.NoActuals}, row.MAE)
	require.Equal(t, engine.DriftInsufficientData, row.Drift.Status)
	require.EqualValues(t, 138, row.Drift.Reference.ActualCount, "six hours after the gap are silent too")

	now = testNow.Add((7*24 - 25) * time.Hour)
	row = gaugesOf(t, db)
	require.Equal(t, testNow.Add(-25*time.Hour), row.LastPrediction)
	require.Equal(t, engine.DriftInsufficientData, row.Drift.Status)
	require.EqualValues(t, 1, row.Drift.Reference.ActualCount, "its last row is the first of the reference")
	now = now.Add(time.Millisecond)
	result, err := db.Gauges(t.Context(), engine.GaugesQuery{})
	require.NoError(t, err)
	require.Equal(t, engine.GaugesResult{Rows: []engine.GaugesRow{}}, result, "nobody expects it any more")
	result, err = db.Gauges(t.Context(), engine.GaugesQuery{For: 30 * 24 * time.Hour})
	require.NoError(t, err)
	require.Len(t, result.Rows, 1)
	require.Equal(t, engine.DriftNoReference, result.Rows[0].Drift.Status)
}

func TestGaugesWithoutActuals(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	appendEvents(t, db, gaugeEvents("nolabel", "v1", testNow, time.Minute, 100, 0, -1)...)
	row := gaugesOf(t, db)
	require.Equal(t, testNow, row.LastPrediction)
	require.EqualValues(t, 100, row.PredictionCount)
	require.Equal(t, engine.Value{}, row.ActualCoverage)
	require.Equal(t, 1, row.VersionsWithoutActuals)
	require.Equal(t, engine.Value{Null: engine.NoActuals}, row.RMSE)
	require.Equal(t, engine.DriftNoReference, row.Drift.Status)
}

// TestGaugesOfANewVersion sends rows of a new version while the old one drifts: what is known of the old one stays
// until as much is known of the new one.
func TestGaugesOfANewVersion(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	send := func(rows []event.Event) { appendEvents(t, db, rows...) }
	send(gaugeEvents("price", "v1", testNow.Add(-7*time.Hour), time.Hour, 150, 1, 2))
	send(gaugeEvents("price", "v1", testNow, time.Minute, 200, 3, 4))
	alone := gaugesOf(t, db)
	require.Equal(t, engine.DriftFound, alone.Drift.Status)
	require.Equal(t, "v1", alone.Drift.Version)
	require.InDelta(t, 3.5/1.5-1, alone.Drift.RelativeChange.Number, 1e-15)
	require.EqualValues(t, 218, alone.ActualCount)
	require.Equal(t, engine.Value{Number: 1}, alone.ActualCoverage)

	send(gaugeEvents("price", "v2", testNow.Add(-time.Second), time.Minute, 1, 0, -1))
	row := gaugesOf(t, db)
	require.Equal(t, alone.Drift, row.Drift)
	require.Equal(t, alone.MAE, row.MAE)
	require.Equal(t, alone.RMSE, row.RMSE)
	require.EqualValues(t, 219, row.PredictionCount, "of all versions")
	require.EqualValues(t, 218, row.ActualCount)
	require.Equal(t, 1, row.VersionsWithoutActuals)

	send(gaugeEvents("price", "v2", testNow.Add(-time.Second/2), time.Minute, 5, 9, 9))
	row = gaugesOf(t, db)
	require.Equal(t, alone.Drift, row.Drift, "of the new version there is no verdict")
	require.Equal(t, engine.Value{Number: 9}, row.MAE, "latest")
	require.Zero(t, row.VersionsWithoutActuals)

	send(gaugeEvents("price", "v2", testNow.Add(-time.Second/4), time.Second, 50, 9, 9))
	require.Equal(t, "v1", gaugesOf(t, db).Drift.Version, "there is no reference yet")
	send(gaugeEvents("price", "v2", testNow.Add(-7*time.Hour), time.Second, 200, 9, 9))
	row = gaugesOf(t, db)
	require.Equal(t, "v2", row.Drift.Version)
	require.Equal(t, engine.DriftOK, row.Drift.Status)
}

// TestGaugesOfARollback has a version that came back when a newer one had taken over.
func TestGaugesOfARollback(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	appendEvents(t, db, gaugeEvents("roll", "v1", testNow.Add(-48*time.Hour), 30*time.Minute, 48, 5, 5)...)
	appendEvents(t, db, gaugeEvents("roll", "v2", testNow.Add(-30*time.Hour), 30*time.Minute, 36, 7, 7)...)
	appendEvents(t, db, gaugeEvents("roll", "v1", testNow, 30*time.Minute, 60, 1, 2)...)
	row := gaugesOf(t, db)
	require.InDelta(t, 1.5, row.MAE.Number, 0.02)
	require.EqualValues(t, 49, row.PredictionCount)
	require.Equal(t, "v1", row.Drift.Version)
}

func TestGaugesWithoutAnErrorInTheReference(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	appendEvents(t, db, gaugeEvents("zero", "v1", testNow.Add(-7*time.Hour), time.Hour, 150, 0, 0)...)
	appendEvents(t, db, gaugeEvents("zero", "v1", testNow, time.Minute, 200, 0, 1)...)
	row := gaugesOf(t, db)
	require.Equal(t, engine.Value{Null: engine.ZeroReference}, row.Drift.RelativeChange)
	require.Equal(t, engine.Present, row.Drift.Z.Null)
	require.Equal(t, engine.DriftFound, row.Drift.Status)
	require.EqualValues(t, 126, row.Drift.Reference.ActualCount, "those of the gap are left out")

	drift, err := db.Drift(t.Context(), engine.DriftQuery{Model: "zero"})
	require.NoError(t, err)
	require.Empty(t, drift.Rows, "the tutorial's rule")
	report, err := db.DriftReport(t.Context(), engine.DriftReportQuery{Model: "zero"})
	require.NoError(t, err)
	require.Len(t, report.Rows, 1)
	require.Equal(t, row.Drift, report.Rows[0])
}

func TestGaugesAreCounted(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	var rows []event.Event
	for i, environment := range []string{"prod", "production", "staging", "stage", "prod"} {
		last := testNow.Add(-time.Duration(i) * time.Hour)
		of := gaugeEvents(fmt.Sprint("m", i%3), fmt.Sprint("v", i), last, time.Hour, 2, 1, 1)
		for j := range of {
			of[j].Environment = environment
		}
		rows = append(rows, of...)
	}
	old := gaugeEvents("old", "v1", testNow.Add(-8*24*time.Hour), time.Hour, 2, 1, 1)
	appendEvents(t, db, append(rows, old...)...)
	f := func(most int, environments, want string, leftOut int) {
		t.Helper()
		result, err := db.Gauges(t.Context(), engine.GaugesQuery{Max: most, Environments: environments})
		require.NoError(t, err)
		var names []string
		for _, row := range result.Rows {
			names = append(names, row.Model+" "+row.Environment)
		}
		require.Equal(t, want, strings.Join(names, ", "))
		require.Equal(t, leftOut, result.LeftOut, "of five")
	}
	f(0, "", "m1 production", 4)
	f(0, "prod", "m0 prod, m1 prod", 3)
	f(0, "prod*", "m0 prod, m1 prod, m1 production", 2)
	f(0, "prod,sta*", "m0 prod, m0 stage, m1 prod, m2 staging", 1)
	f(0, "*", "m0 prod, m0 stage, m1 prod, m1 production, m2 staging", 0)
	f(2, "*", "m0 prod, m0 stage", 3)
	f(1, "stag*", "m0 stage", 4)
	f(9, "nowhere", "", 5)

	_, err := db.Gauges(t.Context(), engine.GaugesQuery{Max: -1})
	require.ErrorIs(t, err, engine.ErrQuery)
	_, err = db.Gauges(t.Context(), engine.GaugesQuery{For: -1})
	require.ErrorIs(t, err, engine.ErrQuery)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = db.Gauges(ctx, engine.GaugesQuery{})
	require.ErrorIs(t, err, context.Canceled)
}

// TestGaugesAgree draws rows, deletes some, and compares the gauges with reports and a loop over the rows: from heads,
// from segments, from both, and after a restart.
func TestGaugesAgree(t *testing.T) {
	c := chooser{rand.New(rand.NewPCG(seed(t), 1)), testNow}
	dir := t.TempDir()
	db, err := engine.Open(dir, engine.Options{Now: func() time.Time { return testNow }})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows := map[string]event.Event{}
	for step := range 12 {
		var batch []event.Event
		for i := range 1 + c.IntN(200) {
			e := c.event(step*1000 + i)
			rows[e.ModelID+e.PredictionID] = e
			batch = append(batch, e)
		}
		appendEvents(t, db, batch...)
		switch c.IntN(4) {
		case 0:
			require.NoError(t, db.Checkpoint(t.Context()))
		case 1:
			require.NoError(t, db.Close())
			db, err = engine.Open(dir, engine.Options{Now: func() time.Time { return testNow }})
			require.NoError(t, err)
		}
		for key, e := range rows { // the last ones too, which the time of the last prediction is of
			if c.IntN(30) == 0 {
				_, err := db.DeleteRows(t.Context(), engine.Deletion{Models: []string{e.ModelID}, IDs: []string{e.PredictionID}})
				require.NoError(t, err)
				delete(rows, key)
			}
		}
		q := engine.GaugesQuery{Environments: engine.All, Within: c.within(), For: time.Duration(1+c.IntN(300)) * time.Hour}
		if c.IntN(2) == 0 {
			q.AsOf = c.time()
		}
		requireGauges(t, db, q, rows)
	}
}

func requireGauges(t *testing.T, db *engine.DB, q engine.GaugesQuery, rows map[string]event.Event) {
	t.Helper()
	at := testNow
	if !q.AsOf.IsZero() {
		at = q.AsOf
	}
	want := map[[2]string]*engine.GaugesRow{}
	for _, e := range rows {
		if !q.AsOf.IsZero() && e.Timestamp.After(at) || q.Within != "" && !bounded(q.Within, e.ModelID) {
			continue
		}
		name := [2]string{e.ModelID, e.Environment}
		if want[name] == nil {
			want[name] = &engine.GaugesRow{Model: e.ModelID, Environment: e.Environment}
		}
		row := want[name]
		if e.Timestamp.After(row.LastPrediction) {
			row.LastPrediction = e.Timestamp
		}
		if !e.Timestamp.Before(at.Add(-24 * time.Hour)) {
			row.PredictionCount++
			if e.HasActual {
				row.ActualCount++
			}
		}
	}
	result, err := db.Gauges(t.Context(), q)
	require.NoError(t, err)
	var seen []*engine.GaugesRow
	for _, row := range want {
		if !row.LastPrediction.Before(at.Add(-q.For)) {
			seen = append(seen, row)
		}
	}
	slices.SortFunc(seen, func(a, b *engine.GaugesRow) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Environment, b.Environment))
	})
	require.Len(t, result.Rows, len(seen))
	require.Zero(t, result.LeftOut)
	for i := range result.Rows {
		got := &result.Rows[i]
		require.Equal(t, seen[i].Model, got.Model)
		require.Equal(t, seen[i].Environment, got.Environment)
		require.Equal(t, seen[i].LastPrediction.UTC(), got.LastPrediction, "%s %s", got.Model, got.Environment)
		require.Equal(t, seen[i].PredictionCount, got.PredictionCount)
		require.Equal(t, seen[i].ActualCount, got.ActualCount)
		requireGaugesAgree(t, db, q.AsOf, got)
	}
}

// requireGaugesAgree compares the error and the verdict of a row with those of the versions it is to be of.
func requireGaugesAgree(t *testing.T, db *engine.DB, asOf time.Time, got *engine.GaugesRow) {
	t.Helper()
	report, err := db.Report(t.Context(), engine.ReportQuery{
		Model: got.Model, Version: engine.All, Environment: got.Environment, AsOf: asOf,
	})
	require.NoError(t, err)
	without, shown := 0, 0
	drift, err := db.DriftReport(t.Context(), engine.DriftReportQuery{
		Model: got.Model, Environment: got.Environment, AsOf: asOf,
	})
	require.NoError(t, err)
	actuals := map[string]uint64{}
	for _, r := range drift.Rows {
		actuals[r.Version] = r.Recent.ActualCount + r.Reference.ActualCount
	}
	for _, r := range report.Rows {
		if r.PredictionCount > 0 && actuals[r.Version] == 0 {
			without++
		}
		if r.ActualCount > 0 && r.MAE == got.MAE && r.RMSE == got.RMSE {
			shown++
		}
	}
	require.Equal(t, without, got.VersionsWithoutActuals)
	require.Equal(t, got.ActualCount > 0, shown > 0, "%+v", got)
	if got.Drift.Version == "" {
		require.Empty(t, drift.Rows)
		return
	}
	i := slices.IndexFunc(drift.Rows, func(r engine.DriftReportRow) bool { return r.Version == got.Drift.Version })
	require.Equal(t, drift.Rows[i], got.Drift)
	for _, r := range drift.Rows {
		require.False(t, r.Status <= engine.DriftOK && got.Drift.Status > engine.DriftOK, "%s has a verdict", r.Version)
	}
}
