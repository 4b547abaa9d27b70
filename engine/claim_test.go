package engine_test

import (
	"errors"
	"path"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// taking is a way in which a store's directory is taken away from a process that has it open. There is a backup of the
// store in backupDir, and another store in otherDir.
type taking struct {
	name string
	take func(disk *simdisk.Disk)
	// back undoes it; kept is where the other directory is meanwhile that must stay as it was.
	back func(disk *simdisk.Disk)
	kept string
	// late tells that appends may be acknowledged until the next name is changed, or a second is over.
	late bool
}

const (
	backupDir = "/data/backup"
	otherDir  = "/data/other"
	asideDir  = "/data/aside"
	goneDir   = "/gone"
)

func takings() []taking {
	swap := func(name string) taking {
		return taking{
			name: name + " is another's",
			late: name != "LOCK",
			take: func(d *simdisk.Disk) {
				d.Move(path.Join(storeDir, name), path.Join(asideDir, name))
				d.Move(path.Join(otherDir, name), path.Join(storeDir, name))
			},
			back: func(d *simdisk.Disk) {
				d.Move(path.Join(storeDir, name), path.Join(otherDir, name))
				d.Move(path.Join(asideDir, name), path.Join(storeDir, name))
			},
			kept: otherDir,
		}
	}
	move := func(name, from, to string) taking {
		return taking{
			name: name,
			take: func(d *simdisk.Disk) { d.Move(from, to) },
			back: func(d *simdisk.Disk) { d.Move(to, from) },
			kept: otherDir,
		}
	}
	return []taking{
		move("moved", storeDir, asideDir+"/store"),
		move("moved with the directory above", "/data", goneDir),
		move("unlocked", storeDir+"/LOCK", asideDir+"/LOCK"),
		{
			name: "replaced by a backup",
			take: func(d *simdisk.Disk) { d.Move(storeDir, asideDir+"/store"); d.Move(backupDir, storeDir) },
			back: func(d *simdisk.Disk) { d.Move(storeDir, backupDir); d.Move(asideDir+"/store", storeDir) },
			kept: backupDir,
		},
		swap("LOCK"), swap("store-id"), swap("wal"), swap("segments"),
	}
}

// copyTree copies a directory as a backup does.
func copyTree(t *testing.T, disk *simdisk.Disk, from, to string) {
	t.Helper()
	require.NoError(t, disk.MkdirAll(to))
	names, err := disk.List(from)
	require.NoError(t, err)
	for _, name := range names {
		data, err := vfs.ReadFile(disk, path.Join(from, name))
		if errors.Is(err, vfs.ErrNotRegular) {
			copyTree(t, disk, path.Join(from, name), path.Join(to, name))
			continue
		}
		require.NoError(t, err)
		require.NoError(t, vfs.WriteFileAtomic(disk, to, name, data))
	}
}

// readTree returns the files in a directory and in those below it.
func readTree(t *testing.T, disk *simdisk.Disk, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	names, err := disk.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		data, err := vfs.ReadFile(disk, path.Join(dir, name))
		if errors.Is(err, vfs.ErrNotRegular) {
			for below, content := range readTree(t, disk, path.Join(dir, name)) {
				files[path.Join(name, below)] = content
			}
			continue
		}
		require.NoError(t, err)
		files[name] = string(data)
	}
	return files
}

// takenSession is a session on a disk on which the directory is taken away at an operation of it.
type takenSession struct {
	*session

	how    taking
	ledger ledger
	// left counts the operations until then; taken is set from then on.
	left  atomic.Int64
	taken atomic.Bool
}

// newTaken returns a session of a store that was used before, with a backup and another store beside it.
func newTaken(t *testing.T, w *script, how taking) *takenSession {
	t.Helper()
	s := &takenSession{how: how}
	disk := simdisk.New(simdisk.Options{Delay: func(simdisk.Op) {
		if s.left.Add(-1) == 0 {
			how.take(s.disk)
			s.taken.Store(true)
		}
	}})
	first := newSession(w, disk, nil, s.ledger.begin)
	require.NoError(t, first.open())
	first.append(1)
	first.close()
	require.NoError(t, first.err)
	other, err := engine.Open(otherDir, engine.Options{FS: disk, LogFileBytes: 32 << 10, NoBackground: true})
	require.NoError(t, err)
	require.NoError(t, other.Close())
	copyTree(t, disk, storeDir, backupDir)
	require.NoError(t, disk.MkdirAll(asideDir))
	s.session = newSession(w, disk, s.ledger.facts, s.begin)
	s.acknowledged = first.acknowledged
	s.left.Store(0)
	return s
}

// takenStep is a request that may not be acknowledged: the directory was taken away before it began.
type takenStep struct{ step }

func (takenStep) Acknowledge() { panic("acknowledged into a directory that was taken away") }

func (s *takenSession) begin(b *sent) step {
	step := s.ledger.begin(b)
	if s.taken.Load() && !s.how.late && b.expired == nil {
		return takenStep{step}
	}
	return step
}

// TestTaken takes the directory away from an open store, at every operation of the workloads and in every way. From then on nothing is
// acknowledged, nothing is written where the path leads, Close says why, and the directory, put back, has what was
// acknowledged.
func TestTaken(t *testing.T) {
	for _, w := range scripts() {
		if w.name == "restart" || w.name == "spill" {
			continue // they open what is in the directory's place
		}
		operations := -newUntaken(t, w).left.Load()
		for i, how := range takings() {
			t.Run(w.name+"/"+how.name, func(t *testing.T) {
				stride := max(1, operations/int64(crashFlags.Sweep(24).Cases))
				for at := 1 + int64(i)%stride; at <= operations; at += stride {
					takeAt(t, w, at, how)
				}
			})
		}
	}
}

// newUntaken runs a workload through. It counts its operations.
func newUntaken(t *testing.T, w *script) *takenSession {
	t.Helper()
	s := newTaken(t, w, taking{})
	require.NoError(t, s.open())
	s.left.Store(0)
	w.run(s.session)
	s.close()
	require.NoError(t, s.err)
	return s
}

func takeAt(t *testing.T, w *script, at int64, how taking) {
	t.Helper()
	s := newTaken(t, w, how)
	kept := readTree(t, s.disk, how.kept)
	require.NoError(t, s.open())
	s.left.Store(at)
	w.run(s.session)
	err := s.db.Close()
	require.True(t, s.taken.Load(), "at %d", at)
	if err != nil {
		require.ErrorIs(t, err, engine.ErrTaken, "at %d", at)
	}
	how.back(s.disk)
	require.Equal(t, kept, readTree(t, s.disk, how.kept), "at %d: nothing is written to what is another's", at)
	next := newSession(w, s.disk.Kill(), s.ledger.facts, new(ledger).begin)
	require.NoError(t, next.open(), "at %d", at)
	_, err = next.compare(s.ledger.facts)
	require.NoError(t, err, "at %d", at)
	next.close()
}
