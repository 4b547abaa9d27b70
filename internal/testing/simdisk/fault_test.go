package simdisk_test

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// next injects a fault into the next operation that it hits.
func next(d *simdisk.Disk, kind simdisk.FaultKind) { d.Inject(simdisk.Fault{Kind: kind}) }

// overwritten returns a disk with a durable file of one sector of 'o', and 'n' written over it.
func overwritten(t *testing.T, seed uint64) (*simdisk.Disk, vfs.File) {
	t.Helper()
	d := newDisk(t, simdisk.Options{Seed: seed})
	f := durableFile(t, d, "/d/a", fill('o', 512))
	require.NoError(t, vfs.WriteFull(f, fill('n', 512), 0))
	return d, f
}

func first(t *testing.T, d *simdisk.Disk) string {
	t.Helper()
	return string(content(t, d, "/d/a")[:1])
}

func afterCrash(t *testing.T, d *simdisk.Disk) string {
	t.Helper()
	return first(t, d.Snapshot().Crash(simdisk.LoseAll()))
}

// TestSyncModes holds, for each way in which a sync fails, what a reader sees, what a second sync says, and what a
// crash after that leaves. Whether the failed sync wrote anything is the seed's choice, so each must occur.
func TestSyncModes(t *testing.T) {
	for _, test := range []struct {
		kind         simdisk.FaultKind
		first        error
		second       error
		cacheFollows bool // the cache shows what the disk has, not what was written
		lossy        bool // the data may be gone although the second sync succeeded
	}{
		{simdisk.EIO, syscall.EIO, nil, false, false},
		{simdisk.SyncClean, syscall.EIO, nil, false, true},
		{simdisk.SyncReverted, syscall.EIO, nil, true, true},
		{simdisk.SyncLate, nil, syscall.EIO, false, true},
	} {
		t.Run(test.kind.String(), func(t *testing.T) {
			left := make(map[string]int)
			for seed := range uint64(50) {
				d, f := overwritten(t, seed)
				next(d, test.kind)
				err := f.SyncData()
				require.ErrorIs(t, err, test.first)
				if test.kind == simdisk.SyncLate {
					require.Equal(t, "n", afterCrash(t, d), "the journal has it")
				}
				require.ErrorIs(t, f.SyncData(), test.second)
				require.NoError(t, f.Sync(), "the third knows nothing of it")
				disk := afterCrash(t, d)
				left[disk]++
				if test.cacheFollows {
					require.Equal(t, disk, first(t, d))
				} else {
					require.Equal(t, "n", first(t, d), "the cache has the new bytes whatever the disk has")
				}
				require.Equal(t, disk, first(t, d.Snapshot().Crash(simdisk.KeepAll())), "nothing is left to be written")
			}
			if !test.lossy {
				require.Equal(t, map[string]int{"n": 50}, left)
				return
			}
			require.Positive(t, left["o"])
			require.Positive(t, left["n"])
		})
	}
}

// TestRewriteAfterFailedSync holds that bytes written again after a failed sync are synced by the next.
func TestRewriteAfterFailedSync(t *testing.T) {
	for _, kind := range []simdisk.FaultKind{simdisk.SyncClean, simdisk.SyncReverted} {
		for seed := range uint64(20) {
			d, f := overwritten(t, seed)
			next(d, kind)
			require.ErrorIs(t, f.Sync(), syscall.EIO)
			require.NoError(t, vfs.WriteFull(f, fill('m', 512), 0))
			require.NoError(t, f.Sync())
			require.Equal(t, "m", afterCrash(t, d), "%s, seed %d", kind, seed)
		}
	}
}

// TestFailedSyncOfGrownFile holds that a sync after a failed one may make a size durable whose bytes are lost: the tail
// reads as zeros.
func TestFailedSyncOfGrownFile(t *testing.T) {
	zeros := 0
	for seed := range uint64(50) {
		d := newDisk(t, simdisk.Options{Seed: seed})
		f := durableFile(t, d, "/d/a", nil)
		require.NoError(t, vfs.WriteFull(f, fill('n', 512), 0))
		next(d, simdisk.SyncClean)
		require.Error(t, f.Sync())
		require.NoError(t, f.Sync())
		got := content(t, d.Crash(simdisk.LoseAll()), "/d/a")
		require.Len(t, got, 512)
		if got[0] == 0 {
			zeros++
		}
	}
	require.Positive(t, zeros)
}

func TestFailedSyncDir(t *testing.T) {
	lost := 0
	for seed := range uint64(50) {
		d := newDisk(t, simdisk.Options{Seed: seed})
		_, err := d.Create("/d/a")
		require.NoError(t, err)
		next(d, simdisk.SyncClean)
		require.ErrorIs(t, d.SyncDir("/d"), syscall.EIO)
		require.True(t, exists(t, d, "/d", "a"))
		if !exists(t, d.Snapshot().Crash(simdisk.LoseAll()), "/d", "a") {
			lost++
		}
	}
	require.Positive(t, lost)
	require.Less(t, lost, 50)

	d := newDisk(t, simdisk.Options{})
	next(d, simdisk.SyncClean)
	require.ErrorIs(t, d.SyncDir("/d"), syscall.EIO, "with nothing to sync, too")
}

func TestShortWrites(t *testing.T) {
	for seed := range uint64(20) {
		for kind, want := range map[simdisk.FaultKind]error{simdisk.ShortWrite: nil, simdisk.ShortWriteEIO: syscall.EIO} {
			d := newDisk(t, simdisk.Options{Seed: seed})
			f := durableFile(t, d, "/d/a", nil)
			next(d, kind)
			n, err := f.WriteAt(fill('n', 1000), 0)
			require.ErrorIs(t, err, want)
			require.Less(t, n, 1000)
			size, err := f.Size()
			require.NoError(t, err)
			require.EqualValues(t, n, size)

			next(d, simdisk.ShortWrite)
			require.NoError(t, vfs.WriteFull(f, nil, 0), "nothing cannot stop short")
			require.ErrorIs(t, vfs.WriteFull(f, fill('n', 1000), 0), io.ErrShortWrite)
		}
	}
}

func TestLostWrite(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", fill('o', 1024))
	next(d, simdisk.LostWrite)
	require.NoError(t, vfs.WriteFull(f, fill('n', 512), 0))
	require.NoError(t, vfs.WriteFull(f, fill('n', 512), 512))
	require.NoError(t, f.Sync())
	require.Equal(t, string(fill('n', 1024)), string(content(t, d, "/d/a")))
	require.Equal(t, string(fill('o', 512))+string(fill('n', 512)), string(content(t, d.Crash(simdisk.KeepAll()), "/d/a")))
}

func TestPowerOff(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", []byte("old"))
	d.Inject(simdisk.Fault{Op: d.Ops() + 2, Kind: simdisk.PowerOff})
	_, err := f.Size()
	require.NoError(t, err)
	require.ErrorIs(t, vfs.WriteFull(f, []byte("new"), 0), simdisk.ErrHalted)
	require.ErrorIs(t, f.Sync(), simdisk.ErrHalted)
	require.Equal(t, "old", string(content(t, d.Crash(simdisk.KeepAll()), "/d/a")))
}

// TestEIOStrikesEveryOperation runs every operation there is with an EIO and holds that it fails, with the name and
// without effect, and succeeds the next time.
func TestEIOStrikesEveryOperation(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", fill('o', 10))
	var lock io.Closer
	discard := func(_ any, err error) error { return err }
	struck := 0
	for _, op := range []struct {
		kind simdisk.OpKind
		run  func() error
	}{
		{simdisk.OpCreate, func() error { return discard(d.Create("/d/new")) }},
		{simdisk.OpOpen, func() error { return discard(d.Open("/d/a")) }},
		{simdisk.OpOpenRead, func() error { return discard(d.OpenRead("/d/a")) }},
		{simdisk.OpRename, func() error { return d.Rename("/d/new", "/d/newer") }},
		{simdisk.OpRemove, func() error { return d.Remove("/d/newer") }},
		{simdisk.OpList, func() error { return discard(d.List("/d")) }},
		{simdisk.OpMkdirAll, func() error { return d.MkdirAll("/d/x") }},
		{simdisk.OpSyncDir, func() error { return d.SyncDir("/d") }},
		{simdisk.OpLock, func() (err error) {
			lock, err = d.Lock("/d/LOCK")
			return err
		}},
		{simdisk.OpFree, func() error { return discard(d.Free("/d")) }},
		{simdisk.OpRead, func() error { return discard(f.ReadAt(make([]byte, 1), 0)) }},
		{simdisk.OpWrite, func() error { return discard(f.WriteAt([]byte("x"), 0)) }},
		{simdisk.OpSize, func() error { return discard(f.Size()) }},
		{simdisk.OpSync, func() error { return f.Sync() }},
		{simdisk.OpSyncData, func() error { return f.SyncData() }},
		{simdisk.OpAllocate, func() error { return f.Allocate(0, 10) }},
		{simdisk.OpTruncate, func() error { return f.Truncate(5) }},
	} {
		next(d, simdisk.EIO)
		before := d.Snapshot()
		err := op.run()
		require.ErrorIs(t, err, syscall.EIO, op.kind)
		require.ErrorContains(t, err, op.kind.String()+" /d")
		require.Equal(t, before.Unsynced(), d.Snapshot().Unsynced(), op.kind)
		require.NoError(t, op.run(), op.kind)
		struck++
	}
	require.Len(t, d.Strikes(), struck)

	next(d, simdisk.EIO)
	require.ErrorIs(t, lock.Close(), syscall.EIO)
	_, err := d.Lock("/d/LOCK")
	require.NoError(t, err, "closing closes, whatever it says")
	next(d, simdisk.EIO)
	require.ErrorIs(t, f.Close(), syscall.EIO)
	require.ErrorContains(t, f.Close(), "closed")
}

func TestOnceAndSticky(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", nil)
	at := d.Ops() + 2
	d.Inject(simdisk.Fault{Op: at, Kind: simdisk.ENOSPC}, simdisk.Fault{Op: at + 3, Kind: simdisk.EIO, Sticky: true})
	var got []string
	for range 7 {
		err := vfs.WriteFull(f, []byte("x"), 0)
		switch {
		case err == nil:
			got = append(got, "ok")
		case vfs.IsNoSpace(err):
			got = append(got, "full")
		case errors.Is(err, syscall.EIO):
			got = append(got, "io")
		}
	}
	require.Equal(t, []string{"ok", "full", "ok", "ok", "io", "io", "io"}, got)
	var strikes []string
	for _, s := range d.Strikes() {
		strikes = append(strikes, fmt.Sprintf("%s +%d %s", s.Kind, s.Op.Index-at, s.Op.Kind))
	}
	require.Equal(t, []string{"ENOSPC +0 write", "EIO +3 write", "EIO +4 write", "EIO +5 write"}, strikes)
	d.Heal()
	require.NoError(t, vfs.WriteFull(f, []byte("x"), 0))
}

// TestFaultWaitsForAnOperationItHits holds that a fault passes over operations of other kinds.
func TestFaultWaitsForAnOperationItHits(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", nil)
	next(d, simdisk.EMFILE)
	require.NoError(t, vfs.WriteFull(f, []byte("x"), 0))
	_, err := d.OpenRead("/d/a")
	require.ErrorIs(t, err, syscall.EMFILE)
	for _, kind := range simdisk.FaultKinds() {
		parsed, err := simdisk.ParseFaultKind(kind.String())
		require.NoError(t, err)
		require.Equal(t, kind, parsed)
		require.True(t, kind.Hits(simdisk.OpSync) || kind.Hits(simdisk.OpWrite) || kind.Hits(simdisk.OpOpen), kind)
		require.False(t, kind != simdisk.EIO && kind.Hits(simdisk.OpRead), kind)
	}
	_, err = simdisk.ParseFaultKind("none")
	require.Error(t, err)
}
