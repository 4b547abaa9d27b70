package engine_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"sync"
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

// packless is a disk on which no pack can be made while it fails: the log goes on, checkpoints do not.
type packless struct {
	vfs.FS

	fails atomic.Bool
}

// packlessDir is a directory of such a disk.
type packlessDir struct {
	vfs.Dir

	disk *packless
}

func (p *packless) OpenDir(dir string) (vfs.Dir, error) {
	opened, err := p.FS.OpenDir(dir)
	return packlessDir{opened, p}, err
}

func (d packlessDir) Create(name string) (vfs.File, error) {
	if d.disk.fails.Load() && filepath.Base(filepath.Dir(name)) == "segments" {
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.EIO}
	}
	return d.Dir.Create(name)
}

// roomClients send requests to a store, each one after the other, and remember which were taken.
type roomClients struct {
	t  *testing.T
	db *engine.DB

	mu    sync.Mutex
	next  int     // guarded by mu
	taken []*sent // guarded by mu
}

// send sends one request, which must be over within the given time.
func (c *roomClients) send(limit time.Duration) error {
	c.mu.Lock()
	b := newSent(c.next, 1, shape{})
	c.next++
	c.mu.Unlock()
	batch, err := b.batch()
	require.NoError(c.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err = c.db.Append(ctx, batch)
	require.NotErrorIs(c.t, err, context.DeadlineExceeded)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.taken = append(c.taken, b)
	}
	return err
}

// each runs f for some clients at a time.
func (c *roomClients) each(f func()) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(f)
	}
	all.Wait()
}

// TestCheckpointsFailWhileAppendsWait lets checkpoints fail while heads are full: whoever waits for room is told why,
// each time and soon, and is taken in soon after there are checkpoints again. What was taken is there after a kill, what
// was refused is not.
func TestCheckpointsFailWhileAppendsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 5 * time.Second // a second to the next attempt at a checkpoint, and some
		disk := simdisk.New(simdisk.Options{})
		packs := &packless{FS: disk}
		db, err := engine.Open(storeDir, engine.Options{
			FS: packs, HeadBytes: 4 << 10, LogFileBytes: 1 << 20,
			Now: func() time.Time { return testNow }, Random: constantReader(0),
		})
		require.NoError(t, err)
		t.Cleanup(db.Abandon)
		c := &roomClients{t: t, db: db}
		for range 3 {
			packs.fails.Store(true)
			c.each(func() {
				for refused := 0; refused < 3; {
					if err := c.send(patience); err != nil {
						require.ErrorIs(t, err, engine.ErrFull)
						require.ErrorIs(t, err, syscall.EIO)
						refused++
					}
				}
			})
			require.False(t, db.Health().Failed)
			packs.fails.Store(false)
			for c.send(patience) != nil { // who came to the last attempt that failed
				time.Sleep(time.Second)
			}
			c.each(func() {
				for range 20 {
					require.NoError(t, c.send(patience))
				}
			})
		}
		requireHeld(t, &script{}, disk.Kill(), c.taken)
	})
}
