package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestCheckpointBesideAppends makes checkpoints while others append, and kills the process: what came before a checkpoint's rotation
// is in a pack, what came behind it in the log, and nothing in both or in neither.
func TestCheckpointBesideAppends(t *testing.T) {
	const clients, requests = 4, 100
	w := &script{}
	disk := simdisk.New(simdisk.Options{})
	s := newSession(w, disk, nil, new(ledger).begin)
	require.NoError(t, s.open())
	held := make([]*sent, clients*requests)
	var appending sync.WaitGroup
	for c := range clients {
		appending.Go(func() {
			for i := range requests {
				n := c*requests + i
				held[n] = newSent(n, 1, w.shape)
				if _, err := held[n].request(s.db); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		appending.Wait()
	}()
	for isDone := false; !isDone; {
		select {
		case <-done:
			isDone = true
		default:
			require.NoError(t, s.db.Checkpoint(context.Background()))
		}
	}
	after := disk.Kill()
	s.db.Abandon()
	requireHeld(t, w, after, held)
}

// TestRowsBehindRotation appends between a checkpoint's rotation and its seal: what comes then is for the next checkpoint, also if it is
// sealed before.
func TestRowsBehindRotation(t *testing.T) {
	w := &script{}
	disk := simdisk.New(simdisk.Options{})
	s := newSession(w, disk, nil, new(ledger).begin)
	require.NoError(t, s.open())
	var held []*sent
	requests := func() { // enough for every model
		for range 8 {
			b := newSent(len(held), 1, w.shape)
			_, err := b.request(s.db)
			require.NoError(t, err)
			held = append(held, b)
		}
	}
	requests()
	require.NoError(t, s.db.CheckpointAfter(context.Background(), func() {
		requests()
		s.db.Freeze()
		require.NoError(t, s.db.Seal())
	}))
	after := disk.Kill()
	s.db.Abandon()
	requireHeld(t, w, after, held)
}

// TestUnpublished lets the read fail by which a corrected actual is brought into a sealed row. The request is in the
// log, so its outcome is not known; the store takes no more and no checkpoint may cover the request; the next start
// shows it.
func TestUnpublished(t *testing.T) {
	w := &script{shape: shape{featuresBytes: 6000}} // small segments stay in memory
	for n := uint64(1); n < 100; n++ {
		disk := simdisk.New(simdisk.Options{})
		s := newSession(w, disk, nil, new(ledger).begin)
		require.NoError(t, s.open())
		s.append(3)
		s.checkpoint()
		s.reopen() // lets go of the segments in memory
		require.NoError(t, s.err)
		held := slices.Clone(s.acknowledged)
		actuals := newActuals(s.next, s.process, w.shape, s.predictions)
		disk.Inject(simdisk.Fault{Op: disk.Ops() + n, Kind: simdisk.EIO})
		_, err := actuals.request(s.db)
		if strikes := disk.Strikes(); len(strikes) == 0 || strikes[0].Op.Kind != simdisk.OpRead {
			_ = s.db.Close() // another operation failed, which is for other tests
			continue
		}
		if errors.Is(err, engine.ErrUnavailable) { // before the request was in the log
			require.False(t, s.db.Health().Failed)
			_ = s.db.Close()
			continue
		}
		require.ErrorIs(t, err, engine.ErrOutcomeUnknown)
		require.True(t, s.db.Health().Failed)
		_, err = newSent(s.next+1, s.process, w.shape).request(s.db)
		require.ErrorIs(t, err, engine.ErrDegraded)
		require.ErrorIs(t, s.db.Checkpoint(context.Background()), engine.ErrDegraded)
		require.NoError(t, s.db.Close())
		requireHeld(t, w, disk.Kill(), append(held, actuals))
		return
	}
	t.Fatal("nothing was read")
}

// requireHeld opens the store on a disk and holds that it has these requests, each once, and nothing else.
func requireHeld(t *testing.T, w *script, disk *simdisk.Disk, held []*sent) {
	t.Helper()
	s := newSession(w, disk, nil, new(ledger).begin)
	require.NoError(t, s.open())
	found, err := contentOf(s.db)
	require.NoError(t, err)
	want := newState(held).content
	require.True(t, found.equal(&want), found.difference(&want))
	require.NoError(t, s.db.Close())
}

// TestCheckpointRows holds that many rows in a small log lead to a checkpoint, and that one covers them.
func TestCheckpointRows(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{CheckpointRows: 100})
	for n := range 100 { // at least two rows each
		_, err := newSent(n, 1, shape{}).request(db)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return db.Stats().Checkpoints > 0 }, time.Minute, time.Millisecond)
	require.Less(t, db.Stats().Checkpoints, uint64(6), "500 rows at most")
}
