package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestActualsMakeCheckpointsDue sends actuals of sealed rows: they take memory until a checkpoint, as rows do.
func TestActualsMakeCheckpointsDue(t *testing.T) {
	const rows = 300
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, storeDir, engine.Options{FS: simdisk.New(simdisk.Options{}), HeadBytes: 16 << 10, LogFileBytes: 1 << 20})
		for i := range rows {
			sendWaiting(t, db, fmt.Sprint("p", i))
		}
		require.NoError(t, db.Checkpoint(context.Background()))
		synctest.Wait()
		before := db.Stats().Checkpoints
		for i := range rows {
			sendActual(t, db, "m", fmt.Sprint("p", i), 1)
			synctest.Wait()
			require.Less(t, db.HeadBytes(), int64(16<<10))
		}
		require.Greater(t, db.Stats().Checkpoints, before)
		require.EqualValues(t, rows, count(t, db))
	})
}

// TestCheckpointDueAtStart starts with a log that is over a smaller bound: the checkpoint comes though nothing is sent.
func TestCheckpointDueAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		opts := engine.Options{FS: disk, LogFileBytes: 1 << 20, Now: func() time.Time { return testNow }}
		db, err := engine.Open(storeDir, opts)
		require.NoError(t, err)
		for i := range 10 {
			sendWaiting(t, db, fmt.Sprint("p", i))
		}
		synctest.Wait()
		after := disk.Kill()
		db.Abandon()
		opts.FS, opts.CheckpointRows = after, 5
		db = openDB(t, storeDir, opts)
		synctest.Wait()
		require.EqualValues(t, 1, db.Stats().Checkpoints)
	})
}

// sendWaiting sends a prediction without an actual.
func sendWaiting(t *testing.T, db *engine.DB, id string) {
	t.Helper()
	var b event.Batch
	require.NoError(t, b.Add(event.Event{
		Timestamp: testNow.Add(-time.Hour), ModelID: "m", PredictionID: id, Features: "{}", PredictedValue: 3,
		ModelVersion: "v1", Environment: "production",
	}, db.Rules()))
	_, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
}
