package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// TestSlices publishes requests in slices of no time at all, many at once, of models that they have in common and others:
// the store comes to what it comes to one after the other, and to the same after a restart.
func TestSlices(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir, engine.Options{})
	db.SliceEverything()
	s := seed(t)
	const writers, requests, rows = 4, 6, 600
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(s, uint64(w)))
			for n := range requests {
				var b event.Batch
				var a event.Actuals
				for i := range rows {
					id := fmt.Sprintf("%d-%d-%d", w, n, i)
					model := fmt.Sprintf("model_%d", []int{w, writers}[r.IntN(2)])
					e := event.Event{
						Timestamp: testNow.Add(-time.Duration(r.IntN(100)) * time.Hour), ModelID: model, ModelVersion: "v1", Environment: "production",
						PredictionID: id, Features: `{}`, PredictedValue: 3,
					}
					if err := b.Add(e, db.Rules()); err != nil {
						t.Error(err)
					}
					if err := a.Add(event.Actual{ModelID: model, PredictionID: id, Value: 1}, db.Rules()); err != nil {
						t.Error(err)
					}
				}
				if _, err := db.Append(context.Background(), &b); err != nil {
					t.Error(err)
				}
				if _, err := db.AppendActuals(context.Background(), &a); err != nil {
					t.Error(err)
				}
				if n == 3 {
					if err := db.Checkpoint(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	check := func() {
		t.Helper()
		got, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: engine.All, From: time.Unix(0, 0)})
		require.NoError(t, err)
		total := uint64(0)
		for _, row := range got.Rows {
			total += row.PredictionCount
			require.Equal(t, 2.0, row.MAE)
		}
		require.EqualValues(t, writers*requests*rows, total)
		require.Zero(t, db.Stats().Waiting)
	}
	check()
	require.NoError(t, db.Close())
	db = openDB(t, dir, engine.Options{})
	check()
}
