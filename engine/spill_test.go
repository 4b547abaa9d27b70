package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/workload"
)

// largeLog is a store whose log has rows that no checkpoint covers, and how many bytes these take in heads.
func largeLog(t *testing.T, rows int64) (dir string, headBytes int64) {
	t.Helper()
	dir = t.TempDir()
	db := openDB(t, dir, engine.Options{NoBackground: true, LogFileBytes: 128 << 10})
	load(t, db, workload.Options{Seed: 1, Rows: rows, Models: 5, Versions: 2, From: testNow.AddDate(0, -2, 0), To: testNow, LateShare: 0.1})
	headBytes = db.HeadBytes()
	db.Abandon()
	return dir, headBytes
}

// TestReplaySpills starts with a log of many times what heads may take: they never take more than that and a record, and the
// store has what the log had, once, in packs that a checkpoint has named.
func TestReplaySpills(t *testing.T) {
	const rows = 40_000
	dir, whole := largeLog(t, rows)
	opts := engine.Options{NoBackground: true, LogFileBytes: 128 << 10, HeadBytes: whole / 20, MemoryLimitBytes: 1 << 10}
	for range 2 {
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		db := openDB(t, dir, opts)
		most, err := strconv.ParseInt(regexp.MustCompile(`head_bytes=(\d+)`).FindStringSubmatch(log.String())[1], 10, 64)
		require.NoError(t, err)
		require.LessOrEqual(t, most, whole/20+whole/10)
		stats := db.Stats()
		require.EqualValues(t, rows, stats.HeadRows+stats.SealedRows)
		require.Zero(t, stats.HeadRows)
		require.Less(t, stats.ResidentBytes, stats.SealedBytes/2)
		require.NoError(t, db.Close())
		opts.HeadBytes = 0
	}
}

// TestReplaySpillsNothingBesideDamage damages the end of a log that spills: the store is refused, and its directory as it was.
func TestReplaySpillsNothingBesideDamage(t *testing.T) {
	dir, whole := largeLog(t, 20_000)
	logs, err := filepath.Glob(filepath.Join(dir, "wal", "*.log"))
	require.NoError(t, err)
	require.Greater(t, len(logs), 1)
	damaged := logs[len(logs)-2]
	data, err := os.ReadFile(damaged)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(damaged, data, 0o600))
	before := filesIn(t, dir)
	_, err = engine.Open(dir, engine.Options{NoBackground: true, LogFileBytes: 128 << 10, HeadBytes: whole / 20, Now: func() time.Time { return testNow }})
	require.ErrorIs(t, err, engine.ErrCorrupt)
	require.Equal(t, before, filesIn(t, dir))
}

// filesIn names the files in a directory with their sizes.
func filesIn(t *testing.T, dir string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, err := d.Info()
			require.NoError(t, err)
			files = append(files, fmt.Sprint(path, " ", info.Size()))
		}
		return err
	}))
	slices.Sort(files)
	return files
}

// TestReplaySpillsPastLeftovers starts where a start that spilled has crashed.
func TestReplaySpillsPastLeftovers(t *testing.T) {
	dir, whole := largeLog(t, 5000)
	for n := range 3 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "segments", fmt.Sprintf("%012d.pack", n+1)), []byte("half a pack"), 0o600))
	}
	db := openDB(t, dir, engine.Options{NoBackground: true, HeadBytes: whole / 5})
	require.EqualValues(t, 5000, db.Stats().SealedRows)
	require.NoError(t, db.Checkpoint(context.Background()))
}
