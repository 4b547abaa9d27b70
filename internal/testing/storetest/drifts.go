package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

func driftTests() []test {
	return []test{
		{"drift: verdicts", driftVerdicts},
		{"drift: numbers by hand", driftByHand},
		{"drift: references", driftReferences},
		{"drift: order of rows", driftReportOrder},
	}
}

// staged is n rows of a version from so long ago on, a second between two, whose errors alternate around a mean by a spread.
func staged(series string, ago time.Duration, n int, mean, spread float64) []event.Event {
	var rows []event.Event
	for i := range n {
		e := rowOf(fmt.Sprintf("%s %s-%d 00:00 0 10", series, ago, i))
		e.Timestamp = Now().Add(-ago + time.Duration(i)*time.Second)
		e.PredictedValue = 10 + mean + spread*float64(1-i%2*2)
		rows = append(rows, e)
	}
	return rows
}

func (w *world) driftReports(q engine.DriftReportQuery) []engine.DriftReportRow {
	w.Helper()
	var rows []engine.DriftReportRow
	_, err := w.store.EachDriftReport(w.Context(), q, func(r *engine.DriftReportRow) bool {
		rows = append(rows, *r)
		return true
	})
	require.NoError(w, err)
	return rows
}

const recentStage, pastStage = 2 * time.Hour, 40 * time.Hour

// driftVerdicts has a model for each verdict.
func driftVerdicts(w *world) {
	f := func(model string, recent int, mean, spread float64, q engine.DriftReportQuery, status, reason string) {
		w.Helper()
		series := model + "/v1/production"
		w.sendEvents(append(staged(series, pastStage, 100, 1, 0.5), staged(series, recentStage, recent, mean, spread)...)...)
		q.Model = model
		rows := w.driftReports(q)
		require.Len(w, rows, 1)
		require.Equal(w, []string{status, reason}, []string{rows[0].Status.String(), rows[0].Reason}, model)
	}
	f("same", 30, 1, 0.5, engine.DriftReportQuery{}, "ok", "")
	f("rise", 100, 1.25, 0.5, engine.DriftReportQuery{}, "drift", "")
	f("fall", 100, 0.75, 0.5, engine.DriftReportQuery{}, "ok", "")
	f("small-rise", 100, 1.19, 0.5, engine.DriftReportQuery{}, "warning", "")
	f("by-chance", 30, 1.3, 1.2, engine.DriftReportQuery{}, "ok", "")
	f("other-gates", 30, 1.3, 1.2, engine.DriftReportQuery{Gates: engine.Gates{DriftZ: 0.5, DriftChange: 0.2}}, "drift", "")
	f("few", 29, 9, 0, engine.DriftReportQuery{}, "insufficient_data", "recent: 29 actuals, fewer than 30")
	f("silent", 0, 0, 0, engine.DriftReportQuery{}, "insufficient_data", "recent: no predictions in the window")
	w.sendEvents(staged("fresh/v1/production", recentStage, 30, 1, 0)...)
	rows := w.driftReports(engine.DriftReportQuery{Model: "fresh"})
	require.Len(w, rows, 1)
	require.Equal(w, "no_reference", rows[0].Status.String())
}

func driftByHand(w *world) {
	w.sendEvents(staged("m/v1/production", pastStage, 400, 2, 1)...)       // mae 2, sd 1, standard error 0.05
	w.sendEvents(staged("m/v1/production", recentStage, 100, 2.5, 1.2)...) // mae 2.5, sd 1.2, standard error 0.12
	rows := w.driftReports(engine.DriftReportQuery{Model: "m"})
	require.Len(w, rows, 1)
	r := rows[0]
	near := func(want float64, got engine.Value) {
		w.Helper()
		require.Equal(w, engine.Present, got.Null)
		require.InEpsilon(w, want, got.Float64(), 1e-9)
	}
	near(2.5, r.Recent.MAE)
	near(2, r.Reference.MAE)
	near(0.25, r.RelativeChange)
	near(0.5/0.13, r.Z)
	near(0.5-1.959963984540054*0.13, r.CI95Low)
	near(0.5+1.959963984540054*0.13, r.CI95High)
	near((0.5-1.959963984540054*0.13)/2, r.RelativeChangeLow)
	near(3*0.13/2, r.MinDetectableChange)
	require.Equal(w, engine.Worse, r.Direction)
	require.Equal(w, []uint64{100, 400}, []uint64{r.Recent.ActualCount, r.Reference.ActualCount})
	require.Equal(w, w.now, r.AnalysisTimestamp)
	require.Equal(w, w.now.Add(-6*time.Hour), r.RecentFrom)
}

func driftReferences(w *world) {
	const hour = time.Hour
	var rows []event.Event
	for _, s := range []struct {
		version string
		ago     time.Duration
		n       int
		mean    float64
	}{
		{"v1", 1000 * hour, 150, 4}, {"v1", 7*24*hour + recentStage, 110, 3}, {"v1", pastStage, 120, 2}, {"v2", pastStage / 2, 130, 5}, {"v2", recentStage, 140, 6}, {"v1", recentStage + hour, 106, 1},
	} {
		rows = append(rows, staged("m/"+s.version+"/production", s.ago, s.n, s.mean, 0.125)...)
	}
	w.sendEvents(rows...)
	f := func(name, version string, q engine.DriftReportQuery, want string) {
		w.Helper()
		q.Model, q.Version = "m", version
		found := w.driftReports(q)
		require.Len(w, found, 1, name)
		r := found[0]
		require.Equal(w, want, fmt.Sprintf("%d %s, %d %s %s", r.Recent.ActualCount, value(r.Recent.MAE), r.Reference.ActualCount, value(r.Reference.MAE), r.ReferenceVersion), name)
	}
	none := engine.NoPredictions.String()
	f("rolling", "v1", engine.DriftReportQuery{}, "106 1, 120 2 ")
	f("a longer history", "v1", engine.DriftReportQuery{Historical: 1001 * hour}, "106 1, 380 3.07894736842 ")
	f("without a gap, where too few are left", "v2", engine.DriftReportQuery{}, "140 6, 130 5 ")
	f("another version", "v2", engine.DriftReportQuery{Reference: engine.Reference{Version: "v1"}}, "140 6, 226 1.53097345133 v1")
	f("the previous version", "v2", engine.DriftReportQuery{Reference: engine.Reference{Previous: true}}, "140 6, 226 1.53097345133 v1")
	f("pinned", "v1", engine.DriftReportQuery{Reference: engine.Reference{From: w.now.Add(-1001 * hour), To: w.now.Add(-900 * hour)}}, "106 1, 150 4 ")
	f("the week before", "v1", engine.DriftReportQuery{Reference: engine.Reference{Weeks: 1}}, "106 1, 110 3 ")
	f("offset", "v2", engine.DriftReportQuery{Offset: 15 * hour}, "130 5, 0 "+none+" ")
	f("reaching back", "v2", engine.DriftReportQuery{RecentMinActuals: 200}, "270 5.51851851852, 0 "+none+" ")
}

func driftReportOrder(w *world) {
	var rows []event.Event
	rise := func(model string, mean float64) {
		rows = append(append(rows, staged(model+"/v1/production", pastStage, 100, 1, 0.5)...), staged(model+"/v1/production", recentStage, 100, mean, 0.5)...)
	}
	rise("b", 1)
	rise("c", 2)
	rise("d", 3)
	rise("a", 0.5)
	rise("w", 1.19)
	w.sendEvents(append(rows, staged("new/v1/production", recentStage, 100, 1, 0.5)...)...)
	var got []string
	for _, r := range w.driftReports(engine.DriftReportQuery{Model: "*"}) {
		got = append(got, r.Model+" "+r.Status.String())
	}
	require.Equal(w, []string{"d drift", "c drift", "w warning", "b ok", "a ok", "new no_reference"}, got)
	total := w.driftReports(engine.DriftReportQuery{Model: "*", Across: engine.ModelColumn})
	require.Len(w, total, 1)
	require.EqualValues(w, 600, total[0].Recent.ActualCount)
	require.EqualValues(w, 500, total[0].Reference.ActualCount)
}
