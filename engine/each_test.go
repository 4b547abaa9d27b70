package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// TestEach holds the methods that hand rows on one by one to those that return them all, in their order, for few series
// and for many, alone and added up.
func TestEach(t *testing.T) {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	now := begin.Add(10 * 24 * time.Hour)
	db, err := engine.Open(t.TempDir(), engine.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		var batch event.Batch
		for range 2000 {
			model := r.IntN(60)
			e := event.Event{
				Timestamp: begin.Add(time.Duration(r.Int64N(int64(now.Sub(begin))))), ModelID: fmt.Sprint("m", model), PredictionID: strconv.FormatUint(r.Uint64(), 10),
				Features: "{}", PredictedValue: r.Float64() * float64(model), ActualValue: r.Float64(), HasActual: r.IntN(3) > 0,
				ModelVersion: fmt.Sprint("v", r.IntN(3)), Environment: []string{"production", "staging"}[r.IntN(2)],
			}
			require.NoError(t, batch.Add(e, db.Rules()))
		}
		_, err := db.Append(t.Context(), &batch)
		require.NoError(t, err)
	}
	few := func(name string) bool { return name == "m1" }
	for _, name := range []string{engine.All, "m1", "m1*"} {
		for _, across := range []engine.Columns{0, engine.VersionColumn, engine.ModelColumn | engine.EnvironmentColumn} {
			m := engine.MetricsQuery{Model: name, Version: engine.All, Environment: engine.All, Window: 240 * time.Hour, Across: across}
			metrics, err := db.Metrics(t.Context(), m)
			require.NoError(t, err)
			sameRows(t, metrics.Rows, func(yield func(*engine.MetricsRow) bool) (engine.Read, error) {
				return db.EachMetrics(t.Context(), m, yield)
			})
			q := engine.ReportQuery{Model: name, Version: engine.All, Environment: engine.All, Window: 240 * time.Hour, Across: across}
			report, err := db.Report(t.Context(), q)
			require.NoError(t, err)
			sameRows(t, report.Rows, func(yield func(*engine.ReportRow) bool) (engine.Read, error) {
				return db.EachReport(t.Context(), q, yield)
			})
			d := engine.DriftReportQuery{Model: name, Environment: engine.All, Across: across}
			drift, err := db.DriftReport(t.Context(), d)
			require.NoError(t, err)
			sameRows(t, drift.Rows, func(yield func(*engine.DriftReportRow) bool) (engine.Read, error) {
				return db.EachDriftReport(t.Context(), d, yield)
			})
			models, err := db.Models(t.Context(), engine.ModelsQuery(d))
			require.NoError(t, err)
			sameRows(t, models.Rows, func(yield func(*engine.ModelRow) bool) (engine.Read, error) {
				return db.EachModel(t.Context(), engine.ModelsQuery(d), yield)
			})
			if across == 0 && !few(name) {
				require.Greater(t, len(models.Rows), 60)
			}
		}
	}
	_, err = db.EachModel(canceled(t), engine.ModelsQuery{}, func(*engine.ModelRow) bool { return true })
	require.ErrorIs(t, err, context.Canceled)
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// sameRows compares rows with those that each hands on, and has it stop after every few of them.
func sameRows[R any](t *testing.T, want []R, each func(yield func(*R) bool) (engine.Read, error)) {
	t.Helper()
	require.NotEmpty(t, want)
	var got []R
	_, err := each(func(row *R) bool {
		got = append(got, *row)
		return true
	})
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range want { // NaN is not equal to itself
		require.Equal(t, fmt.Sprintf("%+v", want[i]), fmt.Sprintf("%+v", got[i]))
	}
	for _, stop := range []int{1, len(want) / 2} {
		n := 0
		_, err := each(func(*R) bool {
			n++
			return n < stop
		})
		require.NoError(t, err)
		require.Equal(t, max(stop, 1), n)
	}
}
