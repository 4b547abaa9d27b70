package engine_test

import (
	"context"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// TestSamples takes samples of rows in heads, segments and merged segments: they are of the rows asked for, without one twice, the same
// under the same seed wherever the rows lie, and over many seeds each row is as often in one as any other.
func TestSamples(t *testing.T) {
	const rows, limit, seeds = 300, 30, 2000
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	var batch []event.Event
	for i := range rows {
		e := newcomer("m"+strconv.Itoa(i%3), "v"+strconv.Itoa(i%2), time.Duration(1+i/5)*time.Minute)
		e.PredictionID, e.PredictedValue, e.ActualValue, e.HasActual = strconv.Itoa(i), float64(i%50), float64(i), i%4 > 0
		batch = append(batch, e)
		if i%100 == 99 {
			appendEvents(t, db, batch...)
			batch = nil
			if i < rows-1 {
				require.NoError(t, db.Checkpoint(context.Background()))
			}
		}
	}
	query := func(seed uint64, limit int) engine.RowsQuery {
		return engine.RowsQuery{Model: engine.All, Version: engine.All, Order: engine.Sample, Seed: seed, Limit: limit}
	}
	ids := func(q engine.RowsQuery) (ids []string) {
		for _, r := range rowsOf(t, db, q) {
			ids = append(ids, r.PredictionID)
		}
		return ids
	}
	all := map[string]int{}
	for _, id := range ids(query(1, 10*rows)) {
		all[id]++
	}
	require.Len(t, all, rows)
	known := query(5, limit)
	known.Actuals, known.Model = engine.WithActual, "m1"
	for _, r := range rowsOf(t, db, known) {
		require.True(t, r.HasActual)
		require.Equal(t, "m1", r.ModelID)
	}
	counts, first := map[string]int{}, [][]string{}
	for seed := range uint64(seeds) {
		sample := ids(query(seed, limit))
		require.Len(t, sample, limit)
		for _, id := range sample {
			counts[id]++
		}
		if seed < 5 {
			first = append(first, sample)
			require.Equal(t, sample[:7], ids(query(seed, 7)))
		}
	}
	require.NotEqual(t, first[0], first[1])
	const expected = float64(seeds) * limit / rows
	sum := 0.0
	for id := range all {
		sum += (float64(counts[id]) - expected) * (float64(counts[id]) - expected) / (expected * (1 - float64(limit)/rows))
	}
	// The sum is near chi-square with as many degrees of freedom as rows.
	require.InDelta(t, rows, sum, 6*math.Sqrt(2*rows))
	require.NoError(t, db.Checkpoint(context.Background()))
	require.NoError(t, db.Merge(context.Background()))
	for seed := range first {
		require.Equal(t, first[seed], ids(query(uint64(seed), limit)))
	}
	_, err := db.EachRows(context.Background(), query(1, 0), nil)
	require.ErrorIs(t, err, engine.ErrQuery)
}
