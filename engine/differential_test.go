package engine_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/wal"
)

var (
	seedFlag    = flag.Uint64("engine.seed", 0, "replay this seed; 0 takes a new one")
	batchesFlag = flag.Int("engine.batches", race.Cases(2000), "random batches of the differential test")
)

// seed returns the seed of this run and logs how to replay it.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := *seedFlag
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("replay with -engine.seed=%d", s)
	return s
}

// testNow stands still, so that windows are the same for the store and the oracle.
var testNow = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func openDB(t *testing.T, dir string, opts engine.Options) *engine.DB {
	t.Helper()
	if opts.Now == nil {
		opts.Now = func() time.Time { return testNow }
	}
	db, err := engine.Open(dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// chooser draws events and queries that hit ties, edges and extremes often.
type chooser struct {
	*rand.Rand
	now time.Time
}

// model is one of a few, seldom one whose name looks like a list of others.
func (c chooser) model() string {
	if c.IntN(100) == 0 {
		return "model_1,model_3"
	}
	return fmt.Sprintf("model_%d", c.IntN(6))
}

// version is one of a few, seldom the one that is named as what stands for another, or as a prefix.
func (c chooser) version() string {
	return []string{"latest", "v*", "v1", "v2", "v3.1"}[min(c.IntN(80), 2+c.IntN(3))]
}

func (c chooser) environment() string {
	return []string{"production", "production", "staging"}[c.IntN(3)]
}

// time is mostly near now, often on a round second or a month's edge, sometimes weeks late.
func (c chooser) time() time.Time {
	switch c.IntN(10) {
	case 0:
		return time.Date(c.now.Year(), c.now.Month(), 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(c.IntN(5)-2) * time.Millisecond)
	case 1:
		return c.now.Add(-time.Duration(c.IntN(90*24)) * time.Hour)
	case 2, 3:
		return c.now.Add(-time.Duration(c.IntN(200)) * time.Hour)
	default:
		return c.now.Add(-time.Duration(c.Int64N(int64(200 * time.Hour)))).Truncate(time.Millisecond)
	}
}

func (c chooser) value() float64 {
	switch c.IntN(12) {
	case 0:
		return math.Float64frombits(c.Uint64() &^ (1 << 62)) // any exponent up to 1
	case 1:
		return math.Copysign(math.MaxFloat64, c.Float64()-0.5)
	case 2:
		return math.SmallestNonzeroFloat64 * float64(c.IntN(5))
	case 3:
		return math.Copysign(1e300*c.Float64(), c.Float64()-0.5)
	case 4:
		return 1.7e10 + c.Float64()
	case 5:
		return 0
	default:
		return math.Round(c.NormFloat64()*10000) / 100
	}
}

func (c chooser) event(id int) event.Event {
	e := event.Event{
		Timestamp: c.time(), ModelID: c.model(), PredictionID: fmt.Sprintf("pred_%d", id), Features: `{"feature1":1}`,
		PredictedValue: c.value(), HasActual: c.IntN(10) > 0, ModelVersion: c.version(), Environment: c.environment(),
	}
	if e.HasActual {
		e.ActualValue = c.value()
		if c.IntN(4) == 0 {
			e.ActualValue = e.PredictedValue
		}
	}
	return e
}

func (c chooser) pick(values ...string) string { return values[c.IntN(len(values))] }

func (c chooser) metricsQuery() engine.MetricsQuery {
	q := engine.MetricsQuery{
		Model:       c.modelPattern(),
		Version:     c.versionPattern(),
		Environment: c.environmentPattern(),
		Across:      c.columns(),
		Within:      c.within(),
		Window:      time.Duration(c.IntN(300)-5) * time.Hour,
	}
	switch c.IntN(4) {
	case 0:
		q.AsOf = c.time()
	case 1:
		q.From = c.time()
	case 2:
		q.From = c.time()
		q.To = q.From.Add(time.Duration(c.Int64N(int64(100 * time.Hour)))).Truncate(time.Millisecond)
	}
	return q
}

func (c chooser) driftQuery() engine.DriftQuery {
	q := engine.DriftQuery{
		Model:       c.modelPattern(),
		Version:     c.versionPattern(),
		Environment: c.environmentPattern(),
		Across:      c.columns(),
		Within:      c.within(),
		Recent:      time.Duration(c.IntN(100)) * time.Hour,
		Historical:  time.Duration(c.IntN(2000)) * time.Hour,
	}
	if c.IntN(3) == 0 {
		q.AsOf = c.time()
	}
	return q
}

func TestDifferential(t *testing.T) {
	s := seed(t)
	c := chooser{rand.New(rand.NewPCG(s, 0)), testNow}
	dir := t.TempDir()
	opts := engine.Options{Sync: wal.SyncNever} // the time goes to comparing
	db := openDB(t, dir, opts)
	var o oracle
	var b event.Batch
	checks := 0
	for batch := range *batchesFlag {
		b.Reset()
		for range 1 + c.IntN(10) {
			e := c.event(len(o.rows))
			require.NoError(t, b.Add(e, db.Rules()))
			o.add(e)
		}
		done, err := db.Append(context.Background(), &b)
		require.NoError(t, err)
		require.Equal(t, b.Len(), done.Successful)
		if batch%10 == 0 {
			checkMetrics(t, db, &o, c.metricsQuery(), testNow)
			checkDrift(t, db, &o, c.driftQuery(), testNow)
			checks += 2
			if batch%100 == 0 {
				checkReport(t, db, &o, c.metricsQuery(), testNow)
				checkDriftReport(t, db, &o, c.driftReportQuery(), testNow)
				checks += 2
			}
		}
		switch n := c.IntN(*batchesFlag); {
		case n < 4:
			require.NoError(t, db.Close())
			db = openDB(t, dir, opts)
		case n < 30:
			require.NoError(t, db.Checkpoint(context.Background()))
		case n < 40:
			require.NoError(t, db.Merge(context.Background()))
		}
	}
	queries := make([]engine.MetricsQuery, 50)
	before := make([]engine.MetricsResult, len(queries))
	for i := range queries {
		queries[i] = c.metricsQuery()
		before[i] = checkMetrics(t, db, &o, queries[i], testNow)
	}
	same := func(when string) {
		for i, q := range queries {
			require.Equal(t, before[i].Rows, checkMetrics(t, db, &o, q, testNow).Rows, "%s: %+v", when, q)
		}
	}
	require.NoError(t, db.Checkpoint(context.Background()))
	same("after a checkpoint")
	require.NoError(t, db.Merge(context.Background()))
	same("after a merge")
	require.NoError(t, db.Close())
	db = openDB(t, dir, engine.Options{Sync: wal.SyncNever, MemoryLimitBytes: 1})
	same("after a restart, from disk")
	stats := db.Stats()
	require.Equal(t, uint64(len(o.rows)), stats.SealedRows)
	t.Logf("%d segments, %d models, %d series", stats.Segments, stats.Models, stats.Series)
	t.Logf("%d rows in %d batches, %d queries compared", len(o.rows), *batchesFlag, checks+4*len(queries))
}

func checkMetrics(t *testing.T, db *engine.DB, o *oracle, q engine.MetricsQuery, now time.Time) engine.MetricsResult {
	t.Helper()
	got, err := db.Metrics(context.Background(), q)
	require.NoError(t, err)
	want := o.metrics(q, now)
	require.Len(t, got.Rows, len(want), "%+v, want %v", q, slices.Collect(maps.Keys(want)))
	require.True(t, slices.IsSortedFunc(got.Rows, func(a, b engine.MetricsRow) int {
		return slices.Compare([]string{a.Model, a.Version, a.Environment}, []string{b.Model, b.Version, b.Environment})
	}))
	for _, row := range got.Rows {
		g := want[event.Series{Model: row.Model, Version: row.Version, Environment: row.Environment}]
		require.NotNil(t, g, "%+v of %+v", row, q)
		require.Equal(t, g.count, row.PredictionCount, "%+v of %+v", row, q)
		require.Equal(t, g.first, row.PeriodStart)
		require.Equal(t, g.last, row.PeriodEnd)
		require.True(t, within1ULP(row.MAE, g.mae()), "mae %v, exact %.20g, %+v", row.MAE, g.mae(), q)
		require.True(t, within1ULP(row.RMSE, g.rmse()), "rmse %v, exact %.20g, %+v", row.RMSE, g.rmse(), q)
		require.Equal(t, [2]float64{g.agg.MAE(), g.agg.RMSE()}, [2]float64{row.MAE, row.RMSE}, "another order gives other bits: %+v", q)
	}
	return got
}

func checkDrift(t *testing.T, db *engine.DB, o *oracle, q engine.DriftQuery, now time.Time) {
	t.Helper()
	got, err := db.Drift(context.Background(), q)
	require.NoError(t, err)
	want := o.drift(q, now)
	require.Len(t, got.Rows, len(want), "%+v", q)
	at := now
	if !q.AsOf.IsZero() {
		at = q.AsOf
	}
	for i, row := range got.Rows {
		w := want[i]
		series := event.Series{Model: row.Model, Version: row.Version, Environment: row.Environment}
		require.Equal(t, w.Series, series, "row %d of %+v", i, q)
		require.Equal(t, w.recent.count, row.RecentCount)
		require.Equal(t, w.historical.count, row.HistoricalCount)
		require.True(t, within1ULP(row.RecentMAE, w.recent.mae()))
		require.True(t, within1ULP(row.HistoricalMAE, w.historical.mae()))
		require.Equal(t, at, row.AnalysisTimestamp)
		if !math.IsNaN(w.drift) && !math.IsInf(w.drift, 0) {
			require.InEpsilon(t, 1+math.Abs(w.drift), 1+math.Abs(row.DriftPercentage), 1e-12)
		}
	}
}
