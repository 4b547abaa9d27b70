package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestDeletedNeverWere holds that a store answers after deletions what one answers that never had the rows, to the bit: in heads,
// sealed, in packs, beside a seal, and after a restart.
func TestDeletedNeverWere(t *testing.T) {
	s := seed(t)
	ctx := context.Background()
	for run := range race.Cases(6) {
		r := rand.New(rand.NewPCG(s, uint64(run)))
		choose := chooser{r, testNow}
		var rows []event.Event
		for i := range 3000 {
			e := choose.event(i)
			e.Timestamp = e.Timestamp.Add(time.Duration(i) * time.Millisecond)
			e.PredictedValue, e.ActualValue = r.NormFloat64(), r.NormFloat64()*100 // no sum is NaN, which nothing equals
			if !e.HasActual {
				e.ActualValue = 0
			}
			rows = append(rows, e)
		}
		dir := t.TempDir()
		db := openDB(t, dir, engine.Options{NoBackground: true})
		half := len(rows) / 2
		appendEvents(t, db, rows[:half]...)
		if r.IntN(2) == 0 {
			require.NoError(t, db.Checkpoint(ctx))
		}
		appendEvents(t, db, rows[half:]...)
		if r.IntN(2) == 0 {
			db.Freeze()
		}
		m := machine{t: t, choose: choose, names: []predictionName{{rows[7].ModelID, rows[7].PredictionID}}}
		var o oracle
		o.addAll(rows)
		for range 4 {
			d := m.deletion()
			want := o.delete(d)
			done, err := db.DeleteRows(ctx, d)
			require.NoError(t, err)
			require.Equal(t, want.Rows, done.Rows)
		}
		never := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
		var left []event.Event
		for _, r := range o.rows {
			left = append(left, r.Event)
		}
		if len(left) > 0 {
			appendEvents(t, never, left...)
		}
		requireSameAnswers(t, choose, never, db)
		require.NoError(t, db.Checkpoint(ctx))
		requireSameAnswers(t, choose, never, db)
		require.NoError(t, db.Merge(ctx))
		requireSameAnswers(t, choose, never, db)
		require.NoError(t, never.Checkpoint(ctx))
		require.Equal(t, never.Stats().Models, db.Stats().Models, "models without rows are none")
		require.Equal(t, never.Stats().Months, db.Stats().Months)
		require.NoError(t, db.Close())
		requireSameAnswers(t, choose, never, openDB(t, dir, engine.Options{NoBackground: true}))
	}
}

// requireSameAnswers puts random questions to two stores.
func requireSameAnswers(t *testing.T, choose chooser, want, got *engine.DB) {
	t.Helper()
	ctx := context.Background()
	for range 40 {
		q, d, p := choose.metricsQuery(), choose.driftQuery(), choose.driftReportQuery()
		a, err := want.Metrics(ctx, q)
		require.NoError(t, err)
		b, err := got.Metrics(ctx, q)
		require.NoError(t, err)
		require.Equal(t, a.Rows, b.Rows, "%+v", q)
		report := engine.ReportQuery{Model: q.Model, Version: q.Version, Environment: q.Environment, Window: q.Window, From: q.From, To: q.To, AsOf: q.AsOf}
		c, err := want.Report(ctx, report)
		require.NoError(t, err)
		e, err := got.Report(ctx, report)
		require.NoError(t, err)
		require.Equal(t, c.Rows, e.Rows, "%+v", report)
		f, err := want.Drift(ctx, d)
		require.NoError(t, err)
		g, err := got.Drift(ctx, d)
		require.NoError(t, err)
		require.Equal(t, f.Rows, g.Rows, "%+v", d)
		h, wantErr := want.Models(ctx, engine.ModelsQuery(p)) // a reference may be one that there is not
		i, err := got.Models(ctx, engine.ModelsQuery(p))
		require.Equal(t, wantErr, err, "%+v", p)
		require.Equal(t, h.Rows, i.Rows, "%+v", p)
	}
}

// personRows are rows of some models, an hour apart, with features that do not compress.
func personRows(r *rand.Rand, models, each int) (rows []event.Event) {
	for i := range models * each {
		rows = append(rows, event.Event{
			Timestamp: testNow.Add(-time.Duration(i/models) * time.Hour), ModelID: fmt.Sprintf("model_%d", i%models), ModelVersion: "v1", Environment: "production",
			PredictionID: fmt.Sprintf("person-%x-%d", r.Uint64(), i), Features: `{"f":"` + noise(r, 300) + `"}`, PredictedValue: 1,
		})
	}
	return rows
}

// files reads all files of a store.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	content := make(map[string][]byte)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			content[path], err = os.ReadFile(path)
		}
		return err
	}))
	return content
}

func size(files map[string][]byte) (n int) {
	for _, content := range files {
		n += len(content)
	}
	return n
}

// TestDeletedIsGone deletes by id, by model, by window and in heads: once a checkpoint and the merges after it are through, no byte
// of what was deleted is in any file, also where the rows had been merged before, and the disk has its space back.
func TestDeletedIsGone(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	opts := engine.Options{NoBackground: true, LogFileBytes: 32 << 10}
	db := openDB(t, dir, opts)
	r := rand.New(rand.NewPCG(1, 2))
	rows := personRows(r, 8, 1000)
	for part := range slices.Chunk(rows, len(rows)/5) {
		appendEvents(t, db, part...)
		require.NoError(t, db.Checkpoint(ctx))
	}
	require.NoError(t, db.Merge(ctx)) // leaves retired segments in packs
	inHead := personRows(r, 8, 3)
	appendEvents(t, db, inHead...)
	before := size(files(t, dir))

	from := testNow.Add(-700 * time.Hour)
	gone := func(e *event.Event) bool {
		return e.ModelID == "model_3" || e.Timestamp.Before(from) || e.PredictionID == rows[4].PredictionID || e.PredictionID == inHead[0].PredictionID
	}
	for _, d := range []engine.Deletion{
		{Models: []string{"model_3"}},
		{To: from},
		{IDs: []string{rows[4].PredictionID}},
		{Models: []string{inHead[0].ModelID}, IDs: []string{inHead[0].PredictionID}},
	} {
		done, err := db.DeleteRows(ctx, d)
		require.NoError(t, err)
		require.NotZero(t, done.Rows)
	}
	require.NoError(t, db.Checkpoint(ctx))
	require.NoError(t, db.Close()) // what is to be purged is known after a restart
	db = openDB(t, dir, opts)
	require.NoError(t, db.Merge(ctx))
	require.NoError(t, db.Checkpoint(ctx))
	left := 0
	for path, content := range files(t, dir) {
		for _, e := range slices.Concat(rows, inHead) {
			require.False(t, gone(&e) && bytes.Contains(content, []byte(e.PredictionID)), "%s has %s", path, e.PredictionID)
		}
	}
	for _, e := range slices.Concat(rows, inHead) {
		if !gone(&e) {
			left++
		}
	}
	require.EqualValues(t, left, db.Stats().SealedRows)
	require.Less(t, float64(size(files(t, dir))), float64(before)*float64(left)/float64(len(rows))*1.1)
	require.NoError(t, db.Close())
	_, err := engine.Verify(dir, engine.Options{})
	require.NoError(t, err)
}

// TestDeletedStaysGone holds that a request that is sent again under its key does not bring back what was deleted, and that one
// without a key does: it is sent from then on.
func TestDeletedStaysGone(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db := openDB(t, dir, engine.Options{NoBackground: true})
	var b event.Batch
	for i := range 10 {
		require.NoError(t, b.Add(event.Event{
			Timestamp: testNow.Add(-time.Hour), ModelID: "m", ModelVersion: "v1", Environment: "production", PredictionID: strconv.Itoa(i), Features: "{}", HasActual: true,
		}, db.Rules()))
	}
	key := engine.Key{ID: "k", Hash: [16]byte{1}}
	_, err := db.AppendOnce(ctx, &b, key)
	require.NoError(t, err)
	for range 2 {
		done, err := db.DeleteRows(ctx, engine.Deletion{Models: []string{"m"}})
		require.NoError(t, err)
		require.Contains(t, []uint64{0, 10}, done.Rows)
		again, err := db.AppendOnce(ctx, &b, key)
		require.NoError(t, err)
		require.True(t, again.Duplicate)
		count, _ := mae(t, db, "m")
		require.Zero(t, count)
		require.NoError(t, db.Close())
		db = openDB(t, dir, engine.Options{NoBackground: true})
	}
	_, err = db.Append(ctx, &b)
	require.NoError(t, err)
	count, _ := mae(t, db, "m")
	require.EqualValues(t, 10, count)
}

// TestDeletionMakesRoom holds that models of which all rows were deleted count no more for the limits, once a checkpoint is through.
func TestDeletionMakesRoom(t *testing.T) {
	ctx := context.Background()
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true, ModelsMax: 2})
	sendPrediction(t, db, "a", "1")
	sendPrediction(t, db, "b", "1")
	refused := func() int {
		var batch event.Batch
		require.NoError(t, batch.Add(event.Event{
			Timestamp: testNow, ModelID: "c", ModelVersion: "v1", Environment: "production", PredictionID: "1", Features: "{}",
		}, db.Rules()))
		done, err := db.Append(ctx, &batch)
		require.NoError(t, err)
		return done.Quarantined
	}
	require.Equal(t, 1, refused())
	_, err := db.DeleteRows(ctx, engine.Deletion{Models: []string{"a"}})
	require.NoError(t, err)
	require.NoError(t, db.Checkpoint(ctx))
	require.Equal(t, 1, db.Stats().Models)
	require.Equal(t, 1, db.Stats().Months)
	require.Zero(t, refused())
	sendPrediction(t, db, "b", "2") // what is there goes on
	require.Equal(t, 2, db.Stats().Models)
}

// TestEmptiedQuarantine empties the quarantine of one source: the lines of the other stay, before and behind a checkpoint, whatever
// the process ends with.
func TestEmptiedQuarantine(t *testing.T) {
	ctx := context.Background()
	for _, sealed := range []bool{false, true} {
		dir := t.TempDir()
		db := openDB(t, dir, engine.Options{NoBackground: true})
		lines := func() (all []string) {
			got, err := db.Quarantine(ctx, engine.QuarantineQuery{Limit: 100})
			require.NoError(t, err)
			for _, row := range got.Rows {
				all = append(all, row.Source+" "+string(row.Line))
			}
			return all
		}
		reject := func(line string) {
			var b event.Batch
			b.Rejects = []event.Reject{{Line: 1, Column: "timestamp", Code: event.CodeTimestamp, Reason: "none", Raw: []byte(line)}}
			b.Rejected[event.CodeTimestamp] = 1
			_, err := db.Append(ctx, &b)
			require.NoError(t, err)
			var a event.Actuals
			a.Rejects, a.Rejected = b.Rejects, b.Rejected
			_, err = db.AppendActuals(ctx, &a)
			require.NoError(t, err)
		}
		reject("secret one")
		if sealed {
			require.NoError(t, db.Checkpoint(ctx))
		}
		reject("secret two")
		d := engine.Deletion{Rejects: true}
		counted, err := db.CountDeletion(ctx, d)
		require.NoError(t, err)
		require.Equal(t, 2, counted.Rejects)
		done, err := db.DeleteRows(ctx, d)
		require.NoError(t, err)
		require.Equal(t, 2, done.Rejects)
		reject("three")
		want := []string{
			engine.SourceActuals + " three", engine.SourcePredictions + " three", engine.SourceActuals + " secret two", engine.SourceActuals + " secret one",
		}
		require.Equal(t, want, lines())
		db.Abandon()
		db = openDB(t, dir, engine.Options{NoBackground: true})
		require.Equal(t, want, lines())
		require.NoError(t, db.Checkpoint(ctx))
		_, err = db.DeleteRows(ctx, engine.Deletion{Source: engine.SourceActuals, Rejects: true})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		db = openDB(t, dir, engine.Options{NoBackground: true})
		require.Equal(t, want[1:2], lines())
		for _, content := range files(t, dir) {
			require.NotContains(t, string(content), "secret")
		}
	}
}

// TestForgottenActuals deletes actuals that are remembered for predictions still to come.
func TestForgottenActuals(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db := openDB(t, dir, engine.Options{NoBackground: true})
	sendActual(t, db, "a", "1", 2)
	sendActual(t, db, "a", "2", 2)
	sendActual(t, db, "b", "1", 2)
	sendPrediction(t, db, "a", "2")
	d := engine.Deletion{Source: engine.SourceActuals, Models: []string{"a"}}
	counted, err := db.CountDeletion(ctx, d)
	require.NoError(t, err)
	done, err := db.DeleteRows(ctx, d)
	require.NoError(t, err)
	require.Equal(t, engine.Deleted{Actuals: 2}, counted)
	require.Equal(t, engine.Deleted{Actuals: 2, LSN: done.LSN}, done)
	check := func() {
		t.Helper()
		require.Equal(t, 1, db.Stats().ActualsRemembered)
		count, _ := mae(t, db, "a")
		require.EqualValues(t, 1, count, "rows keep the actuals that they have")
	}
	check()
	require.NoError(t, db.Close())
	db = openDB(t, dir, engine.Options{NoBackground: true})
	check()
	sendPrediction(t, db, "a", "1")
	count, _ := mae(t, db, "a")
	require.EqualValues(t, 1, count)
}

// TestDeletionsRefused has deletions that mean nothing.
func TestDeletionsRefused(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	sendPrediction(t, db, "a", "1")
	for _, d := range []engine.Deletion{
		{Source: "other"}, {Rejects: true, Models: []string{"a"}}, {Rejects: true, From: testNow}, {Source: engine.SourceActuals, To: testNow},
	} {
		_, err := db.DeleteRows(t.Context(), d)
		require.ErrorIs(t, err, engine.ErrQuery)
		_, err = db.CountDeletion(t.Context(), d)
		require.ErrorIs(t, err, engine.ErrQuery)
	}
	done, err := db.DeleteRows(t.Context(), engine.Deletion{From: testNow, To: testNow})
	require.NoError(t, err)
	require.Zero(t, done)
	db.Fail(errors.New("broken"))
	_, err = db.DeleteRows(t.Context(), engine.Deletion{})
	require.ErrorIs(t, err, engine.ErrDegraded)
}

// TestDeletionsBesideAppends deletes windows of all models, of some and ids, in slices of no time at all, while rows of the same models
// and others come, checkpoints and merges go: in the end the store has what the log has in its order, and a replay comes to the same.
func TestDeletionsBesideAppends(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	opts := engine.Options{NoBackground: true}
	db := openDB(t, dir, opts)
	db.SliceEverything()
	s := seed(t)
	type logged struct {
		lsn      uint64
		rows     []event.Event
		deletion *engine.Deletion
	}
	var mu sync.Mutex
	var log []logged
	note := func(l logged) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, l)
	}
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			choose := chooser{rand.New(rand.NewPCG(s, uint64(w))), testNow}
			for n := range 25 {
				if w == 3 {
					m := machine{t: t, choose: choose, names: []predictionName{{choose.model(), strconv.Itoa(choose.IntN(8000))}}}
					d := m.deletion()
					done, err := db.DeleteRows(ctx, d)
					if err != nil {
						t.Error(err)
					}
					if done.LSN > 0 {
						note(logged{lsn: done.LSN, deletion: &d})
					}
					if n%4 == 0 {
						if err := errors.Join(db.Checkpoint(ctx), db.Merge(ctx)); err != nil {
							t.Error(err)
						}
					}
					continue
				}
				var b event.Batch
				var rows []event.Event
				for i := range 600 {
					e := choose.event((w*25+n)*600 + i)
					if err := b.Add(e, db.Rules()); err != nil {
						t.Error(err)
					}
					rows = append(rows, e)
				}
				done, err := db.Append(ctx, &b)
				if err != nil {
					t.Error(err)
				}
				note(logged{lsn: done.LSN, rows: rows})
			}
		})
	}
	all.Wait()
	slices.SortFunc(log, func(a, b logged) int { return int(a.lsn) - int(b.lsn) })
	var o oracle
	for _, l := range log {
		if l.deletion != nil {
			o.delete(*l.deletion)
		} else {
			o.addAll(l.rows)
		}
	}
	choose := chooser{rand.New(rand.NewPCG(s, 9)), testNow}
	check := func() {
		t.Helper()
		checkMetrics(t, db, &o, engine.MetricsQuery{Model: "*", Version: "*", Environment: "*", From: time.Unix(0, 0)}, testNow)
		for range 20 {
			checkMetrics(t, db, &o, choose.metricsQuery(), testNow)
			checkReport(t, db, &o, choose.metricsQuery(), testNow)
		}
	}
	check()
	db.Abandon()
	db = openDB(t, dir, opts)
	check()
	require.NoError(t, db.Checkpoint(ctx))
	require.NoError(t, db.Merge(ctx))
	check()
}

// TestDeletionWithin holds a deletion to the models that whoever asks is bounded to.
func TestDeletionWithin(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	for _, model := range []string{"team_a_1", "team_a_2", "team_b"} {
		sendPrediction(t, db, model, "1")
	}
	d := engine.Deletion{Within: "team_a_*", Models: []string{"team_a_1", "team_b"}}
	counted, err := db.CountDeletion(t.Context(), d)
	require.NoError(t, err)
	require.EqualValues(t, 1, counted.Rows)
	done, err := db.DeleteRows(t.Context(), d)
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Rows)
	done, err = db.DeleteRows(t.Context(), engine.Deletion{Within: "team_a_*"})
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Rows)
	require.EqualValues(t, 1, db.Stats().HeadRows)
}

// TestDeletionIsSwept holds that a store which gets nothing more has let go of what was deleted within two minutes.
func TestDeletionIsSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := engine.Open(storeDir, engine.Options{
			FS: simdisk.New(simdisk.Options{}), LogFileBytes: 1 << 20, Now: func() time.Time { return testNow }, Random: constantReader(0),
		})
		require.NoError(t, err)
		sendPrediction(t, db, "a", "1")
		sendPrediction(t, db, "b", "1")
		require.NoError(t, db.Checkpoint(t.Context()))
		_, err = db.DeleteRows(t.Context(), engine.Deletion{Models: []string{"a"}})
		require.NoError(t, err)
		merges, sealed := db.Stats().Merges, db.Stats().SealedBytes
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.EqualValues(t, 2, db.Stats().Checkpoints)
		require.Equal(t, merges+1, db.Stats().Merges, "what is alive has moved out of the pack")
		require.Equal(t, sealed, db.Stats().SealedBytes)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.EqualValues(t, 2, db.Stats().Checkpoints)
		require.NoError(t, db.Close())
	})
}

// TestDeletionBesideCheckpoint deletes what is left of a segment behind the rotation of a checkpoint, which covers another deletion in
// it: a restart finds both.
func TestDeletionBesideCheckpoint(t *testing.T) {
	for _, d := range []engine.Deletion{
		{Versions: []string{"v2"}}, {IDs: []string{"b"}}, {Models: []string{"m"}}, {From: testNow.Add(-2 * time.Hour), To: testNow}, {},
	} {
		dir := t.TempDir()
		db := openDB(t, dir, engine.Options{NoBackground: true})
		sendPredictionOf(t, db, "m", "v1", "a")
		sendPredictionOf(t, db, "m", "v2", "b")
		require.NoError(t, db.Checkpoint(t.Context()))
		_, err := db.DeleteRows(t.Context(), engine.Deletion{Models: []string{"m"}, IDs: []string{"a"}})
		require.NoError(t, err)
		require.NoError(t, db.CheckpointAfter(t.Context(), func() {
			done, err := db.DeleteRows(t.Context(), d)
			require.NoError(t, err)
			require.EqualValues(t, 1, done.Rows)
			sendPredictionOf(t, db, "m", "v1", "c")
		}))
		for range 2 {
			db.Abandon()
			db = openDB(t, dir, engine.Options{NoBackground: true})
			require.Equal(t, []string{"c"}, heldIDs(t, db), "%+v", d)
			require.NoError(t, db.Checkpoint(t.Context()))
		}
	}
}

// heldIDs are the prediction ids of the rows of a store.
func heldIDs(t *testing.T, db *engine.DB) (ids []string) {
	t.Helper()
	require.NoError(t, db.EachRow(func(e event.Event) { ids = append(ids, e.PredictionID) }))
	return ids
}
