package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// at is the position of a part of the source "topics".
func at(part, value string) engine.Position {
	return engine.Position{Source: "topics", Part: part, Value: value}
}

// TestAppendFrom holds that positions are there with their rows, after a restart with and without a checkpoint, by each of the ways in
// which they come, and that no deletion takes them.
func TestAppendFrom(t *testing.T) {
	t.Parallel()
	ctx, disk := t.Context(), simdisk.New(simdisk.Options{})
	db := openOld(t, disk, engine.Options{})
	origin := engine.Origin{Source: "houses", Positions: []engine.Position{at("a", "1"), at("b", "2"), {Part: "own", Value: "3"}}}
	done, err := db.AppendFrom(ctx, oneEvent(t, db, "1"), origin)
	require.NoError(t, err)
	require.Equal(t, 1, done.Successful)
	require.Equal(t, map[string]string{"a": "1", "b": "2"}, db.Positions("topics"))
	require.Equal(t, map[string]string{"own": "3"}, db.Positions("houses"))
	require.Empty(t, db.Positions("topic"))

	alone, err := db.AppendFrom(ctx, new(event.Batch), engine.Origin{Positions: []engine.Position{at("a", "5"), at("b", "")}})
	require.NoError(t, err)
	require.Equal(t, engine.Appended{LSN: done.LSN + 1}, alone)
	nothing, err := db.AppendFrom(ctx, new(event.Batch), engine.Origin{Source: "houses"})
	require.NoError(t, err)
	require.Zero(t, nothing)

	var actuals event.Actuals
	require.NoError(t, actuals.Add(event.Actual{ModelID: "m", PredictionID: "1", Value: 1}, db.Rules()))
	_, err = db.AppendActualsFrom(ctx, &actuals, engine.Origin{Positions: []engine.Position{at("c", "7")}})
	require.NoError(t, err)
	_, err = db.AppendActualsOnceFrom(ctx, &actuals, engine.Key{ID: "x"}, engine.Origin{Positions: []engine.Position{at("d", "8")}})
	require.NoError(t, err)
	for _, value := range []string{"9", "10"} { // the second one is a retry
		_, err = db.AppendOnceFrom(ctx, oneEvent(t, db, "2"), engine.Key{ID: "y"}, engine.Origin{Positions: []engine.Position{at("e", value)}})
		require.NoError(t, err)
	}
	_, err = db.DeleteRows(ctx, engine.Deletion{})
	require.NoError(t, err)

	want := map[string]string{"a": "5", "c": "7", "d": "8", "e": "9"}
	require.Equal(t, want, db.Positions("topics"))
	require.Equal(t, 5, db.Stats().Positions)
	for restart := range 3 {
		if restart == 0 {
			disk = disk.Kill()
			db.Abandon()
		} else {
			require.NoError(t, db.Close())
		}
		db = openOld(t, disk, engine.Options{})
		require.Equal(t, want, db.Positions("topics"))
		require.Equal(t, map[string]string{"own": "3"}, db.Positions("houses"))
	}
	require.NoError(t, db.Close())
}

// TestOriginRefused holds the bounds of an origin. What is refused leaves nothing behind.
func TestOriginRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	long := strings.Repeat("x", engine.PositionBytesMax+1)
	many := make([]engine.Position, engine.PositionsAtOnceMax+1)
	for i := range many {
		many[i] = at(strconv.Itoa(i), "1")
	}
	for _, o := range []engine.Origin{
		{Positions: []engine.Position{{Part: "a", Value: "1"}}},
		{Positions: []engine.Position{at("a", "1"), at(long, "1")}},
		{Positions: []engine.Position{at("a", long)}},
		{Positions: []engine.Position{{Source: long[:engine.SourceBytesMax+1], Part: "a", Value: "1"}}},
		{Source: long[:engine.SourceBytesMax+1]},
		{Positions: many},
	} {
		_, err := db.AppendFrom(ctx, oneEvent(t, db, "1"), o)
		require.ErrorIs(t, err, engine.ErrBatch)
	}
	b := new(event.Batch)
	b.Rejects, b.Rejected[event.CodeSyntax] = []event.Reject{{Code: event.CodeSyntax, Place: long}}, 1
	_, err := db.AppendFrom(ctx, b, engine.Origin{})
	require.ErrorIs(t, err, engine.ErrBatch)
	require.Zero(t, db.Stats().Rows)
	require.Empty(t, db.Positions("topics"))
	_, err = db.AppendFrom(ctx, new(event.Batch), engine.Origin{Positions: append(many[2:], at(long[1:], long[1:]))})
	require.NoError(t, err)
	require.Len(t, db.Positions("topics"), engine.PositionsAtOnceMax)
	require.NoError(t, db.Close())
}

// TestPositionsAreBounded holds that new parts are refused where positions take all of their memory, that those which are known go on,
// and that forgetting makes room; also in a store that was opened with a smaller bound than it needs.
func TestPositionsAreBounded(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	set := func(db *engine.DB, x ...engine.Position) error {
		_, err := db.AppendFrom(ctx, oneEvent(t, db, "1"), engine.Origin{Positions: x})
		return err
	}
	const bytes = 10_000
	db := openDB(t, dir, engine.Options{NoBackground: true, PositionsBytes: bytes})
	n := 0
	var err error
	for err == nil {
		err = set(db, at(fmt.Sprintf("part %04d", n), "1"))
		n++
	}
	require.ErrorIs(t, err, engine.ErrPositionsFull)
	require.NotErrorIs(t, err, engine.ErrFull)
	require.ErrorContains(t, err, "10000")
	require.Greater(t, n, 200)
	require.LessOrEqual(t, db.Stats().PositionsBytes, int64(bytes))
	require.EqualValues(t, n-1, db.Stats().Batches)
	require.False(t, db.Health().Degraded)
	require.NoError(t, set(db, at("part 0000", "2")))
	require.NoError(t, set(db, at("part 0001", "")))
	require.NoError(t, set(db, at(fmt.Sprintf("part %04d", n), "1")))
	require.NoError(t, db.Close())

	db = openDB(t, dir, engine.Options{NoBackground: true, PositionsBytes: 1})
	require.Len(t, db.Positions("topics"), n-1)
	require.NoError(t, set(db, at("part 0000", "3")))
	require.ErrorIs(t, set(db, at("another", "1")), engine.ErrPositionsFull)
	require.NoError(t, db.Close())
}

// TestQuarantineOfSources holds rejects of several data sources apart, with the place that each came from, before and after a restart,
// and that those of one are emptied alone.
func TestQuarantineOfSources(t *testing.T) {
	t.Parallel()
	ctx, disk := t.Context(), simdisk.New(simdisk.Options{})
	db := openOld(t, disk, engine.Options{})
	reject := func(source, line string) {
		b := new(event.Batch)
		b.Rejects = []event.Reject{{Line: 3, Column: "timestamp", Code: event.CodeTimestamp, Reason: "none", Raw: []byte(line), Place: "line of " + line}}
		b.Rejected[event.CodeTimestamp] = 1
		done, err := db.AppendFrom(ctx, b, engine.Origin{Source: source})
		require.NoError(t, err)
		require.Equal(t, 1, done.Quarantined)
	}
	list := func(source string) (lines []string) {
		found, err := db.Quarantine(ctx, engine.QuarantineQuery{Source: source})
		require.NoError(t, err)
		for _, r := range found.Rows {
			require.Equal(t, "line of "+string(r.Line), r.Place)
			lines = append(lines, r.Source+" "+string(r.Line))
		}
		return lines
	}
	reject("houses", "1")
	reject("", "2")
	require.NoError(t, db.Checkpoint(ctx))
	reject("flats", "3")
	reject("houses", "4")
	for range 2 {
		require.Equal(t, []string{"houses 4", "flats 3", engine.SourcePredictions + " 2", "houses 1"}, list(""))
		require.Equal(t, []string{"houses 4", "houses 1"}, list("houses"))
		require.Equal(t, []string{"flats 3"}, list("flats"))
		disk = disk.Kill()
		db.Abandon()
		db = openOld(t, disk, engine.Options{})
	}
	empty := engine.Deletion{Source: "houses", Rejects: true}
	count, err := db.CountDeletion(ctx, empty)
	require.NoError(t, err)
	require.Equal(t, 2, count.Rejects)
	done, err := db.DeleteRows(ctx, empty)
	require.NoError(t, err)
	require.Equal(t, 2, done.Rejects)
	for range 2 {
		require.Equal(t, []string{"flats 3", engine.SourcePredictions + " 2"}, list(""))
		require.NoError(t, db.Close())
		db = openOld(t, disk, engine.Options{})
	}
	require.NoError(t, db.Close())
}

// TestExactlyOnce has readers copy the parts of a source into a store that keeps every row that is sent, each going on from the position
// that it finds. Power cuts and kills end the process again and again while they append: at the end each row is there once.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	const parts, events = 3, 1500
	s := seed(t)
	r := rand.New(rand.NewPCG(s, 0))
	disk := simdisk.New(simdisk.Options{})
	offset := func(value string) (n int) {
		if value != "" {
			var err error
			n, err = strconv.Atoi(value)
			require.NoError(t, err)
		}
		return n
	}
	// read copies a part until all of it is there or the store fails.
	read := func(db *engine.DB, part string, r *rand.Rand) {
		var b event.Batch
		for next := offset(db.Positions("topics")[part]); next < events; {
			b.Reset()
			for n := r.IntN(30); n > 0 && next < events; n-- {
				next++
				if next%7 == 0 { // nonsense
					b.Rejects = append(b.Rejects, event.Reject{Code: event.CodeSyntax, Raw: []byte("{"), Place: fmt.Sprint(part, " ", next)})
					b.Rejected[event.CodeSyntax]++
					continue
				}
				if err := b.Add(event.Event{
					Timestamp: testNow.Add(-time.Duration(r.IntN(1000)) * time.Hour), ModelID: "m" + part, PredictionID: strconv.Itoa(next), Features: "{}",
					ModelVersion: "v1", Environment: "production",
				}, db.Rules()); err != nil {
					t.Error(err)
				}
			}
			if _, err := db.AppendFrom(context.Background(), &b, engine.Origin{Source: "topics", Positions: []engine.Position{at(part, strconv.Itoa(next))}}); err != nil {
				return
			}
		}
	}
	lives := 0
	for done := false; !done; lives++ {
		db := openOld(t, disk, engine.Options{Duplicates: engine.DuplicatesKeep})
		var readers sync.WaitGroup
		for part := range parts {
			readers.Go(func() { read(db, strconv.Itoa(part), rand.New(rand.NewPCG(s, uint64(lives*parts+part)))) })
		}
		readers.Go(func() { _ = db.Checkpoint(context.Background()) })
		ended := make(chan struct{})
		go func() {
			readers.Wait()
			close(ended)
		}()
		for end := disk.Ops() + uint64(r.IntN(60)); disk.Ops() < end; {
			select {
			case <-ended:
				end, done = 0, true
			default:
				runtime.Gosched()
			}
		}
		if r.IntN(2) == 0 {
			disk = disk.Kill()
		} else {
			disk = disk.Crash(simdisk.Random(r.Uint64()))
		}
		<-ended
		db.Abandon()
	}
	db := openOld(t, disk, engine.Options{})
	defer func() { require.NoError(t, db.Close()) }()
	rows := make(map[string]int)
	require.NoError(t, db.EachRow(func(e event.Event) { rows[e.ModelID+" "+e.PredictionID]++ }))
	rejects := make(map[string]int)
	_, err := db.EachReject(t.Context(), engine.QuarantineQuery{Limit: 2 * parts * events}, func(row *engine.QuarantineRow) bool {
		rejects[row.Place]++
		return true
	})
	require.NoError(t, err)
	for part := range parts {
		require.Equal(t, strconv.Itoa(events), db.Positions("topics")[strconv.Itoa(part)])
		for n := 1; n <= events; n++ {
			if name := fmt.Sprint(part, " ", n); n%7 == 0 {
				require.Equal(t, 1, rejects[name], name)
			} else {
				require.Equal(t, 1, rows["m"+name], name)
			}
		}
	}
	require.Len(t, rows, parts*(events-events/7))
	t.Logf("%d processes", lives)
	require.Greater(t, lives, 3)
}

// TestCheckpointWritesWhatHasChanged holds what checkpoints write of many positions: nothing where none has changed, little where few
// have, and all of them now and then, so that what was forgotten or has changed often is not kept for ever.
func TestCheckpointWritesWhatHasChanged(t *testing.T) {
	t.Parallel()
	const n = 10_000
	ctx, disk := t.Context(), simdisk.New(simdisk.Options{})
	db := openOld(t, disk, engine.Options{})
	want := make(map[string]string)
	set := func(x ...engine.Position) {
		for _, x := range x {
			if want[x.Part] = x.Value; x.Value == "" {
				delete(want, x.Part)
			}
		}
		_, err := db.AppendFrom(ctx, new(event.Batch), engine.Origin{Positions: x})
		require.NoError(t, err)
	}
	setAll := func(value string) {
		for first := 0; first < n; first += n / 10 {
			var some []engine.Position
			for i := range n / 10 {
				some = append(some, at(fmt.Sprintf("folder/object-%06d", first+i), value))
			}
			set(some...)
		}
	}
	listed := func() int64 {
		t.Helper()
		require.NoError(t, db.Checkpoint(ctx))
		checkDisk(t, db, disk, storeDir)
		disk = disk.Kill()
		db.Abandon()
		db = openOld(t, disk, engine.Options{})
		require.Equal(t, want, db.Positions("topics"))
		return db.Stats().Disk.Positions
	}
	setAll("etag")
	all := listed()
	require.Greater(t, all, int64(n*20))
	_, err := db.Append(ctx, oneEvent(t, db, "1"))
	require.NoError(t, err)
	require.Equal(t, all, listed())
	set(at("folder/object-000007", "etag 2"), at("folder/object-000008", ""))
	few := listed() - all
	require.Positive(t, few)
	require.Less(t, few, int64(200))
	for i := range 80 { // each of these is a list
		set(at("folder/object-000007", strconv.Itoa(i)))
		require.NoError(t, db.Checkpoint(ctx))
	}
	require.Less(t, listed(), all+100*few)
	for i := range 6 {
		setAll(fmt.Sprint("etag ", i))
		require.Less(t, listed(), 4*all)
	}
	setAll("")
	require.Empty(t, want)
	listed()
	require.Zero(t, listed(), "lists of what is forgotten")
	require.NoError(t, db.Close())
}
