package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// storeOf makes a store in which a checkpoint covers all of the rows.
func storeOf(t *testing.T, rows int) string {
	t.Helper()
	dir := t.TempDir()
	db, err := engine.Open(dir, engine.Options{})
	require.NoError(t, err)
	var b event.Batch
	for i := range rows {
		require.NoError(t, b.Add(event.Event{
			Timestamp: time.Now(), ModelID: "m", ModelVersion: "v1", Environment: "production", PredictionID: strconv.Itoa(i),
			Features: "{}", PredictedValue: 2, ActualValue: 1, HasActual: true,
		}, db.Rules()))
	}
	_, err = db.Append(context.Background(), &b)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return dir
}

func TestVerifyAndSalvage(t *testing.T) {
	dir := storeOf(t, 7)
	r := run(t, "verify", dir)
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "sealed: 7 rows in 1 segments in 1 packs")
	r = run(t, "salvage", dir)
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, "nothing is damaged, nothing was changed\n", r.out)

	packs, err := filepath.Glob(filepath.Join(dir, "segments", "*.pack"))
	require.NoError(t, err)
	require.Len(t, packs, 1)
	content, err := os.ReadFile(packs[0])
	require.NoError(t, err)
	content[100] ^= 1
	require.NoError(t, os.WriteFile(packs[0], content, 0o600))

	r = run(t, "verify", dir)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.out, packs[0]+": offset 64: ")
	require.Contains(t, r.err, "is damaged in 1 places")
	r = run(t, "salvage", dir)
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "given up: "+packs[0])
	r = run(t, "verify", dir)
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "sealed: 0 rows in 0 segments in 1 packs")
}

func TestVerifyOfWhatIsNoStore(t *testing.T) {
	for _, command := range []string{"verify", "salvage"} {
		r := run(t, command, filepath.Join(t.TempDir(), "nothing"))
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, "no such file or directory")
		require.Equal(t, exitUsage, run(t, command).code)
	}
	folder := t.TempDir()
	for _, name := range []string{"", "notes.txt", "tokens.json"} {
		if name != "" {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
		}
		for _, command := range []string{"verify", "salvage"} {
			r := run(t, command, folder)
			require.Equal(t, exitFailure, r.code)
			require.Contains(t, r.err, "no store: neither store-id nor MANIFEST-* nor wal is there")
			require.NotContains(t, r.out+r.err, "damaged")
			require.NoFileExists(t, filepath.Join(folder, "LOCK"))
		}
	}
	dir := storeOf(t, 1)
	db, err := engine.Open(dir, engine.Options{})
	require.NoError(t, err)
	for _, command := range []string{"verify", "salvage"} {
		r := run(t, command, dir)
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, "in use by another process")
	}
	require.NoError(t, db.Close())
}
