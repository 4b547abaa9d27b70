package storetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

func refusalTests() []test {
	return []test{
		{"refusals: questions that contradict themselves", contradictions},
		{"refusals: requests without rows", emptyRequests},
		{"refusals: a context that has ended", endedContext},
		{"refusals: a closed store", closedStore},
		{"refusals: timestamps", timestampRules},
	}
}

func contradictions(w *world) {
	w.send("m/v1/production a 08:00 10 9")
	ctx := w.Context()
	none := func(*engine.RowBatch) bool { return true }
	_, err := w.store.Metrics(ctx, engine.MetricsQuery{Model: "m", To: at("10:00")})
	require.ErrorIs(w, err, engine.ErrQuery, "to needs from")
	_, err = w.store.Metrics(ctx, engine.MetricsQuery{Model: "m", From: at("11:00"), To: at("10:00")})
	require.ErrorIs(w, err, engine.ErrQuery)
	_, err = w.store.EachRows(ctx, engine.RowsQuery{Model: "m", Order: engine.WorstFirst}, none)
	require.ErrorIs(w, err, engine.ErrQuery, "the worst need a limit")
	_, err = w.store.EachRows(ctx, engine.RowsQuery{Model: "m", Order: engine.Sample, Limit: engine.WorstRowsMax + 1}, none)
	require.ErrorIs(w, err, engine.ErrQuery)
	_, err = w.store.EachDriftReport(ctx, engine.DriftReportQuery{Model: "m", Reference: engine.Reference{Version: "v9"}}, func(*engine.DriftReportRow) bool { return true })
	require.ErrorIs(w, err, engine.ErrQuery, "a version that there is not")
	_, err = w.store.EachDriftReport(ctx, engine.DriftReportQuery{Model: "m", Reference: engine.Reference{From: at("00:00"), To: at("11:59")}}, func(*engine.DriftReportRow) bool { return true })
	require.ErrorIs(w, err, engine.ErrQuery, "a reference that ends in the recent window")
}

func emptyRequests(w *world) {
	done, err := w.store.Append(w.Context(), &event.Batch{})
	require.NoError(w, err)
	require.Zero(w, done.Successful+done.Quarantined)
	_, err = w.store.AppendActuals(w.Context(), &event.Actuals{})
	require.NoError(w, err)
	require.Empty(w, w.errors("*"))
	health := w.store.Health()
	require.True(w, health.Ready)
	require.False(w, health.Degraded, health.Reason)
	require.Zero(w, w.store.Stats().Models)
}

func endedContext(w *world) {
	batch := w.texts("m/v1/production a 08:00 10 9")
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	_, err := w.store.Append(ctx, batch)
	require.ErrorIs(w, err, context.Canceled)
	_, err = w.store.EachRows(ctx, engine.RowsQuery{Model: "*"}, func(*engine.RowBatch) bool { return true })
	require.ErrorIs(w, err, context.Canceled)
	require.Empty(w, w.errors("*"))
}

func closedStore(w *world) {
	w.send("m/v1/production a 08:00 10 9")
	store, batch := w.store, w.texts("m/v1/production b 08:00 10 9")
	w.again()
	require.NoError(w, store.Close(), "again")
	_, err := store.Append(w.Context(), batch)
	require.ErrorIs(w, err, engine.ErrClosed)
	_, err = store.Metrics(w.Context(), all("*"))
	require.ErrorIs(w, err, engine.ErrClosed)
	require.Len(w, w.errors("*"), 1)
}

func timestampRules(w *world) {
	var b event.Batch
	row := rowOf("m/v1/production a 08:00 10 9")
	row.Timestamp = w.now.AddDate(0, 0, 1)
	require.NoError(w, b.Add(row, w.store.Rules()))
	row.Timestamp = row.Timestamp.Add(1e6)
	require.Error(w, b.Add(row, w.store.Rules()), "more than a day ahead")
	w.now = w.now.Add(1e9)
	require.NoError(w, b.Add(row, w.store.Rules()))
}
