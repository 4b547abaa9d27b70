package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

func windowTests() []test {
	return []test{
		{"windows: their edges", windowEdges},
		{"windows: as of another time", windowsAsOf},
		{"windows: values by hand", metricsByHand},
		{"windows: months and years", windowsOverMonths},
		{"windows: drift", driftWindows},
		{"windows: the order of drift", driftOrder},
	}
}

func (w *world) count(q engine.MetricsQuery) int {
	w.Helper()
	q.Model, q.Version = "m", "*"
	result, err := w.store.Metrics(w.Context(), q)
	require.NoError(w, err)
	if len(result.Rows) == 0 {
		return 0
	}
	require.Len(w, result.Rows, 1)
	return int(result.Rows[0].PredictionCount)
}

// windowEdges has a row each millisecond around the edges of windows.
func windowEdges(w *world) {
	var rows []string
	for i := range 5 {
		rows = append(rows, fmt.Sprintf("m/v1/production a%d 10:59:59.%d 11 10", i, 997+min(i, 2)), fmt.Sprintf("m/v1/production b%d 11:00:00.00%d 11 10", i, i))
	}
	w.send(rows...) // 997, 998, and 999 three times; 000 to 004
	require.Equal(w, 10, w.count(engine.MetricsQuery{From: at("10:59:59.997")}))
	require.Equal(w, 9, w.count(engine.MetricsQuery{From: at("10:59:59.998")}))
	require.Equal(w, 5, w.count(engine.MetricsQuery{From: at("11:00")}))
	require.Equal(w, 4, w.count(engine.MetricsQuery{From: at("11:00:00.001")}))
	require.Equal(w, 0, w.count(engine.MetricsQuery{From: at("11:00:00.005")}))
	require.Equal(w, 5, w.count(engine.MetricsQuery{From: at("10:00"), To: at("11:00")}), "half-open")
	require.Equal(w, 6, w.count(engine.MetricsQuery{From: at("10:00"), To: at("11:00:00.001")}))
	require.Equal(w, 0, w.count(engine.MetricsQuery{From: at("11:00"), To: at("11:00")}))
	require.Equal(w, 5, w.count(engine.MetricsQuery{Window: time.Hour}))
	require.Equal(w, 6+2, w.count(engine.MetricsQuery{Window: time.Hour + time.Millisecond}))
	require.Equal(w, 0, w.count(engine.MetricsQuery{Window: -time.Hour}))
}

func windowsAsOf(w *world) {
	w.send("m/v1/production a -1d/12:00 11 10", "m/v1/production b 10:00 11 10", "m/v1/production c 11:00 11 10", "m/v1/production d 13:00 11 10")
	require.Equal(w, 4, w.count(engine.MetricsQuery{}), "no upper bound, and a lower one that counts")
	require.Equal(w, 2, w.count(engine.MetricsQuery{AsOf: at("10:00")}), "the row of that moment counts")
	require.Equal(w, 1, w.count(engine.MetricsQuery{AsOf: at("09:59:59.999")}))
	require.Equal(w, 2, w.count(engine.MetricsQuery{AsOf: at("11:00"), Window: time.Hour}))
	require.Equal(w, 2, w.count(engine.MetricsQuery{AsOf: at("11:00"), From: at("00:00")}))
	w.now = at("13:00").Add(12 * time.Hour)
	require.Equal(w, 1, w.count(engine.MetricsQuery{Window: 12 * time.Hour}), "windows follow the clock")
}

func metricsByHand(w *world) {
	w.send("m/v1/production a 10:00 13 10", "m/v1/production b 11:00 6 10", "m/v1/production c 11:30 100 ?", "m/v1/production d 11:15:30.250 10 10")
	require.Equal(w, []string{"m/v1/production n=3 2.33333333333 2.88675134595 10:00:00 11:15:30.25"}, w.metrics(engine.MetricsQuery{Model: "m"}))
	w.send("huge/v1/production a 10:00 1e300 -1e300")
	result, err := w.store.Metrics(w.Context(), engine.MetricsQuery{Model: "huge"})
	require.NoError(w, err)
	require.Len(w, result.Rows, 1)
	require.Equal(w, 2e300, result.Rows[0].MAE)
}

// windowsOverMonths has a row each twelfth hour over fourteen months.
func windowsOverMonths(w *world) {
	var rows []string
	for i := range 850 {
		rows = append(rows, fmt.Sprintf("m/v1/production a%d %dd/%02d:00 11 10", i, -i/2, 12*(i%2)))
	}
	w.send(rows...)
	for _, days := range []int{1, 31, 90, 365, 424} {
		from := at("00:00").AddDate(0, 0, -days)
		require.Equal(w, 2*days, w.count(engine.MetricsQuery{From: from, To: at("00:00")}), "%d days", days)
	}
	require.Equal(w, 62, w.count(engine.MetricsQuery{From: time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}))
	require.Equal(w, 730, w.count(engine.MetricsQuery{From: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}))
}

func (w *world) drift(q engine.DriftQuery) []string {
	w.Helper()
	result, err := w.store.Drift(w.Context(), q)
	require.NoError(w, err)
	var texts []string
	for _, r := range result.Rows {
		texts = append(texts, fmt.Sprintf("%s %s/%d %s/%d %s %s", seriesText(r.Model, r.Version, r.Environment), short(r.RecentMAE), r.RecentCount, short(r.HistoricalMAE), r.HistoricalCount,
			short(r.DriftPercentage), clock(r.AnalysisTimestamp)))
	}
	return texts
}

func driftWindows(w *world) {
	w.send("m/v1/production r1 06:00 13 10", "m/v1/production r2 11:00 11 10", "m/v1/production h1 05:59:59.999 11 10", "m/v1/production h2 -7d/12:00 14 10",
		"m/v1/production before -8d/11:00 99 10", "m/v1/production waits 11:00 99 ?", "m/v1/production ahead 13:00 15 10")
	require.Equal(w, []string{"m/v1/production 3/3 2.5/2 0.2 12:00:00"}, w.drift(engine.DriftQuery{Model: "m"}))
	require.Equal(w, []string{"m/v1/production 2/2 2.5/2 -0.2 12:00:00"}, w.drift(engine.DriftQuery{Model: "m", AsOf: at("12:00")}))
	require.Equal(w, []string{"m/v1/production 3/2 2.66666666667/3 0.125 12:00:00"}, w.drift(engine.DriftQuery{Model: "m", Recent: time.Hour}))
	require.Empty(w, w.drift(engine.DriftQuery{Model: "m", Historical: 6 * time.Hour}), "no history is left")
	require.Empty(w, w.drift(engine.DriftQuery{Model: "m", Environment: "staging"}))
	require.Equal(w, []string{"*/*/* 3/3 2.5/2 0.2 12:00:00"}, w.drift(engine.DriftQuery{Model: "*", Across: engine.ModelColumn | engine.VersionColumn | engine.EnvironmentColumn}))
}

func driftOrder(w *world) {
	for model, errors := range map[string][2]int{"up/v1": {4, 2}, "down/v1": {1, 4}, "same/v1": {3, 3}, "tie/v2": {1, 2}, "tie/v10": {3, 2}, "perfect/v1": {3, 0}} {
		w.send(fmt.Sprintf("%s/production r 11:00 %d 10", model, 10+errors[0]), fmt.Sprintf("%s/production h -2d/11:00 %d 10", model, 10+errors[1]))
	}
	w.send("fresh/v1/production r 11:00 12 10", "gone/v1/production h -2d/11:00 12 10")
	require.Equal(w, []string{
		"up/v1/production 4/1 2/1 1 12:00:00", "down/v1/production 1/1 4/1 -0.75 12:00:00", "tie/v10/production 3/1 2/1 0.5 12:00:00", "tie/v2/production 1/1 2/1 -0.5 12:00:00",
		"same/v1/production 3/1 3/1 0 12:00:00",
	}, w.drift(engine.DriftQuery{Model: "*"}))
	require.Equal(w, []string{"tie/v2/production 1/1 2/1 -0.5 12:00:00"}, w.drift(engine.DriftQuery{Model: "tie", Version: "v2"}))
}
