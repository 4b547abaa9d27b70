package storetest

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

func identityTests() []test {
	return []test{
		{"identity: a row and its actual in every order", ordersOfRowAndActual},
		{"identity: the row sent last counts", rowsSentAgain},
		{"identity: a row twice in one request", rowTwiceInOneRequest},
		{"identity: what makes rows distinct", distinctRows},
		{"identity: rows outlive the store", rowsOutliveTheStore},
		{"identity: values come back as they were", valuesComeBack},
	}
}

// ordersOfRowAndActual sends a prediction and its actual in every order and number: it is one row with one actual.
func ordersOfRowAndActual(w *world) {
	for _, order := range []string{"PPA", "PAP", "APP", "PAPA", "PA", "AP", "AAP", "PPAPPA"} {
		sent := 0
		for _, what := range order {
			if what == 'A' {
				w.actuals(order + " a 8")
				continue
			}
			done := w.send(order + "/v1/production a 11:00 10 ?")
			if w.subject.CountsReplaced {
				require.Equal(w, min(sent, 1), done.Replaced, order)
			}
			sent++
		}
		require.Equal(w, []string{order + "/v1/production a 11:00:00 10 8"}, w.rows(engine.RowsQuery{Model: order}), order)
		require.Equal(w, []string{order + "/v1/production n=1 2"}, w.errors(order), order)
	}
}

func rowsSentAgain(w *world) {
	f := func(model string, sent []string, want string) {
		w.Helper()
		for _, s := range sent {
			if text, ok := strings.CutPrefix(s, "actual "); ok {
				w.actuals(model + " a " + text)
				continue
			}
			w.send(model + "/v1/production a 11:00 " + s)
		}
		require.Equal(w, []string{model + "/v1/production a 11:00:00 " + want}, w.rows(engine.RowsQuery{Model: model}), model)
	}
	f("last", []string{`1 1 {"n":1}`, `2 2 {"n":2}`, `3 3 {"n":3}`}, `3 3 {"n":3}`)
	f("back", []string{"1 1", "2 2", "1 1"}, "1 1")
	f("keeps", []string{"1 1", "2 ?"}, "2 1")
	f("late", []string{"1 ?", "2 ?", "actual 5", "3 ?"}, "3 5")
	f("brings", []string{"1 ?", "actual 5", "2 6"}, "2 6")
	f("corrected", []string{"1 5", "actual 6", "2 ?"}, "2 6")
	f("withdrawn", []string{"1 5", "actual -", "2 ?"}, "2 ?")
	f("withdrawn-then-brought", []string{"1 5", "actual -", "2 7"}, "2 7")
	f("both", []string{"1 ?", "actual 5", "2 6", "3 ?"}, "3 6")
	f("again", []string{"1 5", "actual 6", "2 7", "actual 8", "3 ?"}, "3 8")
}

func rowTwiceInOneRequest(w *world) {
	w.send("m/v1/production a 11:00 1 1", "m/v1/production b 11:00 5 5", `m/v1/production a 11:00 2 ? {"x":1}`)
	require.Equal(w, []string{`m/v1/production a 11:00:00 2 1 {"x":1}`, "m/v1/production b 11:00:00 5 5"}, w.rows(engine.RowsQuery{Model: "m"}))
	w.send("n/v1/production a 11:00 1 1", "n/v1/production a 11:00 2 3")
	require.Equal(w, []string{"n/v1/production n=1 1"}, w.errors("n"))
	w.actuals("n a 9", "n a 12", "n a 7")
	require.Equal(w, []string{"n/v1/production n=1 5"}, w.errors("n"))
}

// distinctRows has rows that differ in one part of their identity each, the time by a millisecond, and names that look alike.
func distinctRows(w *world) {
	rows := []string{
		"m/v1/production A 11:00:00 5 5", "m/v1/production a 11:00:00 1 1", "m/v2/production a 11:00:00 2 2", "m/v1/staging a 11:00:00 3 3",
		"m/v1/production a 11:00:00.001 4 4", "m/v1/production a 11:00:01 6 6",
	}
	w.send(rows...)
	w.send(rows...)
	require.ElementsMatch(w, rows, w.rows(engine.RowsQuery{Model: "m"}))
	w.sendEvents(
		event.Event{Timestamp: at("11:00"), ModelID: "n", ModelVersion: "v", Environment: "ab", PredictionID: "c", Features: "{}", PredictedValue: 1},
		event.Event{Timestamp: at("11:00"), ModelID: "n", ModelVersion: "va", Environment: "b", PredictionID: "c", Features: "{}", PredictedValue: 1},
		event.Event{Timestamp: at("11:00"), ModelID: "nv", ModelVersion: "a", Environment: "b", PredictionID: "c", Features: "{}", PredictedValue: 1},
	)
	require.Len(w, w.rows(engine.RowsQuery{Model: "n*"}), 3)
}

func rowsOutliveTheStore(w *world) {
	w.send("m/v1/production a 11:00 10 ?", "m/v1/production b 11:01 10 9", "other/v1/production a 11:00 10 4")
	w.actuals("m a 8", "m future 3")
	w.again()
	require.Equal(w, []string{"m/v1/production n=2 1.5", "other/v1/production n=1 6"}, w.errors("*"))
	w.send("m/v1/production future 11:02 10 ?", "m/v1/production a 11:00 11 ?")
	w.again()
	require.Equal(w, []string{"m/v1/production n=3 3.66666666667", "other/v1/production n=1 6"}, w.errors("*"))
}

// valuesComeBack has names, texts and numbers at the edges of what a row may hold: each comes back bit by bit.
func valuesComeBack(w *world) {
	names := []string{"a", "ü\u2028", `quote " and ' and \`, "{{x}}", "%s ?", strings.Repeat("n", event.NameBytesMax), "tab?", " spaces "}
	numbers := []float64{0, -1, 0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -2.2250738585072014e-308, 123456789.123456789}
	var sent []event.Event
	for i, name := range names {
		sent = append(sent, event.Event{
			Timestamp: at("11:00"), ModelID: name, ModelVersion: name, Environment: name, PredictionID: name, Features: fmt.Sprintf(`{"key \"%d":"\\ ü ' \n"}`, i),
			PredictedValue: numbers[i], ActualValue: -numbers[i], HasActual: i%3 != 0,
		})
		if i%3 == 0 {
			sent[i].ActualValue = 0
		}
	}
	w.sendEvents(sent...)
	for _, e := range sent {
		var got []event.Event
		q := engine.RowsQuery{Model: e.ModelID, Version: e.ModelVersion, Environment: e.Environment, Literal: engine.ModelColumn | engine.VersionColumn | engine.EnvironmentColumn}
		_, err := w.store.EachRows(w.Context(), q, func(b *engine.RowBatch) bool {
			for i := range b.SeriesOf {
				got = append(got, eventOf(b, i))
			}
			return true
		})
		require.NoError(w, err)
		require.Equal(w, []event.Event{e}, got)
	}
}
