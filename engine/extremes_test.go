package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// extremeEvents are hard on a store, each model in a way of its own: the edges of float64 and of time, one millisecond for
// all rows, a month with one row, thousands of versions, the longest texts.
func extremeEvents() map[string][]event.Event {
	events := make(map[string][]event.Event)
	add := func(model string, at time.Time, version, id, features string, predicted, actual float64) {
		events[model] = append(events[model], event.Event{
			Timestamp: at.UTC(), ModelID: model, ModelVersion: version, Environment: "production", PredictionID: id, Features: features,
			PredictedValue: predicted, ActualValue: actual, HasActual: true,
		})
	}
	for i, f := range []float64{math.MaxFloat64, math.SmallestNonzeroFloat64, 0, math.Copysign(0, -1), 0x1p-1022, 0.1234567890123456789} {
		add("floats", testNow, "v", strconv.Itoa(i), "{}", f, -f)
	}
	add("times", time.UnixMilli(0), "v", "first", "{}", 1, 2)
	add("times", testNow.Add(24*time.Hour), "v", "last", "{}", 1, 2)
	for i := range 5000 {
		add("millisecond", testNow, "v", fmt.Sprintf("%05d", i), "{}", float64(i), 0)
	}
	add("month", testNow.AddDate(0, -5, 0), "v", "one", "{}", 1, 2)
	for i := range 10_000 {
		add("versions", testNow.Add(-time.Duration(i)*time.Minute), fmt.Sprintf("v%d", i), strconv.Itoa(i), "{}", float64(i), 0)
	}
	long := `{"text":"` + strings.Repeat("ü", (event.FeaturesBytesMax-11)/2) + `"}`
	for i := range 30 {
		add("texts", testNow.Add(time.Duration(i)), "v", fmt.Sprintf("%s%02d", strings.Repeat("é", 127), i), long, 1, 2)
	}
	return events
}

// TestExtremes stores them, and reads all of them back from heads, segments and after a restart. A question about one series
// decodes no more rows than for any other.
func TestExtremes(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	events := extremeEvents()
	var want []event.Event
	db := openDB(t, dir, engine.Options{NoBackground: true})
	for _, all := range events {
		var b event.Batch
		for _, e := range all {
			require.NoError(t, b.Add(e, db.Rules()))
		}
		_, err := db.Append(ctx, &b)
		require.NoError(t, err)
		want = append(want, all...)
	}
	order := func(a, b event.Event) int {
		return cmp.Or(cmp.Compare(a.ModelID, b.ModelID), cmp.Compare(a.ModelVersion, b.ModelVersion), cmp.Compare(a.PredictionID, b.PredictionID))
	}
	slices.SortFunc(want, order)
	check := func(where string) {
		var got []event.Event
		require.NoError(t, db.EachRow(func(e event.Event) { got = append(got, e) }))
		slices.SortFunc(got, order)
		require.Len(t, got, len(want), where)
		for i := range want {
			if w, g := want[i], got[i]; w.Timestamp.UnixMilli() != g.Timestamp.UnixMilli() || order(w, g) != 0 || w.Features != g.Features ||
				math.Float64bits(w.PredictedValue) != math.Float64bits(g.PredictedValue) || math.Float64bits(w.ActualValue) != math.Float64bits(g.ActualValue) {
				t.Fatalf("%s: %.200v, want %.200v", where, g, w)
			}
		}
		for model, all := range events {
			answer, err := db.Metrics(ctx, engine.MetricsQuery{Model: model, Version: all[0].ModelVersion, From: all[0].Timestamp})
			require.NoError(t, err)
			require.Len(t, answer.Rows, 1, model)
			require.LessOrEqual(t, answer.Read.Rows, uint64(2*1024), model)
		}
		answer, err := db.Metrics(ctx, engine.MetricsQuery{Model: "versions", Version: engine.All, Window: 30 * 24 * time.Hour})
		require.NoError(t, err)
		require.Len(t, answer.Rows, 10_000, where)
	}
	check("heads")
	require.NoError(t, db.Checkpoint(ctx))
	require.NoError(t, db.Merge(ctx))
	check("segments")
	require.NoError(t, db.Close())
	db = openDB(t, dir, engine.Options{NoBackground: true})
	check("restart")
}
