package wal_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/wal"
)

func countSyncs(disk *simdisk.Disk) (n int) {
	for _, op := range disk.Trace() {
		if op.Kind == simdisk.OpSyncData {
			n++
		}
	}
	return n
}

// TestIdleMark holds that a log which is idle writes one sync mark, a second after its last sync, and that from then on
// damage to the last record is told from a torn write.
func TestIdleMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		disk.StartTrace()
		l, _ := openLog(t, disk, wal.Options{})
		put(t, l, "precious")
		damaged := func() *simdisk.Disk {
			d := disk.Snapshot().Kill()
			d.Damage("/wal/0000000001.log", 4096+40, 1)
			return d
		}
		before := damaged()
		size := l.Size()
		time.Sleep(900 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, size, l.Size())
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, size+4096, l.Size())
		ops := disk.Ops()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, ops, disk.Ops())

		_, replayed := openLog(t, before, wal.Options{})
		require.Empty(t, replayed)
		_, _, err := wal.Open("/wal", wal.Options{FS: damaged(), StoreID: storeID}, nil)
		require.ErrorIs(t, err, wal.ErrCorrupt)
	})
}

// TestSyncInterval holds that records are synced together, an interval after the first of them, and lost before.
func TestSyncInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		disk.StartTrace()
		l, _ := openLog(t, disk, wal.Options{Sync: wal.SyncInterval, SyncInterval: 50 * time.Millisecond})
		put(t, l, "a")
		time.Sleep(30 * time.Millisecond)
		put(t, l, "b")
		synctest.Wait()
		require.Zero(t, countSyncs(disk))
		_, replayed := openLog(t, disk.Snapshot().Crash(simdisk.LoseAll()), wal.Options{})
		require.Empty(t, replayed)
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 1, countSyncs(disk))
		_, replayed = openLog(t, disk.Snapshot().Crash(simdisk.LoseAll()), wal.Options{})
		require.Equal(t, []string{"a", "b"}, replayed)
	})
}

// TestSyncIntervalUnderLoad holds that a log which is never idle is synced in time too.
func TestSyncIntervalUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{Delay: func(op simdisk.Op) {
			if op.Kind == simdisk.OpWrite {
				time.Sleep(time.Millisecond)
			}
		}})
		disk.StartTrace()
		l, _ := openLog(t, disk, wal.Options{Sync: wal.SyncInterval, SyncInterval: 10 * time.Millisecond, FileBytes: 1 << 20})
		begin := time.Now()
		for range 1000 {
			put(t, l, "x")
		}
		want := int(time.Since(begin) / (10 * time.Millisecond))
		require.InDelta(t, want, countSyncs(disk), float64(want)/5)
	})
}

// TestSyncNever holds that nothing is synced until the log is closed.
func TestSyncNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		disk.StartTrace()
		l, _ := openLog(t, disk, wal.Options{Sync: wal.SyncNever})
		put(t, l, "a", "b")
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Zero(t, countSyncs(disk))
		require.NoError(t, l.Close())
		_, replayed := openLog(t, disk.Crash(simdisk.LoseAll()), wal.Options{})
		require.Equal(t, []string{"a", "b"}, replayed)
	})
}
