package simdisk_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// free returns the pages that Free reports.
func free(t *testing.T, d *simdisk.Disk) int64 {
	t.Helper()
	n, err := d.Free("/")
	require.NoError(t, err)
	require.Zero(t, n%4096)
	return n / 4096
}

func TestCapacity(t *testing.T) {
	d := newDisk(t, simdisk.Options{Capacity: 10 * 4096})
	f := durableFile(t, d, "/d/a", nil)
	require.EqualValues(t, 10, free(t, d))

	require.NoError(t, f.Allocate(0, 4*4096))
	require.EqualValues(t, 6, free(t, d))
	require.NoError(t, vfs.WriteFull(f, fill('x', 4*4096), 0), "in what was allocated")
	require.EqualValues(t, 6, free(t, d))
	require.NoError(t, vfs.WriteFull(f, []byte("x"), 100*4096), "behind a hole")
	require.EqualValues(t, 5, free(t, d))

	err := f.Allocate(200*4096, 6*4096)
	require.True(t, vfs.IsNoSpace(err), err)
	require.EqualValues(t, 5, free(t, d))
	n, err := f.WriteAt(fill('x', 7*4096), 200*4096+96)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 5*4096-96, n, "as far as the space went")
	require.Zero(t, free(t, d))
	n, err = f.WriteAt([]byte("xy"), 300*4096-1)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Zero(t, n)
	require.NoError(t, vfs.WriteFull(f, []byte("x"), 0), "over what is there")

	d.SetCapacity(11 * 4096)
	require.EqualValues(t, 1, free(t, d))
	require.NoError(t, f.Truncate(4096))
	require.EqualValues(t, 10, free(t, d))
	require.NoError(t, f.Sync())

	require.EqualValues(t, 10, free(t, d.Snapshot().Crash(simdisk.LoseAll())))
	require.EqualValues(t, 10, free(t, d.Snapshot().Kill()))
	require.NoError(t, d.Remove("/d/a"))
	require.EqualValues(t, 10, free(t, d), "still open")
	require.NoError(t, f.Close())
	require.EqualValues(t, 11, free(t, d))
}

func TestCapacityCountsReplacedFiles(t *testing.T) {
	d := newDisk(t, simdisk.Options{Capacity: 10 * 4096})
	for i := range 50 {
		require.NoError(t, vfs.WriteFileAtomic(d, "/d", "a", fill(byte(i), 4*4096)))
	}
	require.EqualValues(t, 6, free(t, d))
}

// mixedUse does some of everything, faults included.
func mixedUse(t *testing.T) *simdisk.Disk {
	t.Helper()
	d := newDisk(t, simdisk.Options{Seed: 1})
	d.StartTrace()
	d.Inject(simdisk.Fault{Op: 9, Kind: simdisk.ShortWrite}, simdisk.Fault{Op: 12, Kind: simdisk.SyncClean})
	f := durableFile(t, d, "/d/a", fill('a', 100))
	for i := range 5 {
		_, _ = f.WriteAt(fill(byte(i), 1000), int64(i)*1000)
		_ = f.SyncData()
	}
	require.NoError(t, d.Rename("/d/a", "/d/b"))
	require.NoError(t, vfs.WriteFileAtomic(d, "/d", "c", []byte("c")))
	return d
}

func TestTraceHash(t *testing.T) {
	reference := mixedUse(t)
	again := mixedUse(t)
	require.Equal(t, reference.TraceHash(), again.TraceHash())
	require.Equal(t, reference.Trace(), again.Trace())
	for seed := range uint64(20) {
		a, b := mixedUse(t).Crash(simdisk.Random(seed)), mixedUse(t).Crash(simdisk.Random(seed))
		for _, d := range []*simdisk.Disk{a, b} {
			require.Zero(t, d.Ops(), "a new machine counts anew")
			f, err := d.Create("/d/content")
			require.NoError(t, err)
			names, err := d.List("/d")
			require.NoError(t, err)
			var all []byte
			for _, name := range names {
				all = append(all, content(t, d, "/d/"+name)...)
			}
			require.NoError(t, vfs.WriteFull(f, all, 0))
		}
		require.Equal(t, a.TraceHash(), b.TraceHash(), "crash with seed %d", seed)
	}

	base := newDisk(t, simdisk.Options{})
	hashes := map[uint64]string{base.TraceHash(): "none"}
	for name, use := range map[string]func(d *simdisk.Disk, f vfs.File){
		"write":         func(_ *simdisk.Disk, f vfs.File) { _, _ = f.WriteAt([]byte("x"), 0) },
		"other data":    func(_ *simdisk.Disk, f vfs.File) { _, _ = f.WriteAt([]byte("y"), 0) },
		"other offset":  func(_ *simdisk.Disk, f vfs.File) { _, _ = f.WriteAt([]byte("x"), 1) },
		"other length":  func(_ *simdisk.Disk, f vfs.File) { _, _ = f.WriteAt([]byte("x\x00"), 0) },
		"sync":          func(_ *simdisk.Disk, f vfs.File) { _ = f.Sync() },
		"other kind":    func(_ *simdisk.Disk, f vfs.File) { _ = f.SyncData() },
		"rename":        func(d *simdisk.Disk, _ vfs.File) { _ = d.Rename("/d/a", "/d/b") },
		"other target":  func(d *simdisk.Disk, _ vfs.File) { _ = d.Rename("/d/a", "/d/c") },
		"failed rename": func(d *simdisk.Disk, _ vfs.File) { next(d, simdisk.EIO); _ = d.Rename("/d/a", "/d/b") },
	} {
		d := newDisk(t, simdisk.Options{})
		f := durableFile(t, d, "/d/a", nil)
		use(d, f)
		require.NotContains(t, hashes, d.TraceHash(), name)
		hashes[d.TraceHash()] = name
	}
}

func TestTrace(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	d.StartTrace()
	f := durableFile(t, d, "/d/a", []byte("123456789"))
	next(d, simdisk.EIO)
	require.Error(t, d.Rename("/d/a", "/d/b"))
	require.NoError(t, f.Allocate(10, 20))
	var lines []string
	for _, op := range d.Trace() {
		lines = append(lines, op.String())
	}
	require.Equal(t, strings.TrimSpace(`
#3 create /d/a
#4 write /d/a [0,+9) e3069283
#5 sync /d/a
#6 syncdir /d
#7 rename /d/a -> /d/b failed
#8 allocate /d/a [10,+20)`), strings.Join(lines, "\n"))
}

func TestRewrites(t *testing.T) {
	d := newDisk(t, simdisk.Options{NoRewrite: func(name string) bool { return strings.HasSuffix(name, ".log") }})
	log, other := durableFile(t, d, "/d/a.log", nil), durableFile(t, d, "/d/b", nil)
	for _, f := range []vfs.File{log, other} {
		require.NoError(t, f.Allocate(0, 1<<16))
		require.NoError(t, vfs.WriteFull(f, fill('x', 700), 0))
		require.NoError(t, vfs.WriteFull(f, fill('x', 700), 300))
		require.NoError(t, f.SyncData())
		require.NoError(t, vfs.WriteFull(f, fill('x', 10), 1024))
	}
	require.Empty(t, d.Rewrites(), "what was allocated may be written, what was not synced written again")
	require.NoError(t, vfs.WriteFull(log, fill('x', 10), 1020))
	require.NoError(t, vfs.WriteFull(other, fill('x', 10), 1020))
	rewrites := d.Rewrites()
	require.Len(t, rewrites, 1)
	require.Equal(t, d.Ops()-1, rewrites[0].Index)
	require.EqualValues(t, 1020, rewrites[0].Off)

	d = d.Crash(simdisk.KeepAll())
	log, err := d.Open("/d/a.log")
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(log, fill('x', 10), 1500))
	require.Empty(t, d.Rewrites())
	require.NoError(t, vfs.WriteFull(log, fill('x', 10), 500))
	require.Len(t, d.Rewrites(), 1, "what was synced before the crash still is")
}

// TestDelay holds that a slow disk costs time of the test's clock and none of the machine's, and delays no other operation.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t, simdisk.Options{Delay: func(op simdisk.Op) {
			if op.Kind == simdisk.OpSync {
				time.Sleep(time.Hour)
			}
		}})
		f, err := d.Create("/d/a")
		require.NoError(t, err)
		start := time.Now()
		var slow sync.WaitGroup
		slow.Go(func() { _ = f.Sync() })
		synctest.Wait()
		require.NoError(t, vfs.WriteFull(f, []byte("x"), 0))
		require.Zero(t, time.Since(start))
		slow.Wait()
		require.Equal(t, time.Hour, time.Since(start))
	})
}

// TestConcurrentUse is for the race detector, and holds that each operation is counted once.
func TestConcurrentUse(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	d.StartHistory()
	before := d.Ops()
	const workers, rounds, opsPerRound = 4, 50, 6
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				name := fmt.Sprintf("/d/%d-%d", w, i)
				f, err := d.Create(name)
				if err != nil {
					t.Error(err)
					return
				}
				_ = vfs.WriteFull(f, fill(byte(i), 600), 0)
				_ = f.Sync()
				_ = d.SyncDir("/d")
				_, _ = d.Snapshot().Crash(simdisk.Random(uint64(i))).List("/d")
				_ = f.Close()
				_ = d.Rename(name, fmt.Sprintf("/d/%d", w))
			}
		})
	}
	all.Wait()
	require.Equal(t, before+workers*rounds*opsPerRound, d.Ops())
	ops := d.History()
	require.True(t, slices.IsSortedFunc(ops, func(a, b *simdisk.Snapshot) int { return int(a.Op()) - int(b.Op()) }))
	names, err := d.List("/d")
	require.NoError(t, err)
	require.Equal(t, []string{"0", "1", "2", "3"}, names)
}
