package engine_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// moody is a disk that fails as it is told.
type moody struct {
	vfs.FS

	// creates is the error of making a file in the directory of that name, syncs and dirs those of syncing a file and a
	// directory. Nil is none.
	creates, syncs, dirs atomic.Pointer[fault]
	// held is what the making of a pack waits for, if it is not nil.
	held chan struct{}
}

type fault struct {
	dir string
	err error
}

// moodyDir is a directory of such a disk.
type moodyDir struct {
	vfs.Dir

	disk *moody
}

func (m *moody) OpenDir(dir string) (vfs.Dir, error) {
	opened, err := m.FS.OpenDir(dir)
	return moodyDir{opened, m}, err
}

func (d moodyDir) Create(name string) (vfs.File, error) {
	m := d.disk
	if m.held != nil && filepath.Base(filepath.Dir(name)) == "segments" {
		<-m.held
	}
	if f := m.creates.Load(); f != nil && filepath.Base(filepath.Dir(name)) == f.dir {
		return nil, &fs.PathError{Op: "create", Path: name, Err: f.err}
	}
	file, err := d.Dir.Create(name)
	return &moodyFile{file, m}, err
}

func (d moodyDir) SyncDir(name string) error {
	if f := d.disk.dirs.Load(); f != nil {
		return &fs.PathError{Op: "sync", Path: name, Err: f.err}
	}
	return d.Dir.SyncDir(name)
}

type moodyFile struct {
	vfs.File
	disk *moody
}

func (f *moodyFile) SyncData() error {
	if x := f.disk.syncs.Load(); x != nil {
		return x.err
	}
	return f.File.SyncData()
}

// TestHealthAgreesWithAppend brings a store into each state in which it takes no events, and out of it where that is
// possible: what Health says is what an append meets, before, meanwhile and after.
func TestHealthAgreesWithAppend(t *testing.T) {
	const headBytes = 4 << 10
	for _, test := range []struct {
		name   string
		class  error
		begin  func(*moody, *engine.DB)
		end    func(*moody, *engine.DB) // nil where only a restart helps
		failed bool
	}{
		{
			name: "the disk is full", class: engine.ErrNoSpace,
			begin: func(m *moody, _ *engine.DB) { m.creates.Store(&fault{"wal", syscall.ENOSPC}) },
			end:   func(m *moody, _ *engine.DB) { m.creates.Store(nil) },
		},
		{
			name: "no descriptors are left", class: engine.ErrUnavailable,
			begin: func(m *moody, _ *engine.DB) { m.creates.Store(&fault{"wal", syscall.EMFILE}) },
			end:   func(m *moody, _ *engine.DB) { m.creates.Store(nil) },
		},
		{
			name: "checkpoints fail and heads are full", class: engine.ErrUnsealed,
			begin: func(m *moody, _ *engine.DB) { m.creates.Store(&fault{"segments", syscall.EIO}) },
			end:   func(m *moody, _ *engine.DB) { m.creates.Store(nil) },
		},
		{
			name: "the log is poisoned", class: engine.ErrDegraded, failed: true,
			begin: func(m *moody, _ *engine.DB) { m.syncs.Store(&fault{err: syscall.EIO}) },
		},
		{
			name: "a checkpoint is of unknown outcome", class: engine.ErrDegraded, failed: true,
			begin: func(m *moody, db *engine.DB) {
				m.dirs.Store(&fault{err: syscall.EIO})
				_ = db.Checkpoint(context.Background())
			},
		},
		{
			name: "what is durable could not be published", class: engine.ErrDegraded, failed: true,
			begin: func(_ *moody, db *engine.DB) { db.Fail(errors.New("unreadable")) },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &moody{FS: simdisk.New(simdisk.Options{})}
				db, err := engine.Open(storeDir, engine.Options{
					FS: m, HeadBytes: headBytes, LogFileBytes: 32 << 10, Now: func() time.Time { return testNow },
				})
				require.NoError(t, err)
				t.Cleanup(db.Abandon)
				sent := 0
				send := func() error {
					sent++
					_, err := db.Append(context.Background(), oneEvent(t, db, strconv.Itoa(sent)))
					return err
				}
				agree := func() (refused bool) {
					h := db.Health()
					err := send()
					if errors.Is(err, engine.ErrOutcomeUnknown) { // it was this one that met the fault
						return false
					}
					require.Equal(t, h.Degraded, err != nil, "%v: %v", h.Reason, err)
					if err != nil {
						require.ErrorIs(t, err, test.class)
						require.ErrorIs(t, h.Err, test.class)
						require.Equal(t, h.Err.Error(), h.Reason)
					}
					require.Equal(t, h.Degraded && test.failed, h.Failed)
					return err != nil
				}
				for range 20 {
					require.False(t, agree())
				}
				test.begin(m, db)
				refused := 0
				for i := 0; refused < 5; i++ {
					require.Less(t, i, 1000)
					h := db.Health()
					if err := send(); err != nil && !h.Degraded {
						continue // the state changes under it; from here on they agree
					}
					if agree() {
						refused++
					}
				}
				if test.end == nil {
					return
				}
				test.end(m, db)
				time.Sleep(3 * time.Second)
				for range 20 {
					require.False(t, agree())
				}
			})
		})
	}
}

// TestHealthWhileHeadsAreFull holds a checkpoint up while heads are full: appends wait and health is good, as they are
// taken in time; when it takes too long both say so, and both are well when it is over.
func TestHealthWhileHeadsAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &moody{FS: simdisk.New(simdisk.Options{}), held: make(chan struct{})}
		db, err := engine.Open(storeDir, engine.Options{FS: m, HeadBytes: 4 << 10, LogFileBytes: 1 << 20, Now: func() time.Time { return testNow }})
		require.NoError(t, err)
		t.Cleanup(db.Abandon)
		sent := 0
		send := func() error {
			sent++
			_, err := db.Append(context.Background(), oneEvent(t, db, strconv.Itoa(sent)))
			return err
		}
		for db.HeadBytes() < 8<<10 {
			require.NoError(t, send())
		}
		results := make(chan error)
		go func() { results <- send() }()
		time.Sleep(engine.CheckpointPatience - time.Second)
		require.False(t, db.Health().Degraded)
		time.Sleep(2 * time.Second)
		require.ErrorIs(t, <-results, engine.ErrUnsealed)
		require.ErrorIs(t, db.Health().Err, engine.ErrUnsealed)
		require.ErrorIs(t, send(), engine.ErrUnsealed)
		close(m.held)
		time.Sleep(time.Second)
		require.False(t, db.Health().Degraded)
		require.NoError(t, send())
	})
}
