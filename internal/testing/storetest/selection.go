package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

func selectionTests() []test {
	return []test{
		{"selection: defaults", selectionDefaults},
		{"selection: patterns of names", patternsOfNames},
		{"selection: names that are patterns", namesThatArePatterns},
		{"selection: bounded to models", boundedToModels},
		{"selection: totals", totals},
		{"selection: latest", latest},
		{"selection: latest of reports", latestOfReports},
		{"selection: nobody knows it", unknownNames},
	}
}

func selectionDefaults(w *world) {
	w.send("m/v1/production a 11:00 10 9", "m/v1/staging b 11:00 10 8", "m/v1/production old -2d/11:00 10 0")
	require.Equal(w, []string{"m/v1/production n=1 1 1 11:00:00 11:00:00"}, w.metrics(engine.MetricsQuery{Model: "m"}), "production, latest, 24 h")
	drift, err := w.store.Drift(w.Context(), engine.DriftQuery{Model: "m"})
	require.NoError(w, err)
	require.Len(w, drift.Rows, 1)
	require.Equal(w, "production", drift.Rows[0].Environment)
}

func (w *world) sendNames() {
	w.send("team_a/v1/production a 11:00 11 10", "team_b/v1/production a 11:00 12 10", "team_b/v2/staging a 11:00 13 10", "solo/v1/production a 11:00 14 10",
		"Team_c/v10/production a 11:00 15 10", "te/v1/prod a 11:00 16 10")
}

func patternsOfNames(w *world) {
	w.sendNames()
	f := func(model, version, environment string, want ...string) {
		w.Helper()
		q := all(model)
		q.Version, q.Environment = version, environment
		var got []string
		for _, r := range w.metrics(q) {
			got = append(got, r[:len(r)-len(" n=1 1 1 11:00:00 11:00:00")])
		}
		require.Equal(w, want, got, "%s %s %s", model, version, environment)
	}
	f("*", "*", "*", "Team_c/v10/production", "solo/v1/production", "te/v1/prod", "team_a/v1/production", "team_b/v1/production", "team_b/v2/staging")
	f("team_*", "*", "*", "team_a/v1/production", "team_b/v1/production", "team_b/v2/staging")
	f("team_b,solo", "*", "*", "solo/v1/production", "team_b/v1/production", "team_b/v2/staging")
	f("team_b,te*,team_*", "v1", "*", "te/v1/prod", "team_a/v1/production", "team_b/v1/production")
	f("*", "v1*", "*", "Team_c/v10/production", "solo/v1/production", "te/v1/prod", "team_a/v1/production", "team_b/v1/production")
	f("*", "*", "prod*", "Team_c/v10/production", "solo/v1/production", "te/v1/prod", "team_a/v1/production", "team_b/v1/production")
	f("*", "*", "staging,prod", "te/v1/prod", "team_b/v2/staging")
	f("TEAM_*", "*", "*")
	f("%", "*", "*")
	f("team_", "*", "*")
}

// namesThatArePatterns has models whose names mean something else in a pattern.
func namesThatArePatterns(w *world) {
	w.send("*/latest/production x 11:00 11 10", "a,b/*/production x 11:00 12 10", "a/v1/production x 11:00 13 10", "b/v1/production x 11:00 14 10", "a*/v1/production x 11:00 15 10")
	require.Len(w, w.errors("*"), 5)
	require.Equal(w, []string{"a,b/*/production n=1 2"}, w.errors("a,b"), "a name that is literally the whole text goes before what it stands for")
	require.Equal(w, []string{"a*/v1/production n=1 5"}, w.errors("a*"))
	require.Equal(w, []string{"a/v1/production n=1 3", "b/v1/production n=1 4"}, w.errors("b,a"))
	q := all("*")
	q.Literal = engine.ModelColumn | engine.VersionColumn
	require.Empty(w, w.metrics(q), "a version that is not literally named *")
	q.Version = "latest"
	require.Len(w, w.metrics(q), 1)
	q = all("a")
	q.Literal = engine.ModelColumn
	require.Len(w, w.metrics(q), 1)
}

func boundedToModels(w *world) {
	w.sendNames()
	f := func(within string, want ...string) {
		w.Helper()
		q := all("*")
		q.Within = within
		q.Across = engine.VersionColumn | engine.EnvironmentColumn
		var got []string
		for _, r := range w.metrics(q) {
			got = append(got, r[:len(r)-len(" 11:00:00 11:00:00")])
		}
		require.Equal(w, want, got, within)
		reports := w.reports(engine.ReportQuery{Model: "*", Version: "*", Environment: "*", Within: within, Across: engine.VersionColumn | engine.EnvironmentColumn})
		require.Len(w, reports, len(want))
		models := map[string]bool{}
		for _, r := range w.rows(engine.RowsQuery{Model: "*", Within: within}) {
			models[rowOf(r).ModelID] = true
		}
		require.Len(w, models, len(want))
	}
	f("team_*", "team_a/*/* n=1 1 1", "team_b/*/* n=2 2.5 2.5495097568")
	f("solo", "solo/*/* n=1 4 4")
	f("solo,te*", "solo/*/* n=1 4 4", "te/*/* n=1 6 6", "team_a/*/* n=1 1 1", "team_b/*/* n=2 2.5 2.5495097568")
	f("nobody")
	q := all("team_a")
	q.Within = "team_b"
	require.Empty(w, w.metrics(q))
}

func totals(w *world) {
	w.sendNames()
	q := all("*")
	q.Across = engine.ModelColumn | engine.VersionColumn | engine.EnvironmentColumn
	require.Equal(w, []string{"*/*/* n=6 3.5 3.89444048185 11:00:00 11:00:00"}, w.metrics(q))
	q.Across = engine.ModelColumn | engine.VersionColumn
	require.Equal(w, []string{
		"*/*/prod n=1 6 6 11:00:00 11:00:00", "*/*/production n=4 3 3.39116499156 11:00:00 11:00:00", "*/*/staging n=1 3 3 11:00:00 11:00:00",
	}, w.metrics(q))
	q.Across = engine.VersionColumn
	q.Model = "team_b"
	require.Equal(w, []string{"team_b/*/production n=1 2 2 11:00:00 11:00:00", "team_b/*/staging n=1 3 3 11:00:00 11:00:00"}, w.metrics(q))
	q.Version = "latest"
	require.Equal(w, []string{"team_b/*/production n=1 2 2 11:00:00 11:00:00", "team_b/*/staging n=1 3 3 11:00:00 11:00:00"}, w.metrics(q), "latest is found before any are added up")
	q = all("*")
	q.Across = engine.ModelColumn | engine.VersionColumn | engine.EnvironmentColumn
	q.From = at("11:01")
	require.Empty(w, w.metrics(q), "a total of no rows is none")
}

// latest has models with the histories of versions; the windows are the last 24 hours.
func latest(w *world) {
	w.send(
		"rollback/v1/production 1 -4d/11:00 11 10", "rollback/v2/production 2 -2d/11:00 12 10", "rollback/v1/production 3 11:00 13 10",
		"rollout/v1/production 1 -4d/11:00 11 10", "rollout/v1/production 2 08:00 11 10", "rollout/v2/production 3 09:00 12 10", "rollout/v1/production 4 10:00 11 10",
		"canary/v1/production 1 08:00 11 10", "canary/v2/production 2 09:00 12 ?",
		"early/v2/production 1 -5d/11:00 11 10", "early/v1/production 2 -4d/11:00 12 10", "early/v2/production 3 11:00 13 10", "early/v1/production 4 10:00 14 10",
		"named/latest/production 1 -4d/11:00 11 10", "named/v1/production 2 11:00 12 10",
		"apart/v2/staging 1 09:00 11 10", "apart/v1/production 2 10:00 12 10", "apart/v3/staging 3 08:00 13 10",
	)
	f := func(model string, want ...string) {
		w.Helper()
		require.Equal(w, want, w.metrics(engine.MetricsQuery{Model: model, Environment: "*"}), model)
	}
	f("rollback", "rollback/v1/production n=1 3 3 11:00:00 11:00:00")
	f("rollout", "rollout/v2/production n=1 2 2 09:00:00 09:00:00")
	f("canary", "canary/v1/production n=1 1 1 08:00:00 08:00:00")
	f("early", "early/v1/production n=1 4 4 10:00:00 10:00:00")
	f("named")
	f("apart", "apart/v1/production n=1 2 2 10:00:00 10:00:00", "apart/v2/staging n=1 1 1 09:00:00 09:00:00")
	w.actuals("canary 2 10")
	f("canary", "canary/v2/production n=1 2 2 09:00:00 09:00:00")
	require.Equal(w, []string{"rollback/v2/production n=1 2 2 -2d/11:00:00 -2d/11:00:00"},
		w.metrics(engine.MetricsQuery{Model: "rollback", From: at("-3d/00:00"), To: at("-1d/00:00")}), "of the window that is asked for")
}

// latestOfReports is latest where there are no actuals.
func latestOfReports(w *world) {
	w.send("m/v1/production 1 -3d/11:00 11 ?", "m/v2/production 2 -2d/11:00 11 ?", "m/v1/production 3 11:00 11 ?")
	version := func(q engine.ReportQuery) string {
		w.Helper()
		q.Model = "m"
		return w.report(q).Version
	}
	require.Equal(w, "v1", version(engine.ReportQuery{}), "the newest with predictions there")
	require.Equal(w, "v2", version(engine.ReportQuery{From: at("-1d/00:00"), To: at("00:00")}), "the newest that has begun")
	require.Equal(w, "v1", version(engine.ReportQuery{From: at("-3d/00:00"), To: at("-2d/00:00")}))
	w.actuals("m 1 10")
	require.Equal(w, "v1", version(engine.ReportQuery{From: at("-4d/00:00")}), "the newest with an actual there")
}

func unknownNames(w *world) {
	require.Empty(w, w.metrics(all("m")))
	w.send("m/v1/production a 11:00 11 10")
	require.Empty(w, w.metrics(all("M")))
	require.Empty(w, w.metrics(engine.MetricsQuery{Model: "m", Version: "v2"}))
	require.Empty(w, w.metrics(engine.MetricsQuery{Model: "m", Environment: "staging"}))
	require.Empty(w, w.reports(engine.ReportQuery{Model: "x"}))
	require.Empty(w, w.rows(engine.RowsQuery{Model: "x"}))
}
