package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/workload"
)

// TestQueryAllocations holds queries to one allocation, that of the result's rows, whether the rows are in heads or in
// segments.
func TestQueryAllocations(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	load(t, db, workload.Options{Seed: 1, Rows: 50_000, Models: 1, From: testNow.AddDate(0, -3, 0), To: testNow, LateShare: 0.02})
	ctx := context.Background()
	once := func(what string, query func()) {
		if got := testing.AllocsPerRun(100, query); !race.Enabled {
			require.Equal(t, 1.0, got, what)
		}
	}
	check := func(where string) {
		once("metrics from "+where, func() {
			got, err := db.Metrics(ctx, engine.MetricsQuery{Model: "model_1", Window: 30 * 24 * time.Hour})
			if err != nil || len(got.Rows) != 1 {
				t.Fatal(got, err)
			}
		})
		once("drift from "+where, func() {
			got, err := db.Drift(ctx, engine.DriftQuery{Model: "model_1", Version: "latest"})
			if err != nil || len(got.Rows) != 1 {
				t.Fatal(got, err)
			}
		})
	}
	check("heads")
	require.NoError(t, db.Checkpoint(ctx))
	check("segments")
}

// load appends a workload in batches of 5,000 rows.
func load(t testing.TB, db *engine.DB, opts workload.Options) {
	t.Helper()
	g := workload.New(opts)
	var b event.Batch
	var e event.Event
	for more := true; more; {
		b.Reset()
		for b.Len() < 5000 {
			if more = g.Next(&e); !more {
				break
			}
			require.NoError(t, b.Add(e, db.Rules()))
		}
		_, err := db.Append(context.Background(), &b)
		require.NoError(t, err)
	}
}
