package clusters_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// TestListsWithSlowReaders has two lists of many series whose readers take a row and no more: of few rows they are in nobody's way, of many they
// keep others from making one, which are told so, and leave nothing behind when they are over.
func TestListsWithSlowReaders(t *testing.T) {
	const models = 2100
	c := nodes.Start(t, nodes.Options{Shards: 2})
	s := openStore(t, makeTables(t, c, clickhouse.Options{Now: storetest.Now, BatchWait: time.Millisecond}))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var b event.Batch
	for i := range models {
		require.NoError(t, b.Add(event.Event{
			Timestamp: storetest.Now().Add(-time.Duration(i) * time.Minute), ModelID: fmt.Sprint("m", i), ModelVersion: "v1", Environment: "production", PredictionID: "a", Features: "{}",
			HasActual: i%3 > 0, PredictedValue: float64(i % 7),
		}, s.Rules()))
	}
	_, err := s.Append(t.Context(), &b)
	require.NoError(t, err)

	list := func(ctx context.Context, l engine.ModelsList, row func()) (rows int, page engine.ModelsPage, err error) {
		page, err = s.ListModels(ctx, engine.ModelsQuery{}, l, func(*engine.ModelRow) bool {
			rows++
			row()
			return true
		})
		return rows, page, err
	}
	few := engine.ModelsList{Limit: 50, Order: engine.OrderAttention}
	for _, slow := range []engine.ModelsList{few, {}} {
		reading, goOn, over := make(chan struct{}, 2*models), make(chan struct{}), make(chan error, 2)
		for range 2 {
			go func() {
				_, _, err := list(context.WithoutCancel(t.Context()), slow, func() {
					reading <- struct{}{}
					<-goOn
				})
				over <- err
			}()
		}
		<-reading
		<-reading
		rows, page, err := list(t.Context(), few, func() {})
		if slow.Limit > 0 {
			require.NoError(t, err)
			require.Equal(t, 50, rows)
			require.Equal(t, models, page.Matched)
		} else {
			require.ErrorIs(t, err, engine.ErrFull)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			_, _, err = list(ctx, few, func() {})
			require.ErrorIs(t, err, context.Canceled)
		}
		close(goOn)
		require.NoError(t, <-over)
		require.NoError(t, <-over)
	}
	rows, _, err := list(t.Context(), engine.ModelsList{}, func() {})
	require.NoError(t, err)
	require.Equal(t, models, rows)
}
