package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// givenRow is a prediction of model m for the request "a", of the value 10, an hour ago.
func givenRow(version, environment string) event.Event {
	return event.Event{
		Timestamp: testNow.Add(-time.Hour), ModelID: "m", ModelVersion: version, Environment: environment, PredictionID: "a",
		Features: `{}`, PredictedValue: 10,
	}
}

// totals returns predictions and actuals of model m, of all versions and environments.
func totals(t *testing.T, db *engine.DB) (predictions, actuals int) {
	t.Helper()
	require.NoError(t, db.EachRow(func(e event.Event) {
		predictions++
		if e.HasActual {
			actuals++
		}
	}))
	s := db.Stats()
	require.Equal(t, predictions-actuals, s.Waiting)
	return predictions, actuals
}

// settles are what may come between two requests.
var settles = map[string]func(db *engine.DB, reopen func()) error{
	"in the head":     func(*engine.DB, func()) error { return nil },
	"sealed":          func(db *engine.DB, _ func()) error { return db.Checkpoint(context.Background()) },
	"frozen":          func(db *engine.DB, _ func()) error { return freeze(db) },
	"sealed early":    func(db *engine.DB, _ func()) error { return freezeAndSeal(db) },
	"after a restart": func(_ *engine.DB, reopen func()) error { reopen(); return nil },
	"sealed, restart": func(db *engine.DB, reopen func()) error {
		err := db.Checkpoint(context.Background())
		reopen()
		return err
	},
}

// TestOrderOfRowAndActual sends the same prediction and its actual in every order and number: it is one prediction with one
// actual, however far the store is with what came before.
func TestOrderOfRowAndActual(t *testing.T) {
	for _, order := range []string{"PPA", "PAP", "APP", "PAPA", "PA", "AP", "AAP", "PPAPPA"} {
		for name, settle := range settles {
			t.Run(order+" "+name, func(t *testing.T) {
				disk := simdisk.New(simdisk.Options{})
				open := func() *engine.DB { return openDB(t, "store", engine.Options{NoBackground: true, FS: disk}) }
				db := open()
				for i, what := range order {
					if what == 'P' {
						done := appendEvents(t, db, givenRow("v1", "production"))
						want := 0
						if strings.ContainsRune(order[:i], 'P') {
							want = 1
						}
						require.Equal(t, want, done.Replaced)
					} else {
						sendActual(t, db, "m", "a", 8)
					}
					require.NoError(t, settle(db, func() {
						disk = disk.Kill()
						db.Abandon()
						db = open()
					}))
				}
				predictions, actuals := totals(t, db)
				require.Equal(t, [2]int{1, 1}, [2]int{predictions, actuals})
				got, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "m"})
				require.NoError(t, err)
				require.Len(t, got.Rows, 1)
				require.EqualValues(t, 1, got.Rows[0].PredictionCount)
				require.Equal(t, 2.0, got.Rows[0].MAE)
			})
		}
	}
}

// TestChampionAndChallenger has two versions answer one request: both rows stay, and both have its actual.
func TestChampionAndChallenger(t *testing.T) {
	for name, settle := range settles {
		t.Run(name, func(t *testing.T) {
			disk := simdisk.New(simdisk.Options{})
			db := openDB(t, "store", engine.Options{NoBackground: true, FS: disk})
			reopen := func() {
				disk = disk.Kill()
				db.Abandon()
				db = openDB(t, "store", engine.Options{NoBackground: true, FS: disk})
			}
			appendEvents(t, db, givenRow("champion", "production"))
			require.NoError(t, settle(db, reopen))
			challenger := givenRow("challenger", "production")
			challenger.PredictedValue = 20
			appendEvents(t, db, challenger)
			require.NoError(t, settle(db, reopen))
			sendActual(t, db, "m", "a", 11)
			require.NoError(t, settle(db, reopen))
			require.Equal(t, map[string]float64{"champion": 1, "challenger": 9}, errorsOf(t, db))
		})
	}
}

// TestScopes gives actuals to versions and environments, before and after their rows, and takes some back.
func TestScopes(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	give := func(a event.Actual) {
		t.Helper()
		var all event.Actuals
		a.ModelID, a.PredictionID = "m", "a"
		require.NoError(t, all.Add(a, db.Rules()))
		_, err := db.AppendActuals(context.Background(), &all)
		require.NoError(t, err)
	}
	expect := func(want map[string]float64) {
		t.Helper()
		require.Equal(t, want, errorsOf(t, db))
	}
	appendEvents(t, db, givenRow("v1", "production"), givenRow("v2", "production"), givenRow("v1", "staging"))
	give(event.Actual{Value: 9, ModelVersion: "v1"})
	expect(map[string]float64{"v1": 1})
	give(event.Actual{Value: 8, ModelVersion: "v2", Environment: "staging"}) // of a row still to come
	expect(map[string]float64{"v1": 1})
	require.NoError(t, db.Checkpoint(context.Background()))
	give(event.Actual{Value: 7}) // of all
	expect(map[string]float64{"v1": 3, "v2": 3})
	give(event.Actual{Withdrawn: true, ModelVersion: "v2"})
	expect(map[string]float64{"v1": 3})
	appendEvents(t, db, givenRow("v3", "production"), givenRow("v2", "canary")) // of these, v2 is taken back
	expect(map[string]float64{"v1": 3, "v3": 3})
	predictions, actuals := totals(t, db)
	require.Equal(t, [2]int{5, 3}, [2]int{predictions, actuals}, "the v2 in canary has none either")
	give(event.Actual{Withdrawn: true})
	expect(map[string]float64{})
	predictions, actuals = totals(t, db)
	require.Equal(t, [2]int{5, 0}, [2]int{predictions, actuals})
	require.EqualValues(t, 2, db.Stats().Withdrawn)
	require.Zero(t, db.Stats().ActualsRemembered)
}

// TestLagGoesWithItsActual withdraws an actual that came apart, and sends the row again with one of its own: it has no lag.
func TestLagGoesWithItsActual(t *testing.T) {
	for name, settle := range settles {
		if strings.Contains(name, "restart") {
			continue // which is for the orders of rows and actuals
		}
		t.Run(name, func(t *testing.T) {
			db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
			known := func() bool {
				got, err := db.Report(context.Background(), engine.ReportQuery{Model: "m"})
				require.NoError(t, err)
				require.Len(t, got.Rows, 1)
				return got.Rows[0].ActualLagP50.Null == engine.Present
			}
			row := givenRow("v1", "production")
			appendEvents(t, db, row)
			require.NoError(t, settle(db, nil))
			sendActual(t, db, "m", "a", 8)
			require.True(t, known())
			var all event.Actuals
			require.NoError(t, all.Add(event.Actual{ModelID: "m", PredictionID: "a", Withdrawn: true}, db.Rules()))
			_, err := db.AppendActuals(context.Background(), &all)
			require.NoError(t, err)
			row.ActualValue, row.HasActual = 9, true
			appendEvents(t, db, row)
			require.False(t, known())
		})
	}
}

// TestKeepCopies keeps each copy of a row where that is asked for, and an actual is about all of them.
func TestKeepCopies(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	opts := engine.Options{NoBackground: true, Duplicates: engine.DuplicatesKeep, FS: disk}
	db := openDB(t, "store", opts)
	for range 3 {
		done := appendEvents(t, db, givenRow("v1", "production"), givenRow("v1", "production"))
		require.Zero(t, done.Replaced)
	}
	sendActual(t, db, "m", "a", 8)
	check := func() {
		t.Helper()
		predictions, actuals := totals(t, db)
		require.Equal(t, [2]int{6, 6}, [2]int{predictions, actuals})
	}
	check()
	opts.FS, opts.Duplicates = disk.Kill(), engine.DuplicatesReplace // the log says how its rows were sent
	db.Abandon()
	db = openDB(t, "store", opts)
	check()
	require.NoError(t, db.Checkpoint(context.Background()))
	sendActual(t, db, "m", "a", 7)
	check()
}

// TestOneInstant sends rows of one series and one instant, whose ids come in any order, and all of them again: each is found
// among the others.
func TestOneInstant(t *testing.T) {
	const rows, batch = 20_000, 1000
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	s := seed(t)
	order := rand.New(rand.NewPCG(s, 0)).Perm(rows)
	send := func(value float64) (replaced int) {
		for from := 0; from < rows; from += batch {
			var all []event.Event
			for _, i := range order[from : from+batch] {
				e := givenRow("v1", "production")
				e.PredictionID, e.PredictedValue, e.ActualValue, e.HasActual = fmt.Sprintf("pred_%d", i), value, 1, true
				all = append(all, e)
			}
			replaced += appendEvents(t, db, all...).Replaced
			if from == rows/2 {
				require.NoError(t, db.Checkpoint(context.Background()))
			}
		}
		return replaced
	}
	require.Zero(t, send(3))
	require.EqualValues(t, rows, count(t, db))
	require.Equal(t, rows, send(3))
	require.Equal(t, rows, send(5))
	got, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "m"})
	require.NoError(t, err)
	require.EqualValues(t, rows, got.Rows[0].PredictionCount)
	require.Equal(t, 4.0, got.Rows[0].MAE)
}

// TestRowOfBatchTwice has a row in one batch more than once: the last values count, with the actual of the one before where
// the last has none.
func TestRowOfBatchTwice(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	first, second, third := givenRow("v1", "production"), givenRow("v1", "production"), givenRow("v1", "production")
	first.ActualValue, first.HasActual = 4, true
	second.ActualValue, second.HasActual = 5, true
	third.PredictedValue = 8
	done := appendEvents(t, db, first, givenRow("v2", "production"), second, third)
	require.Equal(t, 4, done.Successful)
	require.Equal(t, 2, done.Replaced)
	require.Equal(t, map[string]float64{"v1": 3}, errorsOf(t, db))
}

// TestActualsMemory fills the memory of actuals: those that a row has met go first, the others are in the quarantine with
// the reason, and counted.
func TestActualsMemory(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	opts := engine.Options{NoBackground: true, ActualsBytes: 40 * 110, FS: disk} // some 40
	db := openDB(t, "store", opts)
	for i := range 30 {
		e := givenRow("v1", "production")
		e.PredictionID = fmt.Sprintf("met_%02d", i)
		appendEvents(t, db, e)
		sendActual(t, db, "m", e.PredictionID, 1)
	}
	for i := range 30 {
		sendActual(t, db, "m", fmt.Sprintf("new_%02d", i), 1)
	}
	s := db.Stats()
	require.LessOrEqual(t, s.ActualsBytes, opts.ActualsBytes)
	require.EqualValues(t, 60-s.ActualsRemembered, s.ActualsForgotten)
	require.Positive(t, s.ActualsForgotten)
	require.Zero(t, s.ActualsEvicted)
	require.Equal(t, 30, s.Orphans)
	for i := range 30 {
		sendActual(t, db, "m", fmt.Sprintf("more_%02d", i), 1)
	}
	s = db.Stats()
	require.EqualValues(t, 30, s.ActualsForgotten)
	require.EqualValues(t, 60-s.ActualsRemembered, s.ActualsEvicted)
	got, err := db.Quarantine(context.Background(), engine.QuarantineQuery{Source: engine.SourceActuals})
	require.NoError(t, err)
	require.Len(t, got.Rows, int(s.ActualsEvicted))
	require.Contains(t, got.Rows[0].Reason, "full")
	require.Contains(t, string(got.Rows[len(got.Rows)-1].Line), "new_00", "the oldest goes first")
	opts.FS = disk.Kill()
	db.Abandon()
	db = openDB(t, "store", opts)
	again := db.Stats()
	require.Equal(t, [2]int{s.ActualsRemembered, s.Orphans}, [2]int{again.ActualsRemembered, again.Orphans})
}
