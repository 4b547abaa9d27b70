package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// checkDisk holds what a store says that it takes on its disk against what a walk of its directory adds up to.
func checkDisk(t *testing.T, db *engine.DB, fsys vfs.FS, dir string) {
	t.Helper()
	said, walked := db.Stats().Disk, walkDisk(t, fsys, dir)
	walked.Free, walked.LogFree = said.Free, said.LogFree
	if said.Pinned > 0 { // the walk does not know which of the packs and lists these are
		require.Equal(t, walked.Bytes(), said.Bytes())
	} else {
		require.Equal(t, walked, said)
	}
	free, err := fsys.Free(dir)
	require.NoError(t, err)
	if _, simulated := fsys.(*simdisk.Disk); simulated { // others write to a real one
		require.Equal(t, []int64{free, free}, []int64{said.Free, said.LogFree})
	}
}

// walkDisk adds up the files of a store by where they are.
func walkDisk(t *testing.T, fsys vfs.FS, dir string) (d engine.Disk) {
	t.Helper()
	var walk func(dir, below string)
	walk = func(dir, below string) {
		names, err := fsys.List(dir)
		require.NoError(t, err)
		for _, name := range names {
			path := filepath.Join(dir, name)
			bytes, err := vfs.FileBytes(fsys, path)
			if errors.Is(err, vfs.ErrNotRegular) {
				walk(path, filepath.Join(below, name))
				continue
			}
			require.NoError(t, err)
			switch room, _, _ := strings.Cut(below, string(filepath.Separator)); {
			case strings.Contains(filepath.Join(below, name), "salvaged-"), filepath.Ext(name) == ".broken":
				d.Kept += bytes
			case room == "":
				d.Manifest += bytes
			default:
				*map[string]*int64{
					"wal": &d.Log, "segments": &d.Packs, "keys": &d.Keys, "quarantine": &d.Quarantine, "orphans": &d.Actuals, "positions": &d.Positions,
				}[room] += bytes
			}
		}
	}
	walk(dir, "")
	return d
}

// TestDisk holds it on a real file system, with some of everything: lists, packs with retired segments, a torn tail that was cut
// off the log, and what a salvage has replaced.
func TestDisk(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	now := testNow
	opts := engine.Options{
		NoBackground: true, LogFileBytes: 64 << 10, Now: func() time.Time { return now }, Elapsed: func() time.Duration { return now.Sub(testNow) },
	}
	db := openDB(t, dir, opts)
	checkDisk(t, db, vfs.OS(), dir)
	for i := range 6 {
		batch := oneEvent(t, db, strconv.Itoa(i))
		batch.Rejects = append(batch.Rejects, event.Reject{Line: 2, Code: event.CodeSyntax, Reason: "not JSON", Raw: []byte("{")})
		batch.Rejected[event.CodeSyntax]++
		_, err := db.AppendOnce(ctx, batch, engine.Key{ID: strconv.Itoa(i)})
		require.NoError(t, err)
		var actuals event.Actuals
		require.NoError(t, actuals.Add(event.Actual{ModelID: "m", PredictionID: strconv.Itoa(i + 100), Value: 1}, db.Rules()))
		_, err = db.AppendActuals(ctx, &actuals)
		require.NoError(t, err)
		checkDisk(t, db, vfs.OS(), dir)
		require.NoError(t, db.Checkpoint(ctx))
		checkDisk(t, db, vfs.OS(), dir)
	}
	require.NoError(t, db.Merge(ctx))
	checkDisk(t, db, vfs.OS(), dir)
	before := db.Stats().Disk
	for _, bytes := range []int64{before.Log, before.Packs, before.Keys, before.Quarantine, before.Actuals, before.Manifest} {
		require.Positive(t, bytes)
	}
	require.Zero(t, before.Kept)
	require.NoError(t, db.Close())
	closed := db.Stats().Disk
	require.Equal(t, []int64{-1, -1}, []int64{closed.Free, closed.LogFree})

	scribble(t, filepath.Join(dir, "segments"), 0)
	_, err := engine.Salvage(dir, engine.Options{})
	require.NoError(t, err)
	scribble(t, filepath.Join(dir, "wal"), 12<<10) // behind the last record
	db = openDB(t, dir, opts)
	checkDisk(t, db, vfs.OS(), dir)
	after := db.Stats().Disk
	require.Greater(t, after.Kept, before.Packs)
	require.Equal(t, after.Log+after.Packs+after.Keys+after.Quarantine+after.Actuals+after.Manifest+after.Pinned+after.Kept, after.Bytes())

	kept, err := filepath.Glob(filepath.Join(dir, "salvaged-*"))
	require.NoError(t, err)
	require.NotEmpty(t, kept)
	for _, name := range kept {
		require.NoError(t, os.RemoveAll(name))
	}
	now = now.Add(time.Minute)
	checkDisk(t, db, vfs.OS(), dir)
	require.Less(t, db.Stats().Disk.Kept, after.Kept)
}

// scribble writes over the newest file of a directory.
func scribble(t *testing.T, dir string, off int64) {
	t.Helper()
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	f, err := os.OpenFile(filepath.Join(dir, names[len(names)-1].Name()), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("scribble"), off)
	require.NoError(t, errors.Join(err, f.Close()))
}

// warnings takes the messages of a log that are warnings or information.
type warnings struct {
	slog.Handler

	mu       sync.Mutex
	messages []string
}

func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.HasPrefix(r.Message, "the disk ") {
		w.messages = append(w.messages, r.Level.String()+" "+r.Message)
	}
	return nil
}

// TestDiskNearlyFull fills a disk and empties it: there is one warning before events are refused, and one word when there is room.
func TestDiskNearlyFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const log, checkpoint = 1 << 20, 4 << 20
		disk := simdisk.New(simdisk.Options{Capacity: 100 << 20})
		seen := &warnings{Handler: slog.DiscardHandler}
		db, err := engine.Open(storeDir, engine.Options{FS: disk, LogFileBytes: log, CheckpointBytes: checkpoint, Logger: slog.New(seen)})
		require.NoError(t, err)
		used := db.Stats().Disk.Bytes()
		leave := func(free int64) []string {
			disk.SetCapacity(used + free)
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			seen.mu.Lock()
			defer seen.mu.Unlock()
			return append([]string(nil), seen.messages...)
		}
		const needed, slack = 2*log + checkpoint, 64 << 10
		low := "WARN the disk is nearly full; events are refused once the next log file does not fit"
		require.Empty(t, leave(needed+slack))
		require.Equal(t, []string{low}, leave(needed-slack))
		require.Equal(t, []string{low}, leave(needed+slack), "not before there is half as much again")
		require.False(t, db.Health().Degraded)
		again := []string{low, "INFO the disk has room again"}
		require.Equal(t, again, leave(needed+needed/2+slack))
		require.Equal(t, append(again, low), leave(needed-slack))
		require.NoError(t, db.Close())
	})
}
