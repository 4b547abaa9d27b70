package engine_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/memory"
	"github.com/residualdb/residual/internal/workload"
)

// TestIdleModelMemory holds a model with ten sealed rows, spread over three months, to 4 KiB.
func TestIdleModelMemory(t *testing.T) {
	const models, rowsEach, bytesMax = 1500, 10, 4 << 10
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	before := memory.Live()
	load(t, db, workload.Options{Seed: 1, Rows: models * rowsEach, Models: models, Versions: 1, From: testNow.AddDate(0, -2, 0), To: testNow})
	require.NoError(t, db.Checkpoint(context.Background()))
	db.DropBuffers()
	each := float64(memory.Live()-before) / float64(db.Stats().Models)
	t.Logf("%.0f bytes a model", each)
	require.Less(t, each, float64(bytesMax))
}

// TestRowMemory holds sealed rows to 24 bytes each in memory and 16 on disk, with all their columns. The rows are added to as
// many others, so that buffers have their size already.
func TestRowMemory(t *testing.T) {
	const rows, bytesMax, diskBytesMax = 60_000, 24, 16
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	var live int64
	var stats engine.Stats
	for seed := range uint64(2) {
		before := memory.Live()
		load(t, db, workload.Options{
			Seed: seed, Rows: rows, Models: 2, Versions: 1, From: testNow.AddDate(0, int(seed)-2, 0), To: testNow.AddDate(0, int(seed)-1, 0),
			LateShare: 0.02,
		})
		require.NoError(t, db.Checkpoint(context.Background()))
		live, stats = memory.Live()-before, db.Stats()
	}
	require.Equal(t, uint64(2*rows), stats.SealedRows)
	require.Equal(t, stats.SealedBytes, stats.ResidentBytes)
	each, onDisk := float64(live)/rows, float64(stats.SealedBytes)/float64(stats.SealedRows)
	t.Logf("%.1f bytes a row in memory, %.1f on disk", each, onDisk)
	require.Less(t, each, float64(bytesMax))
	require.Less(t, onDisk, float64(diskBytesMax))
}
