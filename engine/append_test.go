package engine_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/workload"
)

// oneEvent is a batch of one plain event.
func oneEvent(t *testing.T, db *engine.DB, id string) *event.Batch {
	t.Helper()
	var b event.Batch
	require.NoError(t, b.Add(event.Event{
		Timestamp: testNow.Add(-time.Hour), ModelID: "m", PredictionID: id, Features: "{}", PredictedValue: 3,
		ActualValue: 1, HasActual: true, ModelVersion: "v1", Environment: "production",
	}, db.Rules()))
	return &b
}

func count(t *testing.T, db *engine.DB) uint64 {
	t.Helper()
	got, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "m"})
	require.NoError(t, err)
	if len(got.Rows) == 0 {
		return 0
	}
	require.Len(t, got.Rows, 1)
	return got.Rows[0].PredictionCount
}

func TestAppendOnce(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db := openDB(t, dir, engine.Options{})
	b := oneEvent(t, db, "a")
	b.Rejects = append(b.Rejects, event.Reject{Line: 2, Code: event.CodeSyntax, Reason: "not JSON", Raw: []byte("{")})
	b.Rejected[event.CodeSyntax]++
	first, err := db.AppendOnce(ctx, b, engine.Key{ID: "k", Hash: [16]byte{1}})
	require.NoError(t, err)
	require.Equal(t, engine.Appended{Successful: 1, Quarantined: 1, LSN: first.LSN}, first)

	check := func() {
		again, err := db.AppendOnce(ctx, oneEvent(t, db, "a"), engine.Key{ID: "k", Hash: [16]byte{1}})
		require.NoError(t, err)
		require.Equal(t, engine.Appended{Successful: 1, Quarantined: 1, LSN: first.LSN, Duplicate: true}, again)
		_, err = db.AppendOnce(ctx, oneEvent(t, db, "b"), engine.Key{ID: "k", Hash: [16]byte{2}})
		require.ErrorIs(t, err, engine.ErrConflict)
		require.EqualValues(t, 1, count(t, db))
	}
	check()
	require.NoError(t, db.Checkpoint(ctx))
	check()
	require.NoError(t, db.Close())
	db = openDB(t, dir, engine.Options{})
	check()

	for _, id := range []string{"", string(make([]byte, engine.KeyBytesMax+1))} {
		_, err = db.AppendOnce(ctx, b, engine.Key{ID: id})
		require.ErrorIs(t, err, engine.ErrBatch)
	}
}

// TestAppendOnceReplaced holds that the answer under a key says how many rows the first append replaced, also from the log
// and from a checkpoint.
func TestAppendOnceReplaced(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	opts := engine.Options{NoBackground: true, FS: disk}
	db := openDB(t, "store", opts)
	ctx := context.Background()
	_, err := db.Append(ctx, oneEvent(t, db, "a"))
	require.NoError(t, err)
	for i, prepare := range []func(){
		func() {},
		func() {},
		func() {
			opts.FS = disk.Kill()
			db.Abandon()
			db = openDB(t, "store", opts)
		},
		func() {
			require.NoError(t, db.Checkpoint(ctx))
			require.NoError(t, db.Close())
			db = openDB(t, "store", opts)
		},
	} {
		prepare()
		done, err := db.AppendOnce(ctx, oneEvent(t, db, "a"), engine.Key{ID: "k"})
		require.NoError(t, err)
		require.Equal(t, i > 0, done.Duplicate)
		require.Equal(t, 1, done.Replaced, "append %d", i)
	}
	require.EqualValues(t, 1, count(t, db))
}

func TestAppendOnceInParallel(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	var wg sync.WaitGroup
	for i := range 64 {
		b := oneEvent(t, db, strconv.Itoa(i%4))
		wg.Go(func() {
			got, err := db.AppendOnce(context.Background(), b, engine.Key{ID: strconv.Itoa(i % 4)})
			if err != nil || got.Successful != 1 {
				t.Errorf("append %d: %+v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 4, count(t, db))
	require.EqualValues(t, 60, db.Stats().Duplicates)
}

func TestAppendRefusesMalformedBatches(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	f := func(name string, spoil func(*event.Batch)) {
		t.Helper()
		b := oneEvent(t, db, "a")
		spoil(b)
		_, err := db.Append(context.Background(), b)
		require.ErrorIs(t, err, engine.ErrBatch, name)
	}
	f("a column too short", func(b *event.Batch) { b.Predicted = nil })
	f("an unknown series", func(b *event.Batch) { b.SeriesOf[0] = 1 })
	f("no number", func(b *event.Batch) { b.Predicted[0] = math.NaN() })
	f("an infinite actual", func(b *event.Batch) { b.Actual[0] = math.Inf(1) })
	f("a time before 1970", func(b *event.Batch) { b.Timestamps[0] = -1 })
	f("a time too far ahead", func(b *event.Batch) { b.Timestamps[0] = testNow.Add(25 * time.Hour).UnixMilli() })
	require.Zero(t, count(t, db))
}

func TestAppendHonoursContextAndClose(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	b := oneEvent(t, db, "a")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := db.Append(ctx, b)
	require.ErrorIs(t, err, context.Canceled)
	_, err = db.Metrics(ctx, engine.MetricsQuery{Model: "*"})
	require.NoError(t, err, "a store without models has nothing to interrupt")
	require.NoError(t, db.Close())
	require.NoError(t, db.Close())
	_, err = db.Append(context.Background(), b)
	require.ErrorIs(t, err, engine.ErrClosed)
	_, err = db.Metrics(context.Background(), engine.MetricsQuery{})
	require.ErrorIs(t, err, engine.ErrClosed)
	_, err = db.Drift(context.Background(), engine.DriftQuery{})
	require.ErrorIs(t, err, engine.ErrClosed)
	_, err = db.Quarantine(context.Background(), engine.QuarantineQuery{})
	require.ErrorIs(t, err, engine.ErrClosed)
}

func TestQuarantine(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db := openDB(t, dir, engine.Options{})
	var b event.Batch
	d := event.NewDecoder()
	require.NoError(t, d.Decode(&b, []byte("{\"model_id\": 3}\nnonsense\n"), event.NDJSON, db.Rules()))
	done, err := db.Append(ctx, &b)
	require.NoError(t, err)
	require.Equal(t, 2, done.Quarantined)
	check := func() {
		got, err := db.Quarantine(ctx, engine.QuarantineQuery{})
		require.NoError(t, err)
		require.Len(t, got.Rows, 2)
		require.Equal(t, "nonsense", string(got.Rows[0].Line))
		require.Equal(t, 2, got.Rows[0].LineNumber)
		require.Equal(t, engine.SourcePredictions, got.Rows[0].Source)
		require.Equal(t, testNow, got.Rows[0].InsertedAt)
		got, err = db.Quarantine(ctx, engine.QuarantineQuery{Limit: 1, Source: engine.SourcePredictions})
		require.NoError(t, err)
		require.Len(t, got.Rows, 1)
		got, err = db.Quarantine(ctx, engine.QuarantineQuery{Source: "other"})
		require.NoError(t, err)
		require.Empty(t, got.Rows)
		_, err = db.Quarantine(ctx, engine.QuarantineQuery{Limit: -1})
		require.ErrorIs(t, err, engine.ErrQuery)
	}
	check()
	require.NoError(t, db.Close())
	db = openDB(t, dir, engine.Options{})
	check()
}

func TestOpenRefuses(t *testing.T) {
	open := func(dir string) error {
		db, err := engine.Open(dir, engine.Options{})
		if err == nil {
			require.NoError(t, db.Close())
		}
		return err
	}
	t.Run("a directory in use", func(t *testing.T) {
		dir := t.TempDir()
		openDB(t, dir, engine.Options{})
		require.ErrorIs(t, open(dir), engine.ErrLocked)
	})
	t.Run("a directory of something else", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "passwd"), []byte("x"), 0o600))
		require.ErrorIs(t, open(dir), engine.ErrCorrupt)
		require.NoFileExists(t, filepath.Join(dir, "store-id"))
	})
	t.Run("a newer version", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, open(dir))
		name := filepath.Join(dir, "store-id")
		require.NoError(t, os.WriteFile(name, []byte("residual store 2\nnew things\n"), 0o600))
		before := listing(t, dir)
		require.ErrorIs(t, open(dir), engine.ErrVersion)
		require.Equal(t, before, listing(t, dir))
	})
	t.Run("a file", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "f")
		require.NoError(t, os.WriteFile(name, nil, 0o600))
		require.Error(t, open(name))
	})
	t.Run("bad options", func(t *testing.T) {
		_, err := engine.Open(t.TempDir(), engine.Options{MaxFuture: -1, CheckpointBytes: 1, Duplicates: 2})
		require.ErrorContains(t, err, "MaxFuture")
		require.ErrorContains(t, err, "Duplicates is duplicates(2)")
		require.ErrorContains(t, err, "CheckpointBytes")
	})
}

// listing maps each file below dir to its content.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	}))
	return files
}

// TestRecordBytes holds the log to 60 bytes for a row of generated events.
func TestRecordBytes(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	const rows = 50_000
	load(t, db, workload.Options{Seed: 1, Rows: rows, From: testNow.AddDate(0, 0, -90), To: testNow, LateShare: 0.02})
	stats := db.Stats()
	require.Equal(t, uint64(rows), stats.Rows)
	perRow := float64(stats.Log.Bytes) / rows
	t.Logf("%.1f bytes per row", perRow)
	require.LessOrEqual(t, perRow, 60.0)
}
