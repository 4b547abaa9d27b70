package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

func actualTests() []test {
	return []test{
		{"actuals: of versions and environments", scopesOfActuals},
		{"actuals: remembered for rows to come", actualsRemembered},
		{"actuals: corrected and withdrawn", actualsCorrected},
		{"actuals: each of its own model", actualsOfTheirModel},
		{"actuals: the lag is that of the first", lagOfActuals},
		{"actuals: those of old windows count there", actualsMoveTheirWindow},
		{"actuals: orphans end in the quarantine", orphansEnd},
	}
}

func scopesOfActuals(w *world) {
	w.send("m/v1/production a 11:00 10 ?", "m/v2/production a 11:00 10 ?", "m/v1/staging a 11:00 10 ?")
	f := func(actual string, want ...string) {
		w.Helper()
		w.actuals("m a " + actual)
		require.Equal(w, want, w.errors("m"), actual)
	}
	f("9 v1/production", "m/v1/production n=1 1")
	f("8 v2/staging", "m/v1/production n=1 1") // of a row still to come
	f("7 */staging", "m/v1/production n=1 1", "m/v1/staging n=1 3")
	f("6 v2/*", "m/v1/production n=1 1", "m/v1/staging n=1 3", "m/v2/production n=1 4")
	f("5", "m/v1/production n=1 5", "m/v1/staging n=1 5", "m/v2/production n=1 5")
	f("- v2/production", "m/v1/production n=1 5", "m/v1/staging n=1 5")
	w.send("m/v3/production a 11:00 10 ?")
	require.Equal(w, []string{"m/v1/production n=1 5", "m/v1/staging n=1 5", "m/v3/production n=1 5"}, w.errors("m"), "one of all versions is also about those to come")
	f("-")
}

func actualsRemembered(w *world) {
	w.actuals("m a 8", "m b 7 v1/production", "m c 1", "m c 2", "m d 5", "m d -", "m e 4 v2/*")
	require.Empty(w, w.errors("m"))
	w.send("m/v1/production a 11:00 10 ?", "m/v1/production b 11:01 10 ?", "m/v1/production c 11:02 10 ?", "m/v1/production d 11:03 10 ?", "m/v1/production e 11:04 10 ?",
		"m/v2/production b 11:01 10 ?", "m/v2/production e 11:04 10 ?")
	require.Equal(w, []string{
		"m/v1/production a 11:00:00 10 8", "m/v1/production b 11:01:00 10 7", "m/v2/production b 11:01:00 10 ?", "m/v1/production c 11:02:00 10 2",
		"m/v1/production d 11:03:00 10 ?", "m/v1/production e 11:04:00 10 ?", "m/v2/production e 11:04:00 10 4",
	}, w.rows(engine.RowsQuery{Model: "m"}))
	w.send("m/v3/production a 11:05 20 ?", "m/v1/production a 11:06 30 ?")
	require.Equal(w, []string{"m/v1/production n=4 8.75", "m/v2/production n=1 6", "m/v3/production n=1 12"}, w.errors("m"), "an actual that has met a row is remembered for others of its id")
}

func actualsCorrected(w *world) {
	w.send("m/v1/production a 11:00 10 ?", "m/v1/production b 11:00 10 10")
	f := func(actual, want string) {
		w.Helper()
		w.actuals("m a " + actual)
		require.Equal(w, []string{"m/v1/production " + want}, w.errors("m"), actual)
	}
	f("8", "n=2 1")
	f("8", "n=2 1")
	f("4", "n=2 3")
	f("-", "n=1 0")
	f("-", "n=1 0")
	f("20", "n=2 5")
	w.actuals("m b 0", "m a 10")
	require.Equal(w, []string{"m/v1/production n=2 5"}, w.errors("m"))
	require.Equal(w, []string{"m/v1/production a 11:00:00 10 10", "m/v1/production b 11:00:00 10 0"}, w.rows(engine.RowsQuery{Model: "m"}))
}

func actualsOfTheirModel(w *world) {
	w.send("m/v1/production a 11:00 10 ?", "other/v1/production a 11:00 10 ?")
	w.actuals("other a 9", "unheard-of a 5")
	require.Equal(w, []string{"other/v1/production n=1 1"}, w.errors("*"))
	w.actuals("m A 5", "m aa 5")
	require.Equal(w, []string{"other/v1/production n=1 1"}, w.errors("*"))
}

// lagOfActuals is about the time between a prediction and its first actual.
func lagOfActuals(w *world) {
	lag := func(model string) engine.Value {
		w.Helper()
		return w.report(engine.ReportQuery{Model: model, Version: "v1"}).ActualLagP50
	}
	near := func(want float64, model, why string) {
		w.Helper()
		got := lag(model)
		require.Equal(w, engine.Present, got.Null, why)
		require.InEpsilon(w, want, got.Float64(), 0.011, why)
	}
	w.send("m/v1/production a 08:00 10 ?")
	w.actuals("m a 9 */* 09:00")
	near(3600, "m", "observed an hour later")
	w.actuals("m a 8 */* 11:00")
	near(3600, "m", "a correction leaves the lag")
	w.actuals("m a - */* 11:30")
	require.Equal(w, engine.NoActuals, lag("m").Null)
	w.actuals("m a 7 */* 10:00")
	near(7200, "m", "a new one after a withdrawal is the first")

	w.send("early/v1/production a 08:00 10 ?", "together/v1/production a 08:00 10 9")
	w.actuals("early a 9 */* 07:00")
	require.Equal(w, short(0), value(lag("early")), "observed before the prediction")
	require.Equal(w, engine.NoLags, lag("together").Null)
	w.now = at("14:00")
	w.send("unsaid/v1/production a 12:00 10 ?")
	w.actuals("unsaid a 9")
	near(7200, "unsaid", "when the request came")
}

func actualsMoveTheirWindow(w *world) {
	w.send("m/v1/production a -40d/11:00 10 9", "m/v1/production b -40d/11:30 10 ?", "m/v1/production c 11:00 10 ?")
	window := func(from, to string) []string {
		q := all("m")
		q.From, q.To = at(from), at(to)
		return w.metrics(q)
	}
	w.actuals("m b 7")
	require.Equal(w, []string{"m/v1/production n=2 2 2.2360679775 -40d/11:00:00 -40d/11:30:00"}, window("-40d/11:00", "-40d/12:00"))
	require.Empty(w, window("10:00", "12:00"))
	w.actuals("m c 4", "m a -")
	require.Equal(w, []string{"m/v1/production n=1 3 3 -40d/11:30:00 -40d/11:30:00"}, window("-40d/11:00", "-40d/12:00"))
	require.Equal(w, []string{"m/v1/production n=1 6 6 11:00:00 11:00:00"}, window("10:00", "12:00"))
}

// orphansEnd lets the time of actuals pass that have met no row.
func orphansEnd(w *world) {
	own := newWorldOf(w.T, w.subject, Options{ActualsTTL: 24 * time.Hour})
	own.send("m/v1/production met 11:00 10 ?")
	own.actuals("m met 8", "m early 1", "m withdrawn 1", "m withdrawn -")
	own.now = own.now.Add(25 * time.Hour)
	own.actuals("m late 2")
	lines := own.quarantineLines(engine.QuarantineQuery{Source: engine.SourceActuals})
	require.Equal(w, []string{fmt.Sprintf(`%d orphan {"model_id":"m","prediction_id":"early","actual_value":1}`, 0)}, lines)
	own.send("m/v1/production early 11:01 10 ?", "m/v1/production late 11:02 10 ?")
	require.Equal(w, []string{
		"m/v1/production met 11:00:00 10 8", "m/v1/production early 11:01:00 10 ?", "m/v1/production late 11:02:00 10 2",
	}, own.rows(engine.RowsQuery{Model: "m"}))
	require.Equal(w, "orphan", event.CodeOrphan.String())
}
