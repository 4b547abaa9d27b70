package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// stretch is predictions of one version, one each ten minutes from so long ago until so long ago.
type stretch struct {
	model, version string
	from, to       time.Duration
	error          float64
	waiting        bool
}

func (s stretch) append(t *testing.T, db *engine.DB) {
	t.Helper()
	s.appendIn(t, db, "production")
}

func (s stretch) appendIn(t *testing.T, db *engine.DB, environment string) {
	t.Helper()
	var b event.Batch
	for ago := s.from; ago > s.to; ago -= 10 * time.Minute {
		e := s.error * (1 + 0.1*float64(b.Len()%2*2-1))
		require.NoError(t, b.Add(event.Event{
			Timestamp: testNow.Add(-ago), ModelID: s.model, PredictionID: fmt.Sprint(s.version, ago), Features: "{}", PredictedValue: 10 + e,
			ActualValue: 10, HasActual: !s.waiting, ModelVersion: s.version, Environment: environment,
		}, db.Rules()))
	}
	_, err := db.Append(t.Context(), &b)
	require.NoError(t, err)
}

// TestListModels has a model in each state, in heads and in segments.
func TestListModels(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	for _, s := range []stretch{
		{"drifts", "v1", 7 * day, 30 * hour, 1, false},
		{"drifts", "v2", 30 * hour, 9 * hour, 1, false},
		{"drifts", "v2", 9 * hour, 0, 2, false},
		{"falls silent", "v1", 7 * day, 9 * hour, 1, false},
		{"loses actuals", "v1", 7 * day, 7 * hour, 1, false},
		{"loses actuals", "v1", 7 * hour, 0, 1, true},
		{"rises", "v1", 7 * day, 6 * hour, 1, false},
		{"rises", "v1", 6 * hour, 0, 1.15, false},
		{"waits", "v1", 3 * day, 0, 1, true},
		{"is new", "v1", 7 * day, 6 * hour, 1, false},
		{"is new", "v2", 6 * hour, 0, 3, false},
		{"is well", "v1", 7 * day, 0, 1, false},
		{"has few", "v1", 7 * day, 6 * hour, 1, false},
		{"has few", "v1", 2 * hour, 0, 1, false},
	} {
		s.append(t, db)
	}
	list := func(q engine.ModelsQuery, l engine.ModelsList) (rows []engine.ModelRow, page engine.ModelsPage) {
		t.Helper()
		page, err := db.ListModels(t.Context(), q, l, func(r *engine.ModelRow) bool { rows = append(rows, *r); return true })
		require.NoError(t, err)
		return rows, page
	}
	texts := func(rows []engine.ModelRow) (got []string) {
		for _, r := range rows {
			got = append(got, r.Model+" "+r.Version+": "+r.State.String())
		}
		return got
	}
	for _, stored := range []string{"heads", "segments"} {
		rows, page := list(engine.ModelsQuery{}, engine.ModelsList{Order: engine.OrderAttention, Totals: true})
		want := []string{
			"drifts v2: drift", "falls silent v1: silent", "loses actuals v1: actuals_stopped", "rises v1: warning", "waits v1: waiting", "is new v2: new",
			"is well v1: ok", "has few v1: too_few", "drifts v1: retired", "is new v1: retired",
		}
		require.Equal(t, want, texts(rows), stored)
		require.Equal(t, 10, page.Matched)
		require.Len(t, page.Totals, 18)
		require.Contains(t, page.Totals, engine.ModelTotal{Environment: "*", State: engine.StateRetired, Versions: 2, Models: 2})
		require.Equal(t, testNow.Add(-9*hour), rows[0].Details.ChangedAt)
		require.Equal(t, "v2", rows[0].Details.ChangeVersion)
		require.Equal(t, testNow.Add(-30*hour), rows[0].Details.ChangeVersionFirst)
		require.Equal(t, "v1", rows[5].Details.PreviousVersion)
		require.Equal(t, engine.NoLags, rows[2].Details.ActualLagP95.Null)

		backwards, _ := list(engine.ModelsQuery{}, engine.ModelsList{Order: engine.OrderAttention, Descending: true})
		require.Equal(t, "drift", backwards[len(backwards)-1].State.String())
		some, page := list(engine.ModelsQuery{}, engine.ModelsList{Order: engine.OrderAttention, Live: true, Offset: 1, Limit: 2})
		require.Equal(t, want[1:3], texts(some))
		require.Equal(t, 8, page.Matched)
		some, _ = list(engine.ModelsQuery{}, engine.ModelsList{Order: engine.OrderModel, Words: []string{"V1", "drift"}})
		require.Equal(t, []string{"drifts v1: retired"}, texts(some), "of versions that the words leave out it knows")
		some, _ = list(engine.ModelsQuery{Version: "v1"}, engine.ModelsList{States: []engine.ModelState{engine.StateRetired}})
		require.ElementsMatch(t, want[8:], texts(some))
		named, _ := list(engine.ModelsQuery{}, engine.ModelsList{Order: engine.OrderModel})
		require.Equal(t, []string{"drifts v2: drift", "drifts v1: retired"}, texts(named)[:2], "the newest version first")
		require.True(t, slices.IsSortedFunc(named, func(a, b engine.ModelRow) int { return slices.Compare([]string{a.Model}, []string{b.Model}) }))
		require.NoError(t, db.Checkpoint(t.Context()))
	}
	var states []string
	_, err := db.EachVerdict(t.Context(), engine.VerdictsQuery{ModelsQuery: engine.ModelsQuery{Model: "drifts", Version: "v2"}, Window: 12 * hour},
		func(r *engine.VerdictRow) bool { states = append(states, r.State.String()); return true })
	require.NoError(t, err)
	require.Equal(t, "drift", states[len(states)-1])
	require.Equal(t, "too_few", states[0], "of a version that was young then")
}

// TestReplacedOutOfSight holds that a version is retired which another one has replaced, also where the question is not about that one and rows
// are totals of environments, and that the same version of another environment replaces none.
func TestReplacedOutOfSight(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	for _, model := range []string{"a", "b"} {
		stretch{model, "v1", 7 * day, 9 * hour, 1, false}.append(t, db)
		stretch{model, "v2", 9 * hour, 0, 1, false}.append(t, db)
	}
	stretch{"alone", "v1", 7 * day, 9 * hour, 1, false}.append(t, db)
	stretch{"beside", "v2", 4 * day, 3 * day, 1, false}.appendIn(t, db, "staging")
	stretch{"beside", "v2", 9 * hour, 0, 1, false}.append(t, db)
	stretch{"beside", "v1", 7 * day, 9 * hour, 1, false}.append(t, db)
	for _, c := range []struct {
		model  string
		across engine.Columns
		want   engine.ModelState
	}{
		{"a", 0, engine.StateRetired},
		{"a", engine.EnvironmentColumn, engine.StateRetired},
		{"a,b", engine.ModelColumn, engine.StateRetired},
		{"beside", engine.EnvironmentColumn, engine.StateRetired},
		{"alone", engine.EnvironmentColumn, engine.StateSilent},
		{"a", engine.VersionColumn, engine.StateSilent},
	} {
		for _, list := range []engine.ModelsList{{}, {Words: []string{"1"}}} {
			q := engine.ModelsQuery{Model: c.model, Version: "v1", Across: c.across}
			if len(list.Words) > 0 && c.across&engine.VersionColumn == 0 {
				q.Version = "*"
			} else {
				list.Words = nil
			}
			var got []string
			_, err := db.ListModels(t.Context(), q, list, func(row *engine.ModelRow) bool { got = append(got, row.State.String()); return true })
			require.NoError(t, err)
			require.Equal(t, []string{c.want.String()}, got, "%+v %+v", c, list)
		}
	}
}

// TestLiveWithinTheRecentWindow holds that a version with recent predictions is live, also where the recent window begins before the history.
func TestLiveWithinTheRecentWindow(t *testing.T) {
	const hour = time.Hour
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	stretch{"m", "v1", 60 * hour, 50 * hour, 1, false}.append(t, db)
	for name, q := range map[string]engine.ModelsQuery{
		"a long one":     {Recent: 70 * hour, Historical: 24 * hour},
		"reaching back":  {RecentMinActuals: 10, Historical: 24 * hour},
		"within history": {Historical: 70 * hour},
	} {
		for _, live := range []bool{false, true} {
			page, err := db.ListModels(t.Context(), q, engine.ModelsList{Live: live}, func(*engine.ModelRow) bool { return true })
			require.NoError(t, err)
			require.Equal(t, 1, page.Matched, name)
		}
	}
}
