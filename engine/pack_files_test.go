package engine_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestManyPacks lets models come and go, so that there is a pack for each checkpoint: few of them are open at a time,
// also after a restart, and all are read when somebody asks, by several at a time.
func TestManyPacks(t *testing.T) {
	const packs, openMax = 3 * engine.OpenPacksMax, engine.OpenPacksMax + 8
	disk := simdisk.New(simdisk.Options{})
	options := engine.Options{FS: disk, LogFileBytes: 32 << 10, NoBackground: true, MemoryLimitBytes: 1, Now: func() time.Time { return testNow }}
	db, err := engine.Open(storeDir, options)
	require.NoError(t, err)
	for i := range packs {
		var b event.Batch
		for row := range 200 { // too many to stay in memory
			err := b.Add(event.Event{
				ModelID: fmt.Sprintf("model-%d", i), ModelVersion: "v1", Environment: "production", Timestamp: testNow,
				PredictionID: fmt.Sprintf("p-%d", row), Features: fmt.Sprintf(`{"f":%q}`, strconv.Itoa(row*7919)), HasActual: true, ActualValue: float64(row),
			}, db.Rules())
			require.NoError(t, err)
		}
		_, err := db.Append(t.Context(), &b)
		require.NoError(t, err)
		require.NoError(t, db.Checkpoint(t.Context()))
		require.LessOrEqual(t, disk.OpenFiles(), openMax)
	}
	require.NoError(t, db.Close())
	require.Zero(t, disk.OpenFiles())

	db, err = engine.Open(storeDir, options)
	require.NoError(t, err)
	require.LessOrEqual(t, disk.OpenFiles(), openMax)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range packs {
				rows, err := db.Metrics(t.Context(), engine.MetricsQuery{
					Model: fmt.Sprintf("model-%d", i), Version: "v1", Environment: "production", From: testNow.Add(-time.Hour), To: testNow.Add(time.Hour),
				})
				if err != nil || len(rows.Rows) != 1 || rows.Rows[0].PredictionCount != 200 {
					t.Errorf("model %d: %+v, %v", i, rows, err)
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, disk.OpenFiles(), openMax)
	require.NoError(t, db.Close())
	require.Zero(t, disk.OpenFiles())
}
