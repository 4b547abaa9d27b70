package simdisk_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// script is a Chooser that says what it was told: fates in turn, the same position always.
type script struct {
	fates []simdisk.Fate
	pick  int
}

func (s *script) File(int)       {}
func (s *script) Pick(n int) int { return min(s.pick, n-1) }
func (s *script) Fill(p []byte)  { copy(p, fill('g', len(p))) }

func (s *script) Sector() simdisk.Fate {
	fate := s.fates[0]
	s.fates = s.fates[1:]
	return fate
}

func TestEachFateOfASector(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	gone := durableFile(t, d, "/d/gone", fill('s', 512))
	require.NoError(t, gone.Close())
	require.NoError(t, d.Remove("/d/gone"))
	require.NoError(t, d.SyncDir("/d"))
	f := durableFile(t, d, "/d/a", fill('o', 6*512))
	_, err := f.WriteAt(fill('n', 6*512), 0)
	require.NoError(t, err)

	got := content(t, d.Crash(&script{fates: []simdisk.Fate{
		simdisk.Lost, simdisk.Kept, simdisk.TornHead, simdisk.TornTail, simdisk.Garbage, simdisk.Stale,
	}}), "/d/a")
	want := bytes.Join([][]byte{
		fill('o', 512), fill('n', 512), fill('n', 1), fill('o', 511), fill('o', 1), fill('n', 511), fill('g', 512), fill('s', 512),
	}, nil)
	require.Equal(t, string(want), string(got))
}

func TestSyncedBytesSurviveEveryCrash(t *testing.T) {
	for _, sync := range []func(vfs.File) error{vfs.File.Sync, vfs.File.SyncData} {
		d := newDisk(t, simdisk.Options{})
		f := durableFile(t, d, "/d/a", nil)
		require.NoError(t, vfs.WriteFull(f, fill('a', 5000), 100))
		require.NoError(t, sync(f))
		require.NoError(t, vfs.WriteFull(f, fill('b', 5000), 8192))
		s := d.Snapshot()
		for seed := range uint64(200) {
			got := content(t, s.Crash(simdisk.Random(seed)), "/d/a")
			require.GreaterOrEqual(t, len(got), 5100, "seed %d", seed)
			require.Equal(t, fill('a', 5000), got[100:5100], "seed %d", seed)
		}
	}
}

// TestBlockBytes holds that a drive which rewrites 4 KiB blocks endangers synced sectors beside the written one, and
// one of 512 B does not.
func TestBlockBytes(t *testing.T) {
	for _, block := range []int64{512, 4096} {
		t.Run(fmt.Sprintf("block=%d", block), func(t *testing.T) {
			d := newDisk(t, simdisk.Options{BlockBytes: block})
			f := durableFile(t, d, "/d/a", fill('o', 8192))
			require.NoError(t, vfs.WriteFull(f, []byte("n"), 5000))
			s := d.Snapshot()
			damaged := 0
			for seed := range uint64(200) {
				got := content(t, s.Crash(simdisk.Random(seed)), "/d/a")
				require.Equal(t, fill('o', 4096), got[:4096], "seed %d: another block", seed)
				if !bytes.Equal(got[6144:], fill('o', 2048)) {
					damaged++
				}
			}
			require.Equal(t, block == 4096, damaged > 0, "%d of 200", damaged)
		})
	}
}

// TestSizeAfterCrash holds that the size is any that the file had since it was synced, and that data beyond it is gone.
func TestSizeAfterCrash(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", fill('a', 10))
	require.NoError(t, vfs.WriteFull(f, fill('b', 10), 10))
	require.NoError(t, f.Allocate(0, 5000))
	require.NoError(t, f.Truncate(15))
	s := d.Snapshot()
	seen := make(map[int]bool)
	for o := new(simdisk.Odometer); o.More(); {
		d := s.Crash(o)
		got := content(t, d, "/d/a")
		seen[len(got)] = true
		require.Equal(t, "aaaaaaaaaa", string(got[:10]))
		f, err := d.Open("/d/a")
		require.NoError(t, err)
		require.NoError(t, f.Truncate(9000))
		require.Equal(t, string(make([]byte, 9000-len(got))), string(content(t, d, "/d/a")[len(got):]))
	}
	require.Equal(t, map[int]bool{10: true, 20: true, 5000: true, 15: true}, seen)

	require.NoError(t, f.Truncate(30))
	require.Equal(t, "bbbbb"+string(make([]byte, 15)), string(content(t, d, "/d/a")[10:]), "no bytes return from beyond a cut")
}

// TestSyncDataLeavesSizesNobodyNeeds holds that SyncData makes a size durable which a write needs, and Sync every size.
func TestSyncDataLeavesSizesNobodyNeeds(t *testing.T) {
	size := func(d *simdisk.Disk) int { return len(content(t, d.Snapshot().Crash(simdisk.LoseAll()), "/d/a")) }
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", fill('a', 10))
	require.NoError(t, f.Allocate(0, 4096))
	require.NoError(t, f.SyncData())
	require.Equal(t, 10, size(d))
	require.NoError(t, vfs.WriteFull(f, fill('b', 10), 100))
	require.NoError(t, f.SyncData())
	require.Equal(t, 4096, size(d))
	require.NoError(t, f.Truncate(8192))
	require.NoError(t, f.Sync())
	require.Equal(t, 8192, size(d))
}

func TestUnsyncedNamesAreLostOrKept(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f, err := d.Create("/d/new")
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(f, []byte("x"), 0))
	require.NoError(t, f.Sync())
	s := d.Snapshot()
	require.False(t, exists(t, s.Crash(simdisk.LoseAll()), "/d", "new"), "a synced file may lose its name")
	require.Equal(t, "x", string(content(t, s.Crash(simdisk.KeepAll()), "/d/new")))

	require.NoError(t, d.SyncDir("/d"))
	require.Equal(t, "x", string(content(t, d.Snapshot().Crash(simdisk.LoseAll()), "/d/new")))

	require.NoError(t, d.Remove("/d/new"))
	s = d.Snapshot()
	require.Equal(t, "x", string(content(t, s.Crash(simdisk.LoseAll()), "/d/new")), "a removed file may come back")
	require.False(t, exists(t, s.Crash(simdisk.KeepAll()), "/d", "new"))
}

func TestUnsyncedDirectoryIsLostWithAllInIt(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	require.NoError(t, d.MkdirAll("/d/x/y"))
	f, err := d.Create("/d/x/y/a")
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, d.SyncDir("/d/x/y"))
	require.NoError(t, d.SyncDir("/d/x"))
	_, err = d.Snapshot().Crash(simdisk.LoseAll()).List("/d/x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, d.SyncDir("/d"))
	require.True(t, exists(t, d.Snapshot().Crash(simdisk.LoseAll()), "/d/x/y", "a"))
}

// TestRenameIsSeenInFourWays holds that an unsynced rename leaves the old name, the new, both or neither, but never takes away
// a target that was there.
func TestRenameIsSeenInFourWays(t *testing.T) {
	for _, replace := range []bool{false, true} {
		t.Run(fmt.Sprintf("replace=%v", replace), func(t *testing.T) {
			d := newDisk(t, simdisk.Options{})
			durableFile(t, d, "/d/old", []byte("fresh"))
			if replace {
				durableFile(t, d, "/d/new", []byte("stale"))
			}
			require.NoError(t, d.Rename("/d/old", "/d/new"))
			s := d.Snapshot()
			seen := make(map[string]bool)
			for o := new(simdisk.Odometer); o.More(); {
				d := s.Crash(o)
				state := fmt.Sprintf("old %v", exists(t, d, "/d", "old"))
				if exists(t, d, "/d", "new") {
					state += " new " + string(content(t, d, "/d/new"))
				}
				seen[state] = true
			}
			want := map[string]bool{"old true": true, "old false": true, "old true new fresh": true, "old false new fresh": true}
			if replace {
				want = map[string]bool{
					"old true new stale": true, "old false new stale": true, "old true new fresh": true, "old false new fresh": true,
				}
			}
			require.Equal(t, want, seen)
		})
	}
}

// TestBothNamesOfOneFile holds that a file which a crash left two names behaves as POSIX says.
func TestBothNamesOfOneFile(t *testing.T) {
	d := newDisk(t, simdisk.Options{Capacity: 1 << 20})
	durableFile(t, d, "/d/old", []byte("x"))
	require.NoError(t, d.Rename("/d/old", "/d/new"))
	for o := new(simdisk.Odometer); o.More(); {
		d := d.Snapshot().Crash(o)
		if !exists(t, d, "/d", "old") || !exists(t, d, "/d", "new") {
			continue
		}
		free, err := d.Free("/")
		require.NoError(t, err)
		require.NoError(t, d.Rename("/d/old", "/d/new"), "does nothing")
		require.True(t, exists(t, d, "/d", "old"))
		require.NoError(t, d.Remove("/d/old"))
		require.Equal(t, "x", string(content(t, d, "/d/new")))
		now, err := d.Free("/")
		require.NoError(t, err)
		require.Equal(t, free, now)
		require.NoError(t, d.Remove("/d/new"))
		now, err = d.Free("/")
		require.NoError(t, err)
		require.Equal(t, free+4096, now)
		return
	}
	t.Fatal("no state with both names")
}

func TestCrashedDiskIsHalted(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", []byte("x"))
	lock, err := d.Lock("/d/LOCK")
	require.NoError(t, err)
	next := d.Crash(simdisk.KeepAll())

	_, err = f.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, simdisk.ErrHalted)
	require.ErrorIs(t, vfs.WriteFull(f, []byte("y"), 0), simdisk.ErrHalted)
	require.ErrorIs(t, f.Sync(), simdisk.ErrHalted)
	require.ErrorIs(t, f.Close(), simdisk.ErrHalted)
	require.ErrorIs(t, lock.Close(), simdisk.ErrHalted)
	_, err = d.List("/")
	require.ErrorIs(t, err, simdisk.ErrHalted)

	lock, err = next.Lock("/d/LOCK")
	require.NoError(t, err, "the lock died with its machine")
	require.NoError(t, lock.Close())
	require.Equal(t, "x", string(content(t, next, "/d/a")))
}

// TestKillKeepsTheCache holds that the end of a process loses nothing and syncs nothing.
func TestKillKeepsTheCache(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", []byte("old"))
	_, err := d.Lock("/d/LOCK")
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(f, []byte("new"), 0))
	s := d.Snapshot()

	d = d.Kill()
	require.ErrorIs(t, f.Sync(), simdisk.ErrHalted)
	_, err = d.Lock("/d/LOCK")
	require.NoError(t, err)
	require.Equal(t, "new", string(content(t, d, "/d/a")))
	require.Equal(t, "old", string(content(t, d.Snapshot().Crash(simdisk.LoseAll()), "/d/a")))
	f, err = d.Open("/d/a")
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.Equal(t, "new", string(content(t, d.Snapshot().Crash(simdisk.LoseAll()), "/d/a")))
	require.Equal(t, "old", string(content(t, s.Crash(simdisk.LoseAll()), "/d/a")), "a snapshot never changes")
}

// TestSnapshotsShareNothingThatChanges writes to many disks made of one snapshot, with changes synced and not.
func TestSnapshotsShareNothingThatChanges(t *testing.T) {
	for _, synced := range []bool{false, true} {
		t.Run(fmt.Sprintf("synced=%v", synced), func(t *testing.T) {
			d := newDisk(t, simdisk.Options{})
			f := durableFile(t, d, "/d/a", fill('0', 4096))
			for i := range 3 {
				require.NoError(t, vfs.WriteFull(f, fill('1', 512), int64(i)*512))
			}
			if synced {
				require.NoError(t, f.Sync())
			}
			s := d.Snapshot()
			disks := []*simdisk.Disk{d, s.Kill(), s.Kill(), s.Crash(simdisk.KeepAll()), s.Crash(simdisk.KeepAll())}
			for i, d := range disks {
				f, err := d.Open("/d/a")
				require.NoError(t, err)
				require.NoError(t, vfs.WriteFull(f, fill(byte('a'+i), 512), 3*512))
				g, err := d.Create(fmt.Sprintf("/d/of %d", i))
				require.NoError(t, err)
				require.NoError(t, vfs.WriteFull(g, []byte("x"), 0))
			}
			want := append(fill('1', 3*512), fill('0', 5*512)...)
			require.Equal(t, string(want), string(content(t, s.Crash(simdisk.KeepAll()), "/d/a")))
			for i, d := range disks {
				copy(want[3*512:], fill(byte('a'+i), 512))
				d = d.Crash(simdisk.KeepAll())
				require.Equal(t, string(want), string(content(t, d, "/d/a")), "disk %d", i)
				names, err := d.List("/d")
				require.NoError(t, err)
				require.Equal(t, []string{"a", fmt.Sprintf("of %d", i)}, names)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	d.StartHistory()
	start := d.Ops()
	f := durableFile(t, d, "/d/a", []byte("one"))
	_, err := f.Size()
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(f, []byte("two"), 0))
	history := d.History()
	var ops []uint64
	for _, s := range history {
		ops = append(ops, s.Op()-start)
	}
	require.Equal(t, []uint64{0, 1, 2, 3, 4, 6}, ops, "create, write, sync, syncdir, not size, write")
	require.Same(t, history[4], simdisk.At(history, start+5))
	require.Same(t, history[0], simdisk.At(history, start))
	require.Equal(t, "one", string(content(t, history[4].Crash(simdisk.Random(1)), "/d/a")))
	require.Zero(t, history[4].Unsynced())
	require.Equal(t, 1, history[5].Unsynced())
}

func TestDamage(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	durableFile(t, d, "/d/a", []byte{0, 0, 0xff})
	s := d.Snapshot()
	before := d.Ops()
	d.Damage("/d/a", 2, 0x10)
	require.Equal(t, before, d.Ops())
	require.Equal(t, []byte{0, 0, 0xef}, content(t, d, "/d/a"))
	require.Equal(t, []byte{0, 0, 0xef}, content(t, d.Crash(simdisk.LoseAll()), "/d/a"))
	require.Equal(t, []byte{0, 0, 0xff}, content(t, s.Kill(), "/d/a"))
}
