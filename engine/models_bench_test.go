package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// fleet appends 1,000 models in 4,000 series: of each the last version lives, with a prediction every so often and its actual an hour
// later, and those before each had a week.
func fleet(b *testing.B, db *engine.DB, every time.Duration) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	var batch event.Batch
	for model := range 1000 {
		for version := range 4 {
			end := testNow.Add(-time.Duration(3-version) * 7 * 24 * time.Hour)
			for at := end.Add(-7*24*time.Hour - 12*time.Hour); at.Before(end); at = at.Add(every) {
				require.NoError(b, batch.Add(event.Event{
					Timestamp: at, ModelID: fmt.Sprintf("model_%d", model), PredictionID: strconv.FormatUint(r.Uint64(), 36), Features: "{}",
					PredictedValue: 100 + r.NormFloat64(), ActualValue: 100, HasActual: at.Before(testNow.Add(-time.Hour)),
					ModelVersion: fmt.Sprintf("v%d", version), Environment: "production",
				}, db.Rules()))
			}
		}
		if batch.Len() > 100_000 || model == 999 {
			_, err := db.Append(b.Context(), &batch)
			require.NoError(b, err)
			batch.Reset()
		}
	}
}

// BenchmarkListModels is the first view of a fleet: the list in the order of attention with its totals, a page of it with all details,
// and the first versions alone.
func BenchmarkListModels(b *testing.B) {
	db, err := engine.Open(b.TempDir(), engine.Options{NoBackground: true, Now: func() time.Time { return testNow }})
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	fleet(b, db, 30*time.Minute)
	run := func(name string, list engine.ModelsList, rows int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				page, err := db.ListModels(b.Context(), engine.ModelsQuery{}, list, func(*engine.ModelRow) bool { n++; return true })
				require.NoError(b, err)
				require.Equal(b, rows, n)
				require.Positive(b, page.Matched)
			}
		})
	}
	for _, stored := range []string{"heads", "segments"} {
		run("rows="+stored+"/live", engine.ModelsList{Live: true, Order: engine.OrderAttention, Totals: true}, 1000)
		run("rows="+stored+"/live/details", engine.ModelsList{Live: true, Order: engine.OrderAttention, Totals: true, Details: true}, 1000)
		run("rows="+stored+"/page=50/details", engine.ModelsList{Live: true, Order: engine.OrderAttention, Totals: true, Limit: 50, Details: true}, 50)
		run("rows="+stored+"/all", engine.ModelsList{}, 4000)
		require.NoError(b, db.Checkpoint(b.Context()))
	}
}
