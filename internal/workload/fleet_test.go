package workload_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/workload"
)

var fleetPresent = time.Date(2026, 11, 29, 15, 20, 0, 0, time.UTC)

// How many days and models a fleet has: one and few with the race detector.
const (
	fleetDays = 1 + 2/race.Share
	fleetWell = 50 / race.Fewer
)

// sent is all that a fleet makes up to a time, in steps.
func sent(fleet *workload.Fleet, from, to time.Time, step time.Duration) (predictions, actuals []string) {
	for at := from; at.Before(to); {
		if at = at.Add(step); at.After(to) {
			at = to
		}
		p, a := fleet.Advance(at)
		predictions = slices.AppendSeq(predictions, strings.Lines(string(p)))
		actuals = slices.AppendSeq(actuals, strings.Lines(string(a)))
	}
	slices.Sort(predictions)
	slices.Sort(actuals)
	return predictions, actuals
}

// TestFleetDependsOnSeedAndPresentAlone: not on when it is asked.
func TestFleetDependsOnSeedAndPresentAlone(t *testing.T) {
	t.Parallel()
	made := func(seed uint64, step time.Duration) (p, a []string) {
		return sent(workload.NewFleet(seed, fleetPresent, fleetDays, 5), fleetPresent.AddDate(0, 0, -fleetDays), fleetPresent.Add(time.Hour), step)
	}
	predictions, actuals := made(1, 1000*time.Hour)
	require.Greater(t, len(predictions), fleetDays*3000)
	require.Greater(t, len(actuals), fleetDays*300)
	slowly, slowlyActuals := made(1, 17*time.Minute)
	require.True(t, slices.Equal(predictions, slowly))
	require.True(t, slices.Equal(actuals, slowlyActuals))
	other, _ := made(2, 1000*time.Hour)
	require.NotEqual(t, predictions, other)
}

// TestFleetIsTaken: no line is rejected, and each actual is of a prediction that was made, and is observed after it.
func TestFleetIsTaken(t *testing.T) {
	t.Parallel()
	predictions, actuals := sent(workload.NewFleet(1, fleetPresent, fleetDays, fleetWell), fleetPresent.AddDate(0, 0, -fleetDays), fleetPresent, 1000*time.Hour)
	var rows event.Batch
	require.NoError(t, event.NewDecoder().Decode(&rows, []byte(strings.Join(predictions, "")), event.NDJSON, event.Rules{}))
	require.Empty(t, rows.Rejects)
	made := map[[2]string]time.Time{}
	for i := range rows.Len() {
		e := rows.Event(i)
		id := [2]string{e.ModelID, e.PredictionID}
		if _, twice := made[id]; twice || e.Timestamp.After(fleetPresent) {
			t.Fatalf("%+v", e)
		}
		made[id] = e.Timestamp
	}
	var late event.Actuals
	require.NoError(t, event.NewDecoder().DecodeActuals(&late, []byte(strings.Join(actuals, "")), event.NDJSON, event.Rules{}))
	require.Empty(t, late.Rejects)
	require.Equal(t, len(actuals), late.Len())
	for i := range late.Len() {
		a := late.Actual(i)
		predicted, ok := made[[2]string{a.ModelID, a.PredictionID}]
		if !ok || a.Observed.Before(predicted) || a.Observed.After(fleetPresent) {
			t.Fatalf("%+v", a)
		}
	}
}
