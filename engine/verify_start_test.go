package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestVerifyInterruptedStart cuts a first start off at each of its operations, by a kill and by a power cut: Verify finds
// no damage, as Open finds none, and says where there is no store yet.
func TestVerifyInterruptedStart(t *testing.T) {
	start := func(disk *simdisk.Disk) error {
		db, err := engine.Open(storeDir, engine.Options{FS: disk, LogFileBytes: 32 << 10, NoBackground: true, Random: constantReader(1)})
		if err == nil {
			err = db.Close()
		}
		return err
	}
	whole := simdisk.New(simdisk.Options{})
	require.NoError(t, start(whole))
	unborn := 0
	check := func(disk *simdisk.Disk, at uint64) {
		v, err := engine.Verify(storeDir, engine.Options{FS: disk})
		names, listErr := disk.List(storeDir)
		if listErr != nil {
			require.ErrorContains(t, err, "file does not exist", "at %d", at)
			return // there is no directory yet
		}
		if len(names) == 0 {
			require.ErrorIs(t, err, engine.ErrNoStore)
			return
		}
		require.NoError(t, err)
		require.Empty(t, v.Findings, "at %d: %v", at, names)
		require.False(t, v.Unlocked)
		if v.Unborn {
			unborn++
		}
		require.NoError(t, start(disk), "at %d", at)
		v, err = engine.Verify(storeDir, engine.Options{FS: disk})
		require.NoError(t, err)
		require.Empty(t, v.Findings)
		require.False(t, v.Unborn)
	}
	for at := uint64(1); at <= whole.Ops(); at++ {
		disk := simdisk.New(simdisk.Options{})
		disk.Inject(simdisk.Fault{Op: at, Kind: simdisk.PowerOff})
		require.Error(t, start(disk))
		for seed := range uint64(8) {
			check(disk.Snapshot().Crash(simdisk.Random(seed)), at)
		}
		check(disk.Kill(), at)
	}
	require.Positive(t, unborn)
}

// TestLostAndFound holds that the root of a new file system is as good as an empty directory, and that nothing else is.
func TestLostAndFound(t *testing.T) {
	for name, opens := range map[string]bool{"lost+found": true, "lost": false, "LOST+FOUND": false, "lost+found.bak": false} {
		disk := simdisk.New(simdisk.Options{})
		require.NoError(t, disk.MkdirAll(storeDir+"/"+name))
		db, err := engine.Open(storeDir, engine.Options{FS: disk, LogFileBytes: 32 << 10, NoBackground: true})
		if !opens {
			require.ErrorIs(t, err, engine.ErrCorrupt)
			require.ErrorContains(t, err, "a new store needs an empty directory")
			continue
		}
		require.NoError(t, err)
		require.NoError(t, db.Close())
		v, err := engine.Verify(storeDir, engine.Options{FS: disk})
		require.NoError(t, err)
		require.Empty(t, v.Findings)
	}
}
