package engine_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// stage appends n rows of a version in the hour that begins at ago before testNow. errorOf gives each row's error; rows
// without one have no actual.
func stage(t *testing.T, db *engine.DB, version string, ago time.Duration, n int, errorOf func(i int) (float64, bool)) {
	t.Helper()
	var b event.Batch
	for i := range n {
		e, known := errorOf(i)
		row := event.Event{
			Timestamp: testNow.Add(-ago + time.Duration(i)*time.Second), ModelID: "m", PredictionID: fmt.Sprintf("%s %s %d", version, ago, i),
			Features: "{}", PredictedValue: 10 + e, HasActual: known, ModelVersion: version, Environment: "production",
		}
		if known {
			row.ActualValue = 10
		}
		require.NoError(t, b.Add(row, db.Rules()))
	}
	_, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
}

// around alternates between two errors, whose mean is m and whose standard deviation is d.
func around(m, d float64) func(int) (float64, bool) {
	return func(i int) (float64, bool) { return m + d*float64(1-i%2*2), true }
}

func unknown(int) (float64, bool) { return 0, false }

// nothingToDivideBy is the reason of a verdict on windows whose errors are 0 in the reference and do not vary.
const nothingToDivideBy = "relative_change: the reference mae is zero; z: the errors do not vary"

// TestDriftVerdicts has a case for each verdict.
func TestDriftVerdicts(t *testing.T) {
	const recent, past = 2 * time.Hour, 20 * time.Hour
	ready := func(db *engine.DB) { stage(t, db, "v1", past, 100, around(1, 0.5)) }
	for _, c := range []struct {
		name    string
		prepare func(db *engine.DB)
		query   engine.DriftReportQuery
		status  engine.DriftStatus
		reason  string
	}{
		{"no change", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 30, around(1, 0.5)) }, engine.DriftReportQuery{}, engine.DriftOK, ""},
		{"a rise", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 100, around(1.25, 0.5)) }, engine.DriftReportQuery{}, engine.DriftFound, ""},
		{"a fall", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 100, around(0.75, 0.5)) }, engine.DriftReportQuery{}, engine.DriftOK, ""},
		{"a small rise", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 100, around(1.19, 0.5)) }, engine.DriftReportQuery{}, engine.DriftWarning, ""},
		{"a large rise by chance", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 30, around(1.3, 1.2)) }, engine.DriftReportQuery{}, engine.DriftOK, ""},
		{
			"other gates", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 30, around(1.3, 1.2)) },
			engine.DriftReportQuery{Gates: engine.Gates{DriftZ: 0.5, DriftChange: 0.2}},
			engine.DriftFound, "",
		},
		{"a perfect history", func(db *engine.DB) {
			stage(t, db, "v1", past, 100, around(0, 0))
			stage(t, db, "v1", recent, 30, around(0, 0))
		}, engine.DriftReportQuery{}, engine.DriftOK, nothingToDivideBy},
		{"a perfect history ends", func(db *engine.DB) {
			stage(t, db, "v1", past, 100, around(0, 0))
			stage(t, db, "v1", recent, 30, around(1, 0))
		}, engine.DriftReportQuery{}, engine.DriftFound, nothingToDivideBy},
		{
			"few recent", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 29, around(9, 0)) },
			engine.DriftReportQuery{},
			engine.DriftInsufficientData, "recent: 29 actuals, fewer than 30",
		},
		{"no recent", ready, engine.DriftReportQuery{}, engine.DriftInsufficientData, "recent: no predictions in the window"},
		{
			"none labelled", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 29, unknown) },
			engine.DriftReportQuery{},
			engine.DriftInsufficientData, "recent: no actuals in the window",
		},
		{
			"few before", func(db *engine.DB) {
				stage(t, db, "v1", past, 99, around(1, 0.5))
				stage(t, db, "v1", recent, 30, around(9, 0))
			},
			engine.DriftReportQuery{},
			engine.DriftInsufficientData, "reference: 99 actuals, fewer than 100",
		},
		{
			"low coverage", func(db *engine.DB) {
				ready(db)
				stage(t, db, "v1", recent, 30, around(9, 0))
				stage(t, db, "v1", recent-time.Minute, 90, unknown)
			},
			engine.DriftReportQuery{Gates: engine.Gates{DriftZ: 3, DriftChange: 0.2, MinCoverage: 0.5}},
			engine.DriftInsufficientData, "recent: coverage 0.25, below 0.5",
		},
		{
			"a new version", func(db *engine.DB) { stage(t, db, "v1", recent, 30, around(1, 0)) },
			engine.DriftReportQuery{},
			engine.DriftNoReference, "no actuals in the reference",
		},
		{
			"against its predecessor", func(db *engine.DB) { ready(db); stage(t, db, "v2", recent, 30, around(2, 0.5)) },
			engine.DriftReportQuery{Version: "v2", Reference: engine.Reference{Version: "v1"}},
			engine.DriftFound, "",
		},
		{
			"against itself", func(db *engine.DB) { ready(db); stage(t, db, "v1", recent, 30, around(2, 0.5)) },
			engine.DriftReportQuery{Reference: engine.Reference{Version: "v1"}},
			engine.DriftNoReference, "this version is the reference",
		},
		{"pinned", func(db *engine.DB) {
			stage(t, db, "v1", 1000*time.Hour, 100, around(1, 0.5))
			stage(t, db, "v1", past, 100, around(2, 0.5))
			stage(t, db, "v1", recent, 30, around(2, 0.5))
		}, engine.DriftReportQuery{Reference: engine.Reference{From: testNow.Add(-1001 * time.Hour), To: testNow.Add(-900 * time.Hour)}}, engine.DriftFound, ""},
		{"offset over the young", func(db *engine.DB) {
			ready(db)
			stage(t, db, "v1", 5*time.Hour, 30, around(2, 0.5))
			stage(t, db, "v1", recent, 100, unknown)
		}, engine.DriftReportQuery{Offset: 3 * time.Hour, Gates: engine.Gates{DriftZ: 3, DriftChange: 0.2, MinCoverage: 1}}, engine.DriftFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
			c.prepare(db)
			c.query.Model = "m"
			got, err := db.DriftReport(context.Background(), c.query)
			require.NoError(t, err)
			require.Len(t, got.Rows, 1)
			require.Equal(t, c.status.String(), got.Rows[0].Status.String(), "%+v", got.Rows[0])
			require.Equal(t, c.reason, got.Rows[0].Reason)
		})
	}
}

// TestComparisonByHand holds every number of a comparison to one worked out on paper.
func TestComparisonByHand(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	stage(t, db, "v1", 20*time.Hour, 400, around(2, 1))    // mae 2, sd 1, se 0.05
	stage(t, db, "v1", 2*time.Hour, 100, around(2.5, 1.2)) // mae 2.5, sd 1.2, se 0.12
	got, err := db.DriftReport(context.Background(), engine.DriftReportQuery{Model: "m"})
	require.NoError(t, err)
	c := got.Rows[0].Comparison
	require.Equal(t, engine.Worse, c.Direction)
	for _, v := range []struct {
		want float64
		got  engine.Value
	}{
		{2, c.Reference.MAE},
		{2.5, c.Recent.MAE},
		{2, c.Reference.Bias},
		{math.Sqrt(5), c.Reference.RMSE},
		{0.25, c.RelativeChange},
		{0.5 / 0.13, c.Z},
		{0.5 - 1.959963984540054*0.13, c.CI95Low},
		{0.5 + 1.959963984540054*0.13, c.CI95High},
		{3 * 0.13 / 2, c.MinDetectableChange},
	} {
		require.Equal(t, engine.Present, v.got.Null)
		require.InEpsilon(t, v.want, v.got.Number, 1e-12)
	}
}

func TestReportQueriesThatMakeNoSense(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	early, late := testNow.Add(-time.Hour*100), testNow.Add(-time.Hour*99)
	for name, q := range map[string]engine.DriftReportQuery{
		"negative offset":   {Offset: -1},
		"two references":    {Reference: engine.Reference{From: early, To: late, Weeks: 1}},
		"two versions":      {Reference: engine.Reference{Version: "v", Previous: true}},
		"weeks of another":  {Reference: engine.Reference{Version: "v", Weeks: 1}},
		"too many weeks":    {Reference: engine.Reference{Weeks: 107}},
		"weeks in a month":  {Recent: 169 * time.Hour, Reference: engine.Reference{Weeks: 1}},
		"no week":           {Reference: engine.Reference{Weeks: -1}},
		"negative gap":      {Gap: -1},
		"previous of many":  {Across: engine.VersionColumn, Reference: engine.Reference{Previous: true}},
		"pinned backwards":  {Reference: engine.Reference{From: late, To: early}},
		"pinned open":       {Reference: engine.Reference{To: early}},
		"pinned to the now": {Reference: engine.Reference{From: early, To: testNow}},
		"gate":              {Gates: engine.Gates{DriftZ: math.NaN()}},
		"coverage":          {Gates: engine.Gates{MinCoverage: 1.5}},
	} {
		_, err := db.DriftReport(context.Background(), q)
		require.ErrorIs(t, err, engine.ErrQuery, name)
	}
	_, err := db.Report(context.Background(), engine.ReportQuery{To: late})
	require.ErrorIs(t, err, engine.ErrQuery)
	_, err = db.Report(context.Background(), engine.ReportQuery{Floor: engine.Floor{Coverage: -0.5}})
	require.ErrorIs(t, err, engine.ErrQuery)
}
