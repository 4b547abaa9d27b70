package wal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// openLog opens a log on a disk and closes it at the end of the test. It returns the payloads that were replayed.
func openLog(t testing.TB, fs vfs.FS, opts wal.Options) (l *wal.Log, replayed []string) {
	t.Helper()
	opts.FS, opts.StoreID = fs, storeID
	if opts.FileBytes == 0 {
		opts.FileBytes = fileBytes
	}
	l, _, err := wal.Open("/wal", opts, func(r wal.Record) error {
		replayed = append(replayed, string(r.Payload))
		return nil
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, replayed
}

func put(t testing.TB, l *wal.Log, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		require.NoError(t, l.Append(t.Context(), 1, []byte(p), nil))
	}
}

func TestAppendIsReplayed(t *testing.T) {
	for _, policy := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncInterval, wal.SyncNever} {
		t.Run(policy.String(), func(t *testing.T) {
			disk := simdisk.New(simdisk.Options{})
			l, replayed := openLog(t, disk, wal.Options{Sync: policy})
			require.Empty(t, replayed)
			put(t, l, "a", "", "ccc")
			require.NoError(t, l.Close())
			after := disk.Crash(simdisk.LoseAll())
			l, replayed = openLog(t, after, wal.Options{})
			require.Equal(t, []string{"a", "", "ccc"}, replayed)
			put(t, l, "d")
			require.NoError(t, l.Close())
			_, replayed = openLog(t, after, wal.Options{})
			require.Equal(t, []string{"a", "", "ccc", "d"}, replayed)
		})
	}
}

// TestRestartsCostNothing holds that a log which is only opened and closed does not grow.
func TestRestartsCostNothing(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	l, _ := openLog(t, disk, wal.Options{})
	put(t, l, "a")
	require.NoError(t, l.Close())
	size := l.Size()
	for range 3 {
		l, _ = openLog(t, disk, wal.Options{})
		require.NoError(t, l.Close())
		require.Equal(t, size, l.Size())
	}
}

func TestBadArguments(t *testing.T) {
	l, _ := openLog(t, simdisk.New(simdisk.Options{}), wal.Options{})
	ctx := t.Context()
	require.ErrorIs(t, l.Append(ctx, 0, nil, nil), wal.ErrType)
	require.ErrorIs(t, l.Append(ctx, wal.TypeMax+1, nil, nil), wal.ErrType)
	require.ErrorIs(t, l.Append(ctx, 1, make([]byte, wal.RecordBytesMax+1), nil), wal.ErrTooLarge)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	err := l.Append(ended, 1, nil, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, wal.ErrOutcomeUnknown)
	require.ErrorIs(t, l.Rotate(ended, nil), context.Canceled)
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Append(ctx, 1, nil, nil), wal.ErrClosed)
	require.ErrorIs(t, l.Rotate(ctx, nil), wal.ErrClosed)
	require.ErrorIs(t, l.Err(), wal.ErrClosed)
	require.Zero(t, l.Stats().Records)
}

func TestBadOptions(t *testing.T) {
	_, _, err := wal.Open("/wal", wal.Options{Sync: 9, SyncInterval: -1, IdleMark: -1, FileBytes: 4096, QueueBytes: -1}, nil)
	for _, name := range []string{"Sync ", "SyncInterval", "IdleMark", "FileBytes", "QueueBytes"} {
		require.ErrorContains(t, err, name)
	}
}

func TestLargestRecord(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	l, _ := openLog(t, disk, wal.Options{QueueBytes: 1 << 20})
	payload := make([]byte, wal.RecordBytesMax)
	payload[0], payload[len(payload)-1] = 1, 2
	put(t, l, "before", string(payload), "after")
	require.NoError(t, l.Close())
	_, replayed := openLog(t, disk, wal.Options{})
	require.Equal(t, []string{"before", string(payload), "after"}, replayed)
}

// gate lets operations of a kind pass one at a time.
type gate struct {
	kind    simdisk.OpKind
	closed  atomic.Bool
	arrived chan struct{}
	pass    chan struct{}
}

func newGate(kind simdisk.OpKind) *gate {
	return &gate{kind: kind, arrived: make(chan struct{}), pass: make(chan struct{})}
}

func (g *gate) delay(op simdisk.Op) {
	if g.closed.Load() && op.Kind == g.kind {
		g.arrived <- struct{}{}
		<-g.pass
	}
}

// TestOrder holds that a record is published after it was synced and acknowledged after it was published, and that
// publishing does not hold up the next sync.
func TestOrder(t *testing.T) {
	g := newGate(simdisk.OpSyncData)
	l, _ := openLog(t, simdisk.New(simdisk.Options{Delay: g.delay}), wal.Options{})
	g.closed.Store(true)
	publishing, published, acked := make(chan int, 2), make(chan struct{}), make(chan int, 2)
	defer func() { // so that a failure does not leave the log waiting
		g.closed.Store(false)
		close(published)
	}()
	for i := range 2 {
		go func() {
			err := l.Append(context.Background(), 1, nil, func(lsn uint64) {
				publishing <- int(lsn)
				<-published
			})
			if err == nil {
				acked <- i
			}
		}()
		select {
		case <-g.arrived: // The sync of this record has begun, while the one before is being published.
		case lsn := <-publishing:
			t.Fatalf("record %d is published before it is synced", lsn)
		}
		require.Empty(t, publishing)
		g.pass <- struct{}{}
		if i == 0 {
			require.Equal(t, 1, <-publishing)
		}
		require.Empty(t, acked)
	}
	g.closed.Store(false)
	published <- struct{}{}
	require.Equal(t, 0, <-acked)
	require.Equal(t, 2, <-publishing)
	require.Empty(t, acked)
	published <- struct{}{}
	require.Equal(t, 1, <-acked)
}

// TestGroups holds that what is queued during a sync is written and synced together.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(simdisk.OpSyncData)
		l, _ := openLog(t, simdisk.New(simdisk.Options{Delay: g.delay}), wal.Options{})
		g.closed.Store(true)
		var wg sync.WaitGroup
		wg.Go(func() { put(t, l, "first") })
		<-g.arrived
		for range 50 {
			wg.Go(func() { put(t, l, "another") })
		}
		synctest.Wait()
		require.Positive(t, l.Stats().QueueBytes)
		g.closed.Store(false)
		g.pass <- struct{}{}
		wg.Wait()
		stats := l.Stats()
		require.EqualValues(t, 2, stats.Groups)
		require.EqualValues(t, 2, stats.Syncs.Count)
		require.EqualValues(t, 51, stats.Records)
		require.EqualValues(t, 5+50*7, stats.Bytes)
		require.EqualValues(t, 51, stats.LastLSN)
		synctest.Wait()
		require.Zero(t, l.Stats().QueueBytes)
	})
}

// TestFull holds that the queue is bounded: while the disk stands still, appends are refused at once.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(simdisk.OpSyncData)
		l, _ := openLog(t, simdisk.New(simdisk.Options{Delay: g.delay}), wal.Options{QueueBytes: 10_000})
		g.closed.Store(true)
		var accepted atomic.Int64
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				err := l.Append(context.Background(), 1, make([]byte, 960), nil)
				if err == nil {
					accepted.Add(1)
				} else if !errors.Is(err, wal.ErrFull) {
					t.Error(err)
				}
			})
		}
		<-g.arrived
		synctest.Wait()
		require.ErrorIs(t, l.Append(context.Background(), 1, make([]byte, 960), nil), wal.ErrFull)
		require.ErrorIs(t, l.Err(), wal.ErrFull)
		require.EqualValues(t, 10_000, l.Stats().QueueBytes)
		g.closed.Store(false)
		g.pass <- struct{}{}
		wg.Wait()
		require.EqualValues(t, 10, accepted.Load())
		synctest.Wait()
		put(t, l, string(make([]byte, 20_000))) // More than the queue takes, but it is empty.
	})
}

// TestCancel holds that a context that ends after a record was queued leaves the outcome unknown, and the record is
// published all the same.
func TestCancel(t *testing.T) {
	g := newGate(simdisk.OpSyncData)
	disk := simdisk.New(simdisk.Options{Delay: g.delay})
	l, _ := openLog(t, disk, wal.Options{})
	g.closed.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	published := make(chan uint64, 1)
	result := make(chan error)
	go func() { result <- l.Append(ctx, 1, []byte("it"), func(lsn uint64) { published <- lsn }) }()
	<-g.arrived
	cancel()
	err := <-result
	require.ErrorIs(t, err, wal.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	g.closed.Store(false)
	g.pass <- struct{}{}
	require.EqualValues(t, 1, <-published)
	require.NoError(t, l.Close())
	_, replayed := openLog(t, disk, wal.Options{})
	require.Equal(t, []string{"it"}, replayed)
}

// TestConcurrent appends, cancels, cuts and truncates at the same time and holds the result against what was acknowledged.
func TestConcurrent(t *testing.T) {
	t.Logf("seed %d", flags.Sweep(0).Seed)
	disk := simdisk.New(simdisk.Options{NoRewrite: func(string) bool { return true }})
	l, _ := openLog(t, disk, wal.Options{})
	var mu sync.Mutex
	memory := map[string]bool{}
	var acked []string
	var last uint64
	var checkpoint wal.Position
	stored := map[string]bool{}
	var wg sync.WaitGroup
	for c := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(flags.Sweep(0).Seed, uint64(c)))
			for i := range 60 {
				ctx, cancel := context.WithCancel(context.Background())
				switch r.IntN(4) {
				case 0:
					cancel()
				case 1:
					go cancel()
				}
				p := fmt.Sprintf("%d/%d %0*d", c, i, r.IntN(3000), 0)
				err := l.Append(ctx, 1, []byte(p), func(lsn uint64) {
					mu.Lock()
					defer mu.Unlock()
					if lsn != last+1 {
						t.Errorf("record %d published after %d", lsn, last)
					}
					last, memory[p] = lsn, true
				})
				mu.Lock()
				switch {
				case err == nil && !memory[p]:
					t.Errorf("%.10s acknowledged before it was published", p)
				case err == nil:
					acked = append(acked, p)
				case !errors.Is(err, context.Canceled):
					t.Error(err)
				}
				mu.Unlock()
				cancel()
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			var pos wal.Position
			err := l.Rotate(context.Background(), func(p wal.Position) {
				mu.Lock()
				defer mu.Unlock()
				if pos = p; p.LSN != last {
					t.Errorf("cut at %d after record %d was published", p.LSN, last)
				}
				for k := range memory {
					stored[k] = true
				}
			})
			if err != nil || l.Truncate(pos) != nil {
				t.Error("checkpoint", err)
			}
			checkpoint = pos
		}
	})
	wg.Wait()
	require.NoError(t, l.Close())
	require.Empty(t, disk.Rewrites())
	_, replayed := openLog(t, disk.Crash(simdisk.LoseAll()), wal.Options{Checkpoint: checkpoint})
	for _, p := range replayed {
		require.True(t, memory[p], "%.10s was not published", p)
		require.False(t, stored[p], "%.10s is behind the checkpoint and before it", p)
		stored[p] = true
	}
	for _, p := range acked {
		require.True(t, stored[p], "%.10s was acknowledged", p)
	}
	require.Len(t, stored, len(memory))
}

// TestAppendAllocations holds that an Append allocates what it waits with and its group, and nothing of the size of its
// payload, once the log's buffers have grown to what its groups need.
func TestAppendAllocations(t *testing.T) {
	l, _, err := wal.Open(t.TempDir()+"/wal", wal.Options{Sync: wal.SyncNever}, nil)
	require.NoError(t, err)
	payload := make([]byte, 1000)
	ctx := context.Background()
	publish := func(uint64) {}
	const runs = 1000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.LessOrEqual(t, testing.AllocsPerRun(runs, func() {
		if err := l.Append(ctx, 1, payload, publish); err != nil {
			t.Error(err)
		}
	}), 5.0)
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/runs, uint64(len(payload)/2))
	require.NoError(t, l.Close())
}

func TestRotateOfNothing(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	l, _ := openLog(t, disk, wal.Options{})
	var positions []wal.Position
	note := func(p wal.Position) { positions = append(positions, p) }
	require.NoError(t, l.Rotate(t.Context(), note))
	put(t, l, "a")
	require.NoError(t, l.Rotate(t.Context(), note))
	require.NoError(t, l.Rotate(t.Context(), note))
	require.Equal(t, wal.Position{}, positions[0])
	require.EqualValues(t, 1, positions[1].LSN)
	require.EqualValues(t, 1, positions[1].File)
	require.Equal(t, positions[1], positions[2])
	require.Equal(t, 2, l.Stats().Files)
	require.Positive(t, l.Size())
	require.NoError(t, l.Truncate(positions[1]))
	require.NoError(t, l.Truncate(positions[1]))
	require.Equal(t, 1, l.Stats().Files)
	require.Zero(t, l.Size())
	put(t, l, "b")
	require.NoError(t, l.Close())
	_, replayed := openLog(t, disk, wal.Options{Checkpoint: positions[1]})
	require.Equal(t, []string{"b"}, replayed)
}

// TestTruncateKeepsLater holds that files behind the position stay, and that a position can be truncated to late.
func TestTruncateKeepsLater(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	l, _ := openLog(t, disk, wal.Options{})
	var positions []wal.Position
	for _, p := range []string{"a", "b", "c"} {
		put(t, l, p)
		require.NoError(t, l.Rotate(t.Context(), func(p wal.Position) { positions = append(positions, p) }))
	}
	put(t, l, "d")
	require.NoError(t, l.Truncate(positions[1]))
	require.NoError(t, l.Truncate(positions[0]))
	require.NoError(t, l.Close())
	names, err := disk.List("/wal")
	require.NoError(t, err)
	require.Equal(t, []string{"0000000003.log", "0000000004.log"}, names)
	_, replayed := openLog(t, disk, wal.Options{Checkpoint: positions[1]})
	require.Equal(t, []string{"c", "d"}, replayed)
}

// TestReplayError holds that an error of the caller ends Open with that error and changes nothing.
func TestReplayError(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	l, _ := openLog(t, disk, wal.Options{})
	put(t, l, "a")
	require.NoError(t, l.Close())
	mine := errors.New("mine")
	_, _, err := wal.Open("/wal", wal.Options{FS: disk, StoreID: storeID}, func(wal.Record) error { return mine })
	require.ErrorIs(t, err, mine)
	require.ErrorContains(t, err, "record 1")
}

// TestSyncTimes holds that the duration of a sync is counted in its bucket.
func TestSyncTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := openLog(t, simdisk.New(simdisk.Options{Delay: func(op simdisk.Op) {
			if op.Kind == simdisk.OpSyncData {
				time.Sleep(3 * time.Millisecond)
			}
		}}), wal.Options{})
		put(t, l, "a", "b")
		syncs := l.Stats().Syncs
		require.EqualValues(t, 2, syncs.Count)
		require.Equal(t, 6*time.Millisecond, syncs.Sum)
		for i, bound := range syncs.Bounds {
			require.Equal(t, bound == 5*time.Millisecond, syncs.Counts[i] == 2, bound)
		}
		require.NoError(t, l.Close())
	})
}
