package engine_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// TestIdleCheckpoint leaves stores alone for minutes of a clock that passes at once: what is much is checkpointed, once, what is
// little stays in the log, and so does what still grows.
func TestIdleCheckpoint(t *testing.T) {
	f := func(name string, rows int, alone time.Duration, want uint64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			db := openDB(t, t.TempDir(), engine.Options{CheckpointBytes: 4 << 20})
			for range 4 {
				_, err := db.Append(context.Background(), largeEvents(t, db, rows))
				require.NoError(t, err)
				time.Sleep(alone)
			}
			synctest.Wait()
			require.Equal(t, want, db.Stats().Checkpoints, name)
			require.EqualValues(t, 4*rows, count(t, db), name)
		})
	}
	f("little", 1, 5*time.Minute, 0)
	f("much, and growing", 100, 45*time.Second, 0)
	f("much, four times", 100, 5*time.Minute, 4)
}

// largeEvents returns a batch of rows that take 1 KB of the log each.
func largeEvents(t *testing.T, db *engine.DB, rows int) *event.Batch {
	t.Helper()
	var b event.Batch
	random := make([]byte, 500)
	for i := range rows {
		_, err := rand.Read(random)
		require.NoError(t, err)
		require.NoError(t, b.Add(event.Event{
			Timestamp: testNow.Add(-time.Hour), ModelID: "m", PredictionID: strconv.Itoa(i), Features: `{"x":"` + hex.EncodeToString(random) + `"}`,
			HasActual: true, ModelVersion: "v1", Environment: "production",
		}, db.Rules()))
	}
	return &b
}
