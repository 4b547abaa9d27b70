package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// fullDisk is a session on a small disk, of a store that looks after itself.
type fullDisk struct {
	*session
	t      *testing.T
	ledger ledger
}

func newFullDisk(t *testing.T, capacity int64, featuresBytes int, logFileBytes int64) *fullDisk {
	t.Helper()
	w := &script{shape: shape{featuresBytes: featuresBytes}, options: engine.Options{LogFileBytes: logFileBytes}}
	d := &fullDisk{t: t}
	d.session = newSession(w, simdisk.New(simdisk.Options{Capacity: capacity}), nil, d.ledger.begin)
	d.open()
	return d
}

func (d *fullDisk) open() {
	opts := d.options()
	opts.NoBackground, opts.CheckpointBytes = false, 1<<20
	d.process++
	var err error
	d.db, err = engine.Open(storeDir, opts)
	require.NoError(d.t, err)
}

// append sends one batch and returns the error, which is one of a full disk or nil.
func (d *fullDisk) append() error {
	b := newSent(d.next, d.process, d.w.shape)
	d.next++
	err := d.send(b, d.begin(b))
	if err != nil {
		require.ErrorIs(d.t, err, engine.ErrNoSpace)
	}
	return err
}

func (d *fullDisk) compare() {
	_, err := d.session.compare(d.ledger.facts)
	require.NoError(d.t, err)
}

// TestDiskFull fills the disk: the store becomes read-only at once, answers queries, and goes on by itself when there is
// space, time and again. Nothing acknowledged is lost, nothing refused is there.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		capacity := int64(1 << 20)
		d := newFullDisk(t, capacity, 3000, 32<<10)
		for range race.Cases(24) {
			filled := 0
			for d.append() == nil {
				filled++
				require.Less(t, filled, 10_000, "the disk never fills up")
			}
			began := time.Now()
			for time.Since(began) < 30*time.Second { // checkpoints make what room they can
				time.Sleep(100 * time.Millisecond)
				_ = d.append()
			}
			require.ErrorIs(t, d.append(), engine.ErrNoSpace)
			require.True(t, d.db.Health().Degraded)
			d.compare()

			capacity += 512 << 10
			d.disk.SetCapacity(capacity)
			time.Sleep(time.Second)
			require.NoError(t, d.append(), "a second after there was space again")
			require.False(t, d.db.Health().Degraded)
		}
		d.compare()
		require.NoError(t, d.db.Close())
		d.open()
		d.compare()
		require.NoError(t, d.db.Close())
		t.Logf("%d batches", len(d.ledger.facts))
	})
}

// TestDiskFullCheckpointMakesRoom holds that a log which fills the disk before it is due for a checkpoint gets one.
func TestDiskFullCheckpointMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFullDisk(t, 1200<<10, 0, 128<<10)
		var refused int
		for range 3000 {
			if d.append() != nil {
				refused++
				time.Sleep(2 * time.Second) // one to the next checkpoint, if one was just made, and less for the log to see its room
				require.NoError(t, d.append(), "a checkpoint makes room")
			}
		}
		require.Positive(t, refused)
		d.compare()
		require.NoError(t, d.db.Close())
	})
}

// TestNoSpaceSweep fills the disk before each operation of the scripts in turn. Once there is space again the store must
// go on, by itself.
func TestNoSpaceSweep(t *testing.T) {
	for _, w := range scripts() {
		t.Run(w.name, func(t *testing.T) {
			full := true
			var op int
			for op = 1; full; op += race.Share {
				synctest.Test(t, func(t *testing.T) {
					var err error
					full, err = resume(w, op)
					require.NoError(t, err, "the disk is full from operation %d on", op)
				})
			}
			t.Logf("%d operations", op)
		})
	}
}

// resume runs the script on a disk that is full from an operation on until the script ends, and then goes on. It tells
// whether there was such an operation.
func resume(w *script, op int) (full bool, err error) {
	var disk *simdisk.Disk
	var left atomic.Int64 // operations until the disk is full; the store's goroutines count too
	var filled atomic.Bool
	left.Store(int64(op))
	disk = simdisk.New(simdisk.Options{Delay: func(simdisk.Op) {
		if left.Add(-1) == 0 {
			filled.Store(true)
			disk.SetCapacity(1) // what is allocated stays so
		}
	}})
	var l ledger
	s := newSession(w, disk, nil, l.begin)
	if s.open() == nil {
		w.run(s)
	}
	left.Store(0)
	full = filled.Load()
	disk.SetCapacity(0)
	if s.db == nil {
		if err := s.open(); err != nil {
			return full, err
		}
	}
	time.Sleep(time.Second)
	b := newSent(s.next, s.process, w.shape)
	if err := s.send(b, l.begin(b)); err != nil {
		return full, err
	}
	if err := s.db.Checkpoint(context.Background()); err != nil {
		return full, err
	}
	if _, err := s.compare(l.facts); err != nil {
		return full, err
	}
	if err := s.db.Close(); err != nil {
		return full, err
	}
	if err := s.open(); err != nil {
		return full, err
	}
	_, err = s.compare(l.facts)
	return full, errors.Join(err, s.db.Close())
}
