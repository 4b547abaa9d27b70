package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

func fleetTests() []test {
	return []test{
		{"fleet: each model in its state", modelStates},
		{"fleet: pages, words and totals", modelLists},
		{"fleet: what a model has", modelFacts},
		{"fleet: gauges", modelGauges},
		{"fleet: states over time", statesOverTime},
	}
}

// stretch is predictions, one each ten minutes from so long ago until so long ago.
func stretch(series string, from, to time.Duration, size float64, waiting bool) []event.Event {
	var rows []event.Event
	for ago := from; ago > to; ago -= 10 * time.Minute {
		e := rowOf(fmt.Sprintf("%s %s 00:00 0 10", series, ago))
		e.Timestamp = Now().Add(-ago)
		e.PredictedValue = 10 + size*(1+0.1*float64(len(rows)%2*2-1))
		if waiting {
			e.ActualValue, e.HasActual = 0, false
		}
		rows = append(rows, e)
	}
	return rows
}

func (w *world) sendFleet() {
	w.Helper()
	const hour, day = time.Hour, 24 * time.Hour
	w.sendEvents(slices.Concat(
		stretch("drifts/v1/production", 7*day, 30*hour, 1, false),
		stretch("drifts/v2/production", 30*hour, 9*hour, 1, false),
		stretch("drifts/v2/production", 9*hour, 0, 2, false),
		stretch("silent/v1/production", 7*day, 9*hour, 1, false),
		stretch("loses/v1/production", 7*day, 7*hour, 1, false),
		stretch("loses/v1/production", 7*hour, 0, 1, true),
		stretch("rises/v1/production", 7*day, 6*hour, 1, false),
		stretch("rises/v1/production", 6*hour, 0, 1.15, false),
		stretch("waits/v1/production", 3*day, 0, 1, true),
		stretch("fresh/v1/production", 7*day, 6*hour, 1, false),
		stretch("fresh/v2/production", 6*hour, 0, 3, false),
		stretch("well/v1/production", 7*day, 0, 1, false),
		stretch("few/v1/staging", 7*day, 6*hour, 1, false),
		stretch("few/v1/staging", 2*hour, 0, 1, false),
	)...)
}

func (w *world) models(q engine.ModelsQuery, list engine.ModelsList) ([]engine.ModelRow, engine.ModelsPage) {
	w.Helper()
	var rows []engine.ModelRow
	page, err := w.store.ListModels(w.Context(), q, list, func(r *engine.ModelRow) bool {
		rows = append(rows, *r)
		return true
	})
	require.NoError(w, err)
	return rows, page
}

func modelStates(w *world) {
	w.sendFleet()
	var got []string
	rows, page := w.models(engine.ModelsQuery{}, engine.ModelsList{Order: engine.OrderModel})
	for _, r := range rows {
		got = append(got, r.Model+"/"+r.Version+" "+r.State.String())
	}
	require.Equal(w, []string{
		"drifts/v2 drift", "drifts/v1 retired", "few/v1 too_few", "fresh/v2 new", "fresh/v1 retired", "loses/v1 actuals_stopped", "rises/v1 warning", "silent/v1 silent", "waits/v1 waiting", "well/v1 ok",
	}, got)
	require.Equal(w, 10, page.Matched)

	rows, _ = w.models(engine.ModelsQuery{}, engine.ModelsList{Words: []string{"drift"}, Live: true})
	require.Len(w, rows, 1)
	require.Equal(w, w.now.Add(-9*time.Hour), rows[0].Details.ChangedAt)
	require.Equal(w, "v2", rows[0].Details.ChangeVersion)
	rows, _ = w.models(engine.ModelsQuery{Model: "fresh"}, engine.ModelsList{States: []engine.ModelState{stateOf(w, "new")}, Details: true})
	require.Len(w, rows, 1)
	require.Equal(w, "v1", rows[0].Details.PreviousVersion)
	require.InEpsilon(w, 3, rows[0].Details.RecentAbsError[0].Float64(), 0.12)
}

func stateOf(w *world, name string) engine.ModelState {
	w.Helper()
	s, err := engine.ParseModelState(name)
	require.NoError(w, err)
	return s
}

func modelLists(w *world) {
	w.sendFleet()
	names := func(list engine.ModelsList) (got []string) {
		w.Helper()
		rows, page := w.models(engine.ModelsQuery{}, list)
		for _, r := range rows {
			got = append(got, r.Model+"/"+r.Version)
		}
		if list.Limit == 0 {
			require.Equal(w, len(rows), page.Matched)
		}
		return got
	}
	everything := names(engine.ModelsList{Order: engine.OrderModel})
	require.Len(w, everything, 10)
	require.Equal(w, everything[3:6], names(engine.ModelsList{Order: engine.OrderModel, Offset: 3, Limit: 3}))
	require.Equal(w, []string{"fresh/v2", "fresh/v1"}, names(engine.ModelsList{Order: engine.OrderModel, Words: []string{"FRESH"}}))
	require.Equal(w, []string{"fresh/v1"}, names(engine.ModelsList{Words: []string{"fresh", "v1"}}))
	require.Len(w, names(engine.ModelsList{Live: true}), 8)
	require.Equal(w, []string{"silent/v1", "well/v1"}, names(engine.ModelsList{Order: engine.OrderModel, States: []engine.ModelState{stateOf(w, "silent"), stateOf(w, "ok")}}))
	require.Equal(w, []string{"fresh/v2", "drifts/v2"}, names(engine.ModelsList{Order: engine.OrderMAE, Limit: 2}))
	require.Equal(w, "drifts/v2", names(engine.ModelsList{Order: engine.OrderAttention, Limit: 1})[0])
	require.Equal(w, "few/v1", names(engine.ModelsList{Order: engine.OrderCount, States: []engine.ModelState{stateOf(w, "too_few"), stateOf(w, "ok")}, Descending: true})[0])
	_, page := w.models(engine.ModelsQuery{}, engine.ModelsList{Totals: true, Limit: 1})
	require.Equal(w, 10, page.Matched)
	versions, models := map[string]int{}, map[string]int{}
	for _, total := range page.Totals {
		versions[total.Environment] += total.Versions
		models[total.Environment+" "+total.State.String()] = total.Models
	}
	require.Equal(w, map[string]int{"*": 10, "production": 9, "staging": 1}, versions)
	require.Equal(w, 2, models["production retired"])
}

func modelFacts(w *world) {
	w.send("m/v1/production a -9d/08:00 10 9", "m/v1/production b -7d/11:00 10 9", "m/v1/production c 08:00 10 9", "m/v1/production d 11:00 10 ?", "m/v1/production e 13:00 10 9")
	rows, _ := w.models(engine.ModelsQuery{AsOf: w.now}, engine.ModelsList{})
	require.Len(w, rows, 1)
	r := rows[0]
	require.Equal(w, []time.Time{at("-9d/08:00"), at("11:00"), at("08:00")}, []time.Time{r.FirstEvent.UTC(), r.LastEvent.UTC(), r.LastActual.UTC()})
	require.Equal(w, []uint64{4, 3}, []uint64{r.PredictionCount, r.ActualCount})
	require.Equal(w, "0.75", value(r.ActualCoverage))
	require.Equal(w, "1", value(r.WeekAgoCount))
	require.Equal(w, []uint64{2, 1}, []uint64{r.Recent.PredictionCount, r.Recent.ActualCount})
	w.actuals("m d 5")
	rows, _ = w.models(engine.ModelsQuery{AsOf: w.now}, engine.ModelsList{})
	require.EqualValues(w, 4, rows[0].ActualCount)
	require.Equal(w, at("11:00"), rows[0].LastActual.UTC())
	rows, _ = w.models(engine.ModelsQuery{AsOf: at("-10d/00:00")}, engine.ModelsList{})
	require.Empty(w, rows)
}

func modelGauges(w *world) {
	w.sendFleet()
	result, err := w.store.Gauges(w.Context(), engine.GaugesQuery{})
	require.NoError(w, err)
	var got []string
	for _, r := range result.Rows {
		got = append(got, fmt.Sprintf("%s/%s %d/%d %s %s", r.Model, r.Environment, r.PredictionCount, r.ActualCount, r.Drift.Version, r.State))
	}
	require.Equal(w, []string{
		"drifts/production 144/144 v2 drift", "fresh/production 144/144 v2 new", "loses/production 144/102 v1 actuals_stopped", "rises/production 144/144 v1 warning",
		"silent/production 90/90 v1 silent", "waits/production 144/0 v1 waiting", "well/production 144/144 v1 ok",
	}, got)
	require.Equal(w, 1, result.LeftOut, "that of staging")
	require.Equal(w, 1, result.Rows[5].VersionsWithoutActuals)
	require.InEpsilon(w, 1, result.Rows[6].MAE.Float64(), 1e-9)
	result, err = w.store.Gauges(w.Context(), engine.GaugesQuery{Environments: "*", Max: 2, Within: "f*,w*"})
	require.NoError(w, err)
	require.Equal(w, []int{2, 2}, []int{len(result.Rows), result.LeftOut})
}

func statesOverTime(w *world) {
	w.sendFleet()
	var q engine.VerdictsQuery
	q.Model, q.Window, q.Interval = "drifts", 24*time.Hour, engine.Interval6Hours
	var got []string
	_, err := w.store.EachVerdict(w.Context(), q, func(r *engine.VerdictRow) bool {
		got = append(got, fmt.Sprintf("%s %s %s", r.Version, clock(r.End), r.State))
		return true
	})
	require.NoError(w, err)
	require.Equal(w, []string{
		"v1 -1d/18:00:00 retired", "v1 00:00:00 retired", "v1 06:00:00 retired", "v1 12:00:00 retired", "v1 18:00:00 retired",
		"v2 -1d/18:00:00 too_few", "v2 00:00:00 too_few", "v2 06:00:00 drift", "v2 12:00:00 drift", "v2 18:00:00 drift",
	}, got)
}
