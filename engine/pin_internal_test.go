package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
	"github.com/residualdb/residual/segment"
)

// pinnedStore is a store without background whose columns do not fit into memory, with four packs of one month that is over.
func pinnedStore(t *testing.T, now *time.Time) *DB {
	t.Helper()
	began := *now
	db, err := Open(t.TempDir(), Options{
		NoBackground: true, MemoryLimitBytes: 1, Retention: 90 * 24 * time.Hour,
		Now: func() time.Time { return *now }, Elapsed: func() time.Duration { return now.Sub(began) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for week := range 4 {
		appendWeek(t, db, week)
		require.NoError(t, db.Checkpoint(t.Context()))
	}
	return db
}

// appendWeek appends rows of one model and of a week of January 2026.
func appendWeek(t *testing.T, db *DB, week int) {
	t.Helper()
	from := time.Date(2026, time.January, 1+6*week, 0, 0, 0, 0, time.UTC)
	g := workload.New(workload.Options{Seed: uint64(week) + 1, Rows: 3000, Models: 1, From: from, To: from.AddDate(0, 0, 6)})
	var b event.Batch
	for e := (event.Event{}); g.Next(&e); {
		require.NoError(t, b.Add(e, db.Rules()))
	}
	_, err := db.Append(t.Context(), &b)
	require.NoError(t, err)
}

// packs returns the content of the packs on the disk, by name.
func packs(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
	require.NoError(t, err)
	found := make(map[string]string)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		found[name] = string(b)
	}
	return found
}

// TestPinned pins what a manifest names, and merges and drops all of it: the files stay as they are while one of two pins is
// held, are counted, and go when it was released, by a later sweep or by one that nothing else asks for.
func TestPinned(t *testing.T) {
	now := time.Date(2026, time.March, 20, 0, 0, 0, 0, time.UTC)
	db := pinnedStore(t, &now)
	before := packs(t, db.dir)
	require.Len(t, before, 4)
	size := int64(0)
	for _, b := range before {
		size += int64(len(b))
	}
	pin := func() *store.Pin {
		db.checkpointer.Mu.Lock()
		defer db.checkpointer.Mu.Unlock()
		m, p := db.checkpointer.Files.PinManifest()
		require.Len(t, m.Packs, 4)
		return p
	}
	first, second := pin(), pin()
	require.Zero(t, db.Stats().Disk.Pinned)

	require.NoError(t, db.Merge(t.Context()))
	require.Equal(t, size, db.Stats().Disk.Pinned)
	first.Release()
	first.Release()
	require.NoError(t, db.checkpointer.SweepReleased())
	require.NoError(t, db.Checkpoint(t.Context()))
	after := packs(t, db.dir)
	require.Len(t, after, 5)
	for name, b := range before {
		require.Equal(t, b, after[name], name)
	}
	require.Equal(t, size, db.Stats().Disk.Pinned)

	now = now.AddDate(0, 3, 0)
	require.NoError(t, db.DropExpired())
	require.Zero(t, db.Stats().Segments)
	done := make(chan struct{})
	go func() {
		defer close(done)
		second.Release()
	}()
	<-done
	require.Equal(t, size, db.Stats().Disk.Pinned, "released, and still there")
	require.NoError(t, db.checkpointer.SweepReleased())
	require.Zero(t, db.Stats().Disk.Pinned)
	for name := range packs(t, db.dir) {
		require.NotContains(t, before, name)
	}
}

// TestPinnedSegments reads segments, one in a pack and one that only the log backs, after a checkpoint and a merge have replaced
// both, and memory has no room for them.
func TestPinnedSegments(t *testing.T) {
	now := time.Date(2026, time.March, 20, 0, 0, 0, 0, time.UTC)
	db := pinnedStore(t, &now)
	appendWeek(t, db, 4)
	var of catalog.ModelMonth
	db.models.Range(func(_ string, m *catalog.Model) bool {
		of = catalog.ModelMonth{Model: m, Month: m.Months[0]}
		return true
	})
	of.Model.Mu.Lock()
	of.Month.Freeze()
	of.Model.Mu.Unlock()
	require.NoError(t, db.checkpointer.SealFull(of))

	pin := db.checkpointer.Files.NewPin()
	var snapshot []*segment.Segment
	of.Model.Mu.RLock()
	for _, sg := range of.Month.Segments {
		pin.Hold(sg.Source)
		s, err := sg.Snapshot()
		require.NoError(t, err)
		snapshot = append(snapshot, s)
	}
	of.Model.Mu.RUnlock()
	require.Len(t, snapshot, 5)

	require.NoError(t, db.Checkpoint(t.Context()))
	db.checkpointer.Balance(t.Context())
	require.NoError(t, db.Merge(t.Context()))
	db.checkpointer.Balance(t.Context())
	require.Len(t, of.Month.Segments, 1)
	require.NotZero(t, db.Stats().Disk.Pinned)
	rows := 0
	for _, s := range snapshot {
		rows += readRows(t, s)
	}
	require.Equal(t, 5*3000, rows)
	pin.Release()
	require.NoError(t, db.checkpointer.SweepReleased())
	require.Zero(t, db.Stats().Disk.Pinned)
	require.Len(t, packs(t, db.dir), 1)
}

func readRows(t *testing.T, s *segment.Segment) (rows int) {
	t.Helper()
	var columns segment.Columns
	var scratch segment.Scratch
	for i := range s.NumSeries() {
		for block := range s.Series(i).Blocks {
			_, err := s.ReadBlock(&columns, i, block, segment.AllColumns, &scratch)
			require.NoError(t, err)
			rows += columns.Len()
		}
	}
	return rows
}

// TestCloseWhilePinned closes a store while somebody holds a pin: nothing stays behind, and a release after it does nothing.
func TestCloseWhilePinned(t *testing.T) {
	now := time.Date(2026, time.March, 20, 0, 0, 0, 0, time.UTC)
	db := pinnedStore(t, &now)
	db.checkpointer.Mu.Lock()
	_, pin := db.checkpointer.Files.PinManifest()
	db.checkpointer.Mu.Unlock()
	require.NoError(t, db.Merge(t.Context()))
	require.Len(t, packs(t, db.dir), 5)
	require.NoError(t, db.Close())
	require.Len(t, packs(t, db.dir), 1)
	pin.Release()
	v, err := Verify(db.dir, Options{})
	require.NoError(t, err)
	require.Empty(t, v.Unlisted)
	require.Empty(t, v.Findings)
}
