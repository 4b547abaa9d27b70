package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

func rowTests() []test {
	return []test{
		{"rows: orders and limits", rowOrders},
		{"rows: filters", rowFilters},
		{"rows: conditions on features", featureConditions},
		{"rows: some columns", someColumns},
		{"rows: samples", rowSamples},
		{"rows: many", manyRows},
		{"rows: no more are wanted", noMoreRows},
	}
}

func rowOrders(w *world) {
	w.send("m/v1/production a 08:00 11 10", "m/v1/production b 10:00 15 10", "m/v2/production c 09:00 7 10", "m/v1/staging d 09:00 13 10", "m/v1/production e 07:00 99 ?", "n/v1/production f 08:00 11 10")
	f := func(q engine.RowsQuery, want ...string) {
		w.Helper()
		var got []string
		for _, r := range w.rows(q) {
			got = append(got, rowOf(r).PredictionID)
		}
		require.Equal(w, want, got, q.Order)
	}
	f(engine.RowsQuery{Model: "*", Order: engine.TimeAscending}, "e", "a", "f", "d", "c", "b")
	f(engine.RowsQuery{Model: "*", Order: engine.TimeDescending}, "b", "d", "c", "a", "f", "e")
	f(engine.RowsQuery{Model: "*", Order: engine.TimeAscending, Limit: 3}, "e", "a", "f")
	f(engine.RowsQuery{Model: "*", Order: engine.TimeDescending, Limit: 2}, "b", "d")
	f(engine.RowsQuery{Model: "*", Order: engine.WorstFirst, Limit: 10}, "b", "d", "c", "a", "f")
	f(engine.RowsQuery{Model: "*", Order: engine.WorstFirst, Limit: 3}, "b", "d", "c")
	f(engine.RowsQuery{Model: "*", From: at("08:00"), To: at("09:00")}, "a", "f")
	f(engine.RowsQuery{Model: "m", Version: "v1", Environment: "production"}, "e", "a", "b")
	f(engine.RowsQuery{Model: "m", Version: "latest"}, "d", "c")
	got := w.unordered(engine.RowsQuery{Model: "m", Version: "*", Environment: "*", From: at("00:00")})
	require.ElementsMatch(w, w.rows(engine.RowsQuery{Model: "m"}), got)
}

func rowFilters(w *world) {
	w.send("m/v1/production a 08:00 11 10", "m/v1/production b 09:00 15 ?", "m/v2/production a 10:00 7 ?", "m/v1/production c 11:00 7 8")
	w.actuals("m b 12")
	f := func(q engine.RowsQuery, want ...string) {
		w.Helper()
		q.Model = "m"
		require.Equal(w, want, w.rows(q))
	}
	f(engine.RowsQuery{Actuals: engine.WithActual}, "m/v1/production a 08:00:00 11 10", "m/v1/production b 09:00:00 15 12", "m/v1/production c 11:00:00 7 8")
	f(engine.RowsQuery{Actuals: engine.Waiting}, "m/v2/production a 10:00:00 7 ?")
	f(engine.RowsQuery{ID: "a"}, "m/v1/production a 08:00:00 11 10", "m/v2/production a 10:00:00 7 ?")
	f(engine.RowsQuery{ID: "a", Actuals: engine.WithActual}, "m/v1/production a 08:00:00 11 10")
	f(engine.RowsQuery{ID: "A"})
	f(engine.RowsQuery{AsOf: at("09:00")}, "m/v1/production a 08:00:00 11 10", "m/v1/production b 09:00:00 15 12")
}

// featureConditions has a table of what holds for which features.
func featureConditions(w *world) {
	features := []string{
		`{"n":5,"s":"berlin"}`, `{"n":5.0,"s":"Berlin"}`, `{"n":-1e1,"s":"10"}`, `{"n":"5","s":null}`, `{"s":true,"customer":{"country":"de","age":30}}`, `{"customer.country":"fr","customer":{"country":"de"}}`,
		`{"n":[5],"s":{"a":1}}`, `{}`, `{"n":9007199254740993,"s":"ü \" quoted"}`, `{"n":9007199254740992,"s":false}`,
	}
	var sent []event.Event
	for i, text := range features {
		e := rowOf(fmt.Sprintf("m/v1/production %d 08:00 1 1", i))
		e.Features = text
		sent = append(sent, e)
	}
	w.sendEvents(sent...)
	f := func(want string, conditions ...engine.FeatureCondition) {
		w.Helper()
		got := ""
		var gotSb80 strings.Builder
		for _, r := range w.rows(engine.RowsQuery{Model: "m", Features: conditions}) {
			gotSb80.WriteString(rowOf(r).PredictionID)
		}
		got += gotSb80.String()
		require.Equal(w, want, got, "%+v", conditions)
	}
	is := func(key string, op engine.Comparator, value string) engine.FeatureCondition {
		return engine.FeatureCondition{Key: key, Op: op, Value: value}
	}
	f("013", is("n", engine.Equal, "5"))
	f("245678"+"9", is("n", engine.NotEqual, "5"))
	f("01", is("n", engine.Less, "6"), is("n", engine.Greater, "0"))
	f("2", is("n", engine.Less, "5"))
	f("012", is("n", engine.LessOrEqual, "5.0"))
	f("8", is("n", engine.Equal, "9007199254740993"))
	f("8", is("n", engine.Greater, "9007199254740992"))
	f("89", is("n", engine.GreaterOrEqual, "9007199254740992"))
	f("0", is("s", engine.Equal, "berlin"))
	f("2", is("s", engine.Equal, "10"))
	f("3", is("s", engine.Equal, "null"))
	f("4", is("s", engine.Equal, "true"))
	f("9", is("s", engine.Equal, "false"))
	f("8", is("s", engine.Equal, `ü " quoted`))
	f("08", is("s", engine.GreaterOrEqual, "b"))
	f("4", is("customer.country", engine.Equal, "de"))
	f("5", is("customer.country", engine.Equal, "fr"))
	f("4", is("customer.age", engine.Greater, "29.5"))
	f("", is("nobody", engine.Equal, ""))
	f("0123456789", is("nobody", engine.NotEqual, "x"))
	f("", is("n'; --", engine.Equal, `\`))
}

func someColumns(w *world) {
	w.send(`m/v1/production a 08:00 11 10 {"x":1}`)
	f := func(columns engine.RowColumns, id, features, lag bool) {
		w.Helper()
		_, err := w.store.EachRows(w.Context(), engine.RowsQuery{Model: "m", Columns: columns}, func(b *engine.RowBatch) bool {
			require.Len(w, b.SeriesOf, 1)
			require.Equal(w, id, b.IDs.Len() == 1)
			require.Equal(w, features, b.Features.Len() == 1)
			require.Equal(w, lag, len(b.Lags) == 1)
			require.Equal(w, 11.0, b.Predicted[0])
			return true
		})
		require.NoError(w, err)
	}
	f(0, true, true, true)
	f(engine.IDColumn, true, false, false)
	f(engine.FeaturesColumn|engine.LagColumn, false, true, true)
	f(engine.NumbersAlone, false, false, false)
}

func rowSamples(w *world) {
	var rows []string
	for i := range 300 {
		rows = append(rows, fmt.Sprintf("m/v1/production %d 08:%02d %d 10", i, i%60, i))
	}
	w.send(rows...)
	sample := func(seed uint64, limit int) []string {
		w.Helper()
		return w.rows(engine.RowsQuery{Model: "m", Order: engine.Sample, Seed: seed, Limit: limit})
	}
	first := sample(1, 30)
	require.Len(w, first, 30)
	require.Equal(w, first, sample(1, 30), "the same seed, the same sample")
	require.NotEqual(w, first, sample(2, 30))
	require.Len(w, sample(1, 1000), 300)
	sorted := slices.Sorted(slices.Values(first))
	require.Len(w, slices.Compact(sorted), 30, "no row twice")
	w.again()
	require.Equal(w, first, sample(1, 30))
}

// manyRows has more rows than a batch.
func manyRows(w *world) {
	const n = 5000
	var rows []string
	for i := range n {
		rows = append(rows, fmt.Sprintf("m%d/v1/production %d 08:%02d:%02d %d 0", i%3, i, i/60%60, i%60, i))
	}
	w.send(rows...)
	got := w.rows(engine.RowsQuery{Model: "m*", Order: engine.WorstFirst, Limit: n})
	require.Len(w, got, n)
	for i, r := range got {
		if rowOf(r).PredictedValue != float64(n-1-i) {
			require.FailNow(w, "order", "row %d is %s", i, r)
		}
	}
	require.Len(w, w.unordered(engine.RowsQuery{Model: "m*", Version: "*", From: at("08:00"), To: at("08:10")}), 1200)
}

func noMoreRows(w *world) {
	var rows []string
	for i := range 3000 {
		rows = append(rows, fmt.Sprintf("m/v1/production %d 08:00 %d 0", i, i))
	}
	w.send(rows...)
	batches := 0
	_, err := w.store.EachRows(w.Context(), engine.RowsQuery{Model: "m"}, func(*engine.RowBatch) bool {
		batches++
		return false
	})
	require.NoError(w, err)
	require.Equal(w, 1, batches)
	require.Len(w, w.rows(engine.RowsQuery{Model: "m"}), 3000, "and the store goes on")
}
