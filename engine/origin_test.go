package engine_test

import (
	"fmt"
	"strings"
	"testing"

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
		many[i] = at(fmt.Sprint(i), "1")
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
