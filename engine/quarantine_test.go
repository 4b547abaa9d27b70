package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/memory"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// rejected is a batch of so many rejected lines of so many bytes, all different.
func rejected(first, lines, size int) *event.Batch {
	b := new(event.Batch)
	for i := range lines {
		line := bytes.Repeat([]byte{'x'}, size)
		copy(line, fmt.Sprintf("%012d", first+i))
		b.Rejects = append(b.Rejects, event.Reject{Line: i + 1, Code: event.CodeSyntax, Reason: "not JSON", Raw: line})
	}
	b.Rejected[event.CodeSyntax] = lines
	return b
}

// TestLongRejectsStayBounded rejects many times the bytes that the quarantine may hold, while no checkpoint succeeds and
// after: the memory stays within the bound, and the newest are there, also after a restart.
func TestLongRejectsStayBounded(t *testing.T) {
	const (
		bytesMax         = 4 << 20
		requests, lines  = 12, 64
		lineBytes, slack = event.RawBytesMax, 4 << 20
	)
	dir := t.TempDir()
	var db *engine.DB
	open := func() { // without a cleanup, which would hold it
		var err error
		db, err = engine.Open(dir, engine.Options{NoBackground: true, QuarantineBytes: bytesMax, Now: func() time.Time { return testNow }})
		require.NoError(t, err)
	}
	open()
	before := memory.Live()
	release := db.HoldCheckpoints()
	for i := range requests {
		done, err := db.Append(context.Background(), rejected(i*lines, lines, lineBytes))
		require.NoError(t, err)
		require.Equal(t, lines, done.Quarantined)
	}
	db.DropBuffers()
	require.Less(t, memory.Live()-before, int64(bytesMax+slack))
	release()
	for range 2 {
		got, err := db.Quarantine(context.Background(), engine.QuarantineQuery{Limit: 1000})
		require.NoError(t, err)
		require.Greater(t, len(got.Rows), lines/4)
		for i, row := range got.Rows {
			require.Equal(t, fmt.Sprintf("%012d", requests*lines-1-i), string(row.Line[:12]))
		}
		require.NoError(t, db.Close())
		open()
	}
	require.Less(t, memory.Live()-before, int64(bytesMax+slack))
	require.NoError(t, db.Close())
}

// TestRejectsMakeCheckpointsDue sends lines that are nothing to the log once they are compressed.
func TestRejectsMakeCheckpointsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		db := openDB(t, storeDir, engine.Options{FS: disk, CheckpointBytes: 1 << 20, LogFileBytes: 1 << 20})
		for i := range 17 {
			require.Zero(t, db.Stats().Checkpoints, "%d", i)
			_, err := db.Append(context.Background(), rejected(0, 1, event.RawBytesMax))
			require.NoError(t, err)
			synctest.Wait()
			if i == 14 {
				require.Less(t, db.Stats().Log.LogBytes, int64(200<<10))
			}
			if i == 15 {
				break
			}
		}
		require.EqualValues(t, 1, db.Stats().Checkpoints)
	})
}

// TestOrphansExpireInSlices lets many actuals expire together: no request that comes then does the work for all of them.
func TestOrphansExpireInSlices(t *testing.T) {
	const actuals, slice = 3000, 1024
	now := testNow
	opts := engine.Options{
		NoBackground: true, ActualsTTL: 24 * time.Hour, Now: func() time.Time { return now },
		Elapsed: func() time.Duration { return now.Sub(testNow) },
	}
	dir := t.TempDir()
	db := openDB(t, dir, opts)
	var a event.Actuals
	for i := range actuals {
		require.NoError(t, a.Add(event.Actual{ModelID: "m", PredictionID: strconv.Itoa(i), Value: 1}, db.Rules()))
	}
	_, err := db.AppendActuals(context.Background(), &a)
	require.NoError(t, err)
	now = now.Add(25 * time.Hour)
	for left := actuals; left > 0; {
		sendPrediction(t, db, "other", fmt.Sprint("p", left))
		left = max(left-slice, 0)
		require.Equal(t, left, db.Stats().Orphans)
		db.Abandon()
		db = openDB(t, dir, opts)
		require.Equal(t, left, db.Stats().Orphans)
	}
	got, err := db.Quarantine(context.Background(), engine.QuarantineQuery{Source: engine.SourceActuals, Limit: 2 * actuals})
	require.NoError(t, err)
	require.Len(t, got.Rows, actuals)
}

// TestQuarantineWithin lists the rejects of some models among many of others, as many as are asked for.
func TestQuarantineWithin(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	var b event.Batch
	var want []string
	for i := range 1000 {
		line := fmt.Sprintf(`{"model_id":"%s","n":%d}`, []string{"a", "ab", "b", "b,a", "c"}[i%5], i)
		if i%7 == 0 {
			line = line[1:]
		} else if i%5 < 2 {
			want = append(want, line)
		}
		b.Rejects = append(b.Rejects, event.Reject{Line: i + 1, Code: event.CodeSyntax, Reason: "not JSON", Raw: []byte(line)})
	}
	b.Rejected[event.CodeSyntax] = len(b.Rejects)
	_, err := db.Append(t.Context(), &b)
	require.NoError(t, err)
	slices.Reverse(want)
	for _, limit := range []int{1, 5, 64, 65, 200, 1000} {
		got, err := db.Quarantine(t.Context(), engine.QuarantineQuery{Within: "a*,d", Limit: limit})
		require.NoError(t, err)
		var lines []string
		for i := range got.Rows {
			lines = append(lines, string(got.Rows[i].Line))
		}
		require.Equal(t, want[:min(limit, len(want))], lines)
	}
	read, err := db.EachReject(t.Context(), engine.QuarantineQuery{Within: "nobody", Limit: 10}, func(*engine.QuarantineRow) bool { return true })
	require.NoError(t, err)
	require.Zero(t, read)
}
