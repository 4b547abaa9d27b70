package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestMergesWaitForQuiet appends to a month that is over, with a checkpoint for each batch: the month is not rewritten
// until nothing has come for a while.
func TestMergesWaitForQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		db, err := engine.Open(storeDir, engine.Options{
			FS: disk, CheckpointRows: 1, LogFileBytes: 1 << 20,
			Now: func() time.Time { return testNow }, Random: constantReader(0),
		})
		require.NoError(t, err)
		var taken []*sent
		for n := range 3 { // a fourth segment would make any month worth a merge
			b := newSent(n, 1, shape{old: 3})
			batch, err := b.batch()
			require.NoError(t, err)
			_, err = db.Append(t.Context(), batch)
			require.NoError(t, err)
			taken = append(taken, b)
			synctest.Wait()
			time.Sleep(engine.QuietPeriod / 2)
			synctest.Wait()
			require.Equal(t, uint64(n+1), db.Stats().Checkpoints)
			require.Zero(t, db.Stats().Merges)
		}
		time.Sleep(2 * engine.QuietPeriod)
		synctest.Wait()
		require.NotZero(t, db.Stats().Merges)
		require.NoError(t, db.Close())
		requireHeld(t, &script{}, disk.Kill(), taken)
	})
}

// TestRestartMerges leaves a finished month in several segments: the next process joins them though nothing comes.
func TestRestartMerges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		opts := engine.Options{
			FS: disk, NoBackground: true, Now: func() time.Time { return testNow }, Random: constantReader(0), LogFileBytes: 1 << 20,
		}
		db, err := engine.Open(storeDir, opts)
		require.NoError(t, err)
		var taken []*sent
		for n := range 3 {
			b := newSent(n, 1, shape{old: 3})
			batch, err := b.batch()
			require.NoError(t, err)
			_, err = db.Append(t.Context(), batch)
			require.NoError(t, err)
			require.NoError(t, db.Checkpoint(t.Context()))
			taken = append(taken, b)
		}
		require.NoError(t, db.Close())
		opts.NoBackground = false
		db, err = engine.Open(storeDir, opts)
		require.NoError(t, err)
		require.Zero(t, db.Stats().Merges)
		time.Sleep(2 * engine.QuietPeriod)
		synctest.Wait()
		require.NotZero(t, db.Stats().Merges)
		require.NoError(t, db.Close())
		requireHeld(t, &script{}, disk.Kill(), taken)
	})
}
