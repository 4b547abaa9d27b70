package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// newcomer is a row of a series at a time before testNow.
func newcomer(model, version string, ago time.Duration) event.Event {
	return event.Event{
		Timestamp: testNow.Add(-ago), ModelID: model, PredictionID: model + version + ago.String(), Features: `{"a":1}`,
		PredictedValue: 2, ActualValue: 1, HasActual: true, ModelVersion: version, Environment: "production",
	}
}

// appendEvents appends rows as one batch.
func appendEvents(t *testing.T, db *engine.DB, rows ...event.Event) engine.Appended {
	t.Helper()
	var b event.Batch
	for _, e := range rows {
		require.NoError(t, b.Add(e, db.Rules()))
	}
	done, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
	require.Equal(t, len(rows), b.Len(), "the caller's batch is as it was")
	require.Empty(t, b.Rejects)
	return done
}

// held names the rows of the store, in order.
func held(t *testing.T, db *engine.DB) (ids []string) {
	t.Helper()
	require.NoError(t, db.EachRow(func(e event.Event) { ids = append(ids, e.PredictionID) }))
	slices.Sort(ids)
	return ids
}

const month = 31 * 24 * time.Hour

// capCases say for each bound which rows fill it, which are beyond, and which are not touched by it although it is full.
var capCases = []struct {
	name                string
	opts                engine.Options
	full, beyond, going []event.Event
	code                event.Code
	column              string
}{
	{
		name: "models", opts: engine.Options{ModelsMax: 2}, code: event.CodeTooManyModels, column: "model_id",
		full:   []event.Event{newcomer("a", "1", 0), newcomer("b", "1", 0)},
		beyond: []event.Event{newcomer("c", "1", 0), newcomer("c", "2", 0), newcomer("d", "1", 0)},
		going:  []event.Event{newcomer("a", "1", 1), newcomer("b", "2", 0), newcomer("a", "1", month)},
	},
	{
		name: "series", opts: engine.Options{SeriesMax: 2}, code: event.CodeTooManySeries, column: "model_version",
		full:   []event.Event{newcomer("a", "1", 0), newcomer("a", "2", 0)},
		beyond: []event.Event{newcomer("a", "3", 0), newcomer("a", "3", 1), newcomer("a", "4", 0)},
		going:  []event.Event{newcomer("a", "1", 1), newcomer("b", "3", 0), newcomer("b", "4", 0)},
	},
	{
		name: "months", opts: engine.Options{MonthsMax: 2}, code: event.CodeTooManyMonths, column: "timestamp",
		full:   []event.Event{newcomer("a", "1", 0), newcomer("a", "1", month)},
		beyond: []event.Event{newcomer("a", "1", 3*month), newcomer("a", "2", 4*month), newcomer("b", "1", month)},
		going:  []event.Event{newcomer("a", "1", month+1), newcomer("b", "1", 0), newcomer("c", "1", 0)},
	},
}

func TestCaps(t *testing.T) {
	for _, c := range capCases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.opts.NoBackground = true
			db := openDB(t, dir, c.opts)
			done := appendEvents(t, db, c.full...)
			require.Equal(t, len(c.full), done.Successful, "at the bound")
			for i, e := range c.beyond {
				done = appendEvents(t, db, e)
				require.Equal(t, engine.Appended{Quarantined: 1, LSN: done.LSN}, done, "row %d beyond", i)
			}
			// In one batch, each row costs or keeps its own place.
			mixed := slices.Concat(c.beyond[:1], c.going, c.beyond[1:])
			done = appendEvents(t, db, mixed...)
			require.Equal(t, engine.Appended{Successful: len(c.going), Quarantined: len(c.beyond), LSN: done.LSN}, done)
			check := func() {
				t.Helper()
				var want []string
				for _, e := range slices.Concat(c.full, c.going) {
					want = append(want, e.PredictionID)
				}
				slices.Sort(want)
				require.Equal(t, want, held(t, db))
				rejected, err := db.Quarantine(context.Background(), engine.QuarantineQuery{Limit: 1000})
				require.NoError(t, err)
				require.Len(t, rejected.Rows, 2*len(c.beyond))
				for i, row := range rejected.Rows {
					require.Equal(t, c.code, row.Code)
					require.Equal(t, c.column, row.Column)
					require.Contains(t, string(row.Line), `"prediction_id":"`+c.beyond[len(c.beyond)-1-i%len(c.beyond)].PredictionID+`"`)
				}
			}
			check()
			require.Equal(t, 2*len(c.beyond), db.Stats().Quarantined[c.code])

			// After a start from the log, after one from packs, and with every bound at one: what was taken is there, it takes rows
			// as ever, and nothing is taken that is new.
			for i, sealed := range []bool{false, true, true} {
				if sealed {
					require.NoError(t, db.Checkpoint(context.Background()))
				}
				before := db.Stats()
				db.Abandon()
				opts := c.opts
				if i == 2 {
					opts.ModelsMax, opts.SeriesMax, opts.MonthsMax = 1, 1, 1
				}
				db = openDB(t, dir, opts)
				after := db.Stats()
				require.Equal(t, [...]int{before.Models, before.ModelSeriesMost, before.Months},
					[...]int{after.Models, after.ModelSeriesMost, after.Months})
				check()
				require.Zero(t, after.Quarantined[c.code], "a counter begins at 0, whatever the log has")
			}
			done = appendEvents(t, db, slices.Concat(c.full, c.going)...)
			require.Equal(t, len(c.full)+len(c.going), done.Successful)
			done = appendEvents(t, db, c.beyond...)
			require.Equal(t, len(c.beyond), done.Quarantined)
		})
	}
}

// TestCapsTakeWholeBatches fills bounds with one batch that is beyond them: what comes first has its place.
func TestCapsTakeWholeBatches(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{ModelsMax: 10, SeriesMax: 3, MonthsMax: 30, NoBackground: true})
	var rows []event.Event
	var want []string
	months := 0
	for model := range 12 {
		for version := range 4 {
			for past := range 3 {
				e := newcomer(strconv.Itoa(model), strconv.Itoa(version), time.Duration(past)*month)
				rows = append(rows, e)
				if model >= 10 || version >= 3 {
					continue
				}
				if version == 0 && past > 0 {
					months++
				}
				// The current months are made after the check, and only the past ones are counted against the room.
				want = append(want, e.PredictionID)
			}
		}
	}
	require.LessOrEqual(t, months, 30)
	slices.Sort(want)
	done := appendEvents(t, db, rows...)
	require.Equal(t, len(want), done.Successful)
	require.Equal(t, want, held(t, db))
	stats := db.Stats()
	require.Equal(t, 2*4*3, stats.Quarantined[event.CodeTooManyModels])
	require.Equal(t, 10*3, stats.Quarantined[event.CodeTooManySeries])
	require.Zero(t, stats.Quarantined[event.CodeTooManyMonths])
	require.Equal(t, [...]int{10, 3, 30}, [...]int{stats.Models, stats.ModelSeriesMost, stats.Months})
	require.Equal(t, 1, appendEvents(t, db, newcomer("0", "0", 6*month)).Quarantined)
}

// TestCapsUnderConcurrency has writers race for the last places. Each is over the bound by at most the batch it has in
// flight, and no row of a model that was there is refused.
func TestCapsUnderConcurrency(t *testing.T) {
	const writers, each, most = 8, 40, 100
	db := openDB(t, t.TempDir(), engine.Options{ModelsMax: most})
	require.Equal(t, 1, appendEvents(t, db, newcomer("old", "1", 0)).Successful)
	var wg sync.WaitGroup
	var taken, refused [writers]int
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				var b event.Batch
				for _, e := range []event.Event{newcomer(fmt.Sprintf("%d-%d", w, i), "1", 0), newcomer("old", "1", time.Duration(w*each+i))} {
					if err := b.Add(e, db.Rules()); err != nil {
						t.Error(err)
					}
				}
				done, err := db.Append(context.Background(), &b)
				if err != nil || done.Successful < 1 {
					t.Errorf("append: %+v, %v", done, err)
				}
				taken[w] += done.Successful
				refused[w] += done.Quarantined
			}
		})
	}
	wg.Wait()
	stats := db.Stats()
	sum := func(of [writers]int) (total int) {
		for _, n := range of {
			total += n
		}
		return total
	}
	require.GreaterOrEqual(t, stats.Models, most)
	require.Less(t, stats.Models, most+writers)
	require.Equal(t, stats.Models-1+writers*each, sum(taken))
	require.Equal(t, 2*writers*each-sum(taken), sum(refused))
	require.Equal(t, sum(refused), stats.Quarantined[event.CodeTooManyModels])
}

// TestCapsAndRetention holds that months which retention drops make room.
func TestCapsAndRetention(t *testing.T) {
	now := testNow
	opts := engine.Options{
		MonthsMax: 2, Retention: 2 * month, NoBackground: true, Now: func() time.Time { return now },
		Elapsed: func() time.Duration { return now.Sub(testNow) },
	}
	db := openDB(t, t.TempDir(), opts)
	appendEvents(t, db, newcomer("a", "1", 0), newcomer("a", "1", month))
	require.Equal(t, 1, appendEvents(t, db, newcomer("b", "1", month)).Quarantined)
	require.NoError(t, db.Checkpoint(context.Background()))
	now = now.Add(4 * month)
	require.NoError(t, db.DropExpired())
	require.Zero(t, db.Stats().Months)
	require.Equal(t, 1, appendEvents(t, db, newcomer("b", "1", -3*month)).Successful)
}
