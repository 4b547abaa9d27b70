package wal_test

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/wal"
)

// TestPoison holds that after a failed write or sync the records it was for have an unknown outcome, those still queued
// and all later ones are refused, nothing is published, and the file is not touched again.
func TestPoison(t *testing.T) {
	for _, kind := range []simdisk.OpKind{simdisk.OpWrite, simdisk.OpSyncData} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(kind)
				disk := simdisk.New(simdisk.Options{Delay: g.delay})
				disk.StartTrace()
				var background []error
				l, _ := openLog(t, disk, wal.Options{OnError: func(err error) { background = append(background, err) }})
				put(t, l, "before")
				g.closed.Store(true)
				errs := make([]error, 3)
				fails := func(i int) {
					errs[i] = l.Append(context.Background(), 1, []byte("x"), func(uint64) { t.Error("published") })
				}
				var wg sync.WaitGroup
				wg.Go(func() { fails(0) })
				<-g.arrived
				wg.Go(func() { fails(1) })
				wg.Go(func() { errs[2] = l.Rotate(context.Background(), func(wal.Position) { t.Error("cut") }) })
				synctest.Wait()
				disk.Inject(simdisk.Fault{Op: disk.Ops() + 1, Kind: simdisk.EIO})
				g.closed.Store(false)
				g.pass <- struct{}{}
				wg.Wait()

				require.ErrorIs(t, errs[0], wal.ErrOutcomeUnknown)
				require.ErrorIs(t, errs[0], syscall.EIO)
				for _, err := range []error{errs[1], errs[2], l.Append(t.Context(), 1, nil, nil), l.Rotate(t.Context(), nil), l.Err()} {
					require.ErrorIs(t, err, wal.ErrPoisoned)
					require.ErrorIs(t, err, syscall.EIO)
					require.NotErrorIs(t, err, wal.ErrOutcomeUnknown)
				}
				require.Len(t, background, 1)
				ops := len(disk.Trace())
				time.Sleep(time.Minute)
				require.ErrorIs(t, l.Close(), wal.ErrPoisoned)
				for _, op := range disk.Trace()[ops:] {
					require.Equal(t, simdisk.OpClose, op.Kind)
				}
			})
		})
	}
}

// TestDiskFull fills the disk: appends are refused without a change to what is there, a checkpoint goes through, and when
// there is space the log goes on by itself.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{Capacity: 8 * fileBytes})
		var background []error
		l, _ := openLog(t, disk, wal.Options{OnError: func(err error) { background = append(background, err) }})
		var kept []string
		record := string(make([]byte, 5000))
		for cycle := range 20 {
			for {
				err := l.Append(t.Context(), 1, []byte(record), nil)
				if err != nil {
					require.ErrorIs(t, err, wal.ErrNoSpace)
					break
				}
				kept = append(kept, record)
			}
			require.ErrorIs(t, l.Err(), wal.ErrNoSpace)
			require.ErrorIs(t, l.Append(t.Context(), 1, nil, nil), wal.ErrNoSpace)
			require.Len(t, background, cycle+1)
			free, err := disk.Free("/")
			require.NoError(t, err)
			require.GreaterOrEqual(t, free, int64(fileBytes), "left for a checkpoint")
			if cycle == 0 {
				_, replayed := openLog(t, disk.Snapshot().Crash(simdisk.LoseAll()), wal.Options{})
				require.Equal(t, kept, replayed)
			}
			var pos wal.Position
			require.NoError(t, l.Rotate(t.Context(), func(p wal.Position) { pos = p }))
			require.EqualValues(t, len(kept), pos.LSN)
			require.NoError(t, l.Truncate(pos))
			time.Sleep(300 * time.Millisecond)
			require.NoError(t, l.Err())
		}
	})
}

// TestRotateOnFullDisk holds that a Rotate works with hardly any space, and that appends then wait for more.
func TestRotateOnFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		l, _ := openLog(t, disk, wal.Options{FileBytes: 1 << 20})
		put(t, l, "a")
		used := int64(1<<20) + 8192
		disk.SetCapacity(used + 64<<10)
		require.NoError(t, l.Rotate(t.Context(), nil))
		require.ErrorIs(t, l.Append(t.Context(), 1, nil, nil), wal.ErrNoSpace)
		time.Sleep(time.Second)
		require.ErrorIs(t, l.Append(t.Context(), 1, nil, nil), wal.ErrNoSpace)
		require.NoError(t, l.Rotate(t.Context(), nil))
		disk.SetCapacity(8 << 20)
		time.Sleep(time.Second)
		put(t, l, "b", string(make([]byte, 100_000)))
		require.NoError(t, l.Close())
		_, replayed := openLog(t, disk, wal.Options{})
		require.Len(t, replayed, 3)
	})
}

// TestOpenOnFullDisk holds that a log can be read on a full disk and takes records when there is space.
func TestOpenOnFullDisk(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			disk := simdisk.New(simdisk.Options{})
			if !fresh {
				l, _ := openLog(t, disk, wal.Options{})
				put(t, l, "a")
				require.NoError(t, l.Close())
			}
			disk.SetCapacity(1)
			l, replayed := openLog(t, disk, wal.Options{})
			require.Equal(t, fresh, len(replayed) == 0)
			require.ErrorIs(t, l.Err(), wal.ErrNoSpace)
			require.ErrorIs(t, l.Append(t.Context(), 1, nil, nil), wal.ErrNoSpace)
			require.ErrorIs(t, l.Rotate(t.Context(), nil), wal.ErrNoSpace)
			disk.SetCapacity(1 << 20)
			time.Sleep(time.Second)
			put(t, l, "b")
			require.NoError(t, l.Close())
			_, again := openLog(t, disk, wal.Options{})
			require.Equal(t, append(replayed, "b"), again)
		})
	}
}

// TestNoDescriptors holds that a lack of file descriptors passes like a lack of space.
func TestNoDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		l, _ := openLog(t, disk, wal.Options{})
		put(t, l, "a")
		disk.Inject(simdisk.Fault{Op: disk.Ops(), Kind: simdisk.EMFILE, Sticky: true})
		err := l.Append(t.Context(), 1, make([]byte, fileBytes), nil)
		require.ErrorIs(t, err, wal.ErrUnavailable)
		require.ErrorIs(t, err, syscall.EMFILE)
		disk.Heal()
		time.Sleep(time.Second)
		put(t, l, "b")
	})
}

// TestUnreadable holds that a disk which cannot be read is not taken for an empty one.
func TestUnreadable(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	l, _ := openLog(t, disk, wal.Options{})
	put(t, l, "a")
	require.NoError(t, l.Close())
	for _, kind := range []simdisk.OpKind{simdisk.OpList, simdisk.OpOpenRead, simdisk.OpRead, simdisk.OpSize} {
		hit := disk.Snapshot().Kill()
		hit.StartTrace()
		l, _ := openLog(t, hit, wal.Options{})
		require.NoError(t, l.Close())
		for _, op := range hit.Trace() {
			if op.Kind != kind {
				continue
			}
			failing := disk.Snapshot().Kill()
			failing.Inject(simdisk.Fault{Op: op.Index, Kind: simdisk.EIO})
			l, _, err := wal.Open("/wal", wal.Options{FS: failing, StoreID: storeID, FileBytes: fileBytes}, func(wal.Record) error { return nil })
			if err == nil { // The file was read once, and not a second time to be copied.
				err = errors.Join(l.Err(), l.Close())
			}
			require.ErrorIs(t, err, syscall.EIO)
		}
	}
}

// TestLostWrites lets the drive lose each write of a session, although it says that all is flushed, and holds that the loss
// is noticed, unless it was of nothing but the proof for the rest.
func TestLostWrites(t *testing.T) {
	session := func(disk *simdisk.Disk) (payloads []string) {
		l, _ := openLog(t, disk, wal.Options{})
		for i := range 12 {
			payloads = append(payloads, string(item{i, 100 + 700*i}.payload()))
		}
		put(t, l, payloads...)
		require.NoError(t, l.Close())
		return payloads
	}
	sound := simdisk.New(simdisk.Options{})
	session(sound)
	refused := 0
	for op := range sound.Ops() {
		disk := simdisk.New(simdisk.Options{})
		disk.Inject(simdisk.Fault{Op: op + 1, Kind: simdisk.LostWrite})
		payloads := session(disk)
		var replayed []string
		l, _, err := wal.Open("/wal", wal.Options{FS: disk.Crash(simdisk.LoseAll()), StoreID: storeID}, func(r wal.Record) error {
			replayed = append(replayed, string(r.Payload))
			return nil
		})
		if err != nil {
			require.ErrorIs(t, err, wal.ErrCorrupt)
			refused++
			continue
		}
		require.Equal(t, payloads, replayed, "lost after operation %d", op)
		require.NoError(t, l.Close())
	}
	require.Positive(t, refused)
}
