package bench_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/memory"
)

// everyRow asks for all that a store has.
func everyRow(q engine.RowsQuery) engine.RowsQuery {
	q.Model, q.Version, q.Environment, q.From = engine.All, engine.All, engine.All, time.Unix(0, 0)
	return q
}

// BenchmarkRows reads the rows of a whole store: all columns, the numbers alone, those of a condition on a number of the features, and
// all in the order of time.
func BenchmarkRows(b *testing.B) {
	for _, rows := range sizes(b) {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s := load(b, rows)
			all := everyRow(engine.RowsQuery{})
			f := func(name string, want int64, q engine.RowsQuery) {
				b.Run(name, func(b *testing.B) { benchmarkRows(b, s, want, everyRow(q)) })
			}
			some := int64(0)
			for batch, err := range s.Rows(b.Context(), all) {
				require.NoError(b, err)
				for i := range batch.Len() {
					var features struct{ Feature3 int }
					require.NoError(b, json.Unmarshal(batch.Features.At(i), &features))
					if features.Feature3 >= 90 {
						some++
					}
				}
			}
			f("columns=all", rows, all)
			f("columns=id", rows, engine.RowsQuery{Columns: engine.IDColumn})
			f("condition", some, engine.RowsQuery{
				Features: []engine.FeatureCondition{{Key: "feature3", Op: engine.GreaterOrEqual, Value: "90"}},
			})
			f("order=time", rows, engine.RowsQuery{Order: engine.TimeAscending})
		})
	}
}

func benchmarkRows(b *testing.B, s *store, want int64, q engine.RowsQuery) {
	b.Helper()
	b.ReportAllocs()
	debug.FreeOSMemory()
	idle, most, batches := residentMiB(), 0.0, 0
	resident := func() float64 { // as it is, garbage and all
		bytes, _, _ := memory.Process(os.Getpid())
		return float64(bytes) / (1 << 20)
	}
	for b.Loop() {
		got, last := int64(0), int64(math.MinInt64)
		for batch, err := range s.Rows(b.Context(), q) {
			require.NoError(b, err)
			got += int64(batch.Len())
			if batches++; batches%256 == 0 {
				most = max(most, resident()-idle)
			}
			if q.Order == engine.TimeAscending {
				require.GreaterOrEqual(b, batch.Times[0], last)
				last = batch.Times[batch.Len()-1]
			}
		}
		require.Equal(b, want, got)
	}
	b.ReportMetric(float64(want)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	b.ReportMetric(most, "MiB-over-idle")
}

// BenchmarkWorstRows asks for the hundred rows with the largest errors.
func BenchmarkWorstRows(b *testing.B) {
	for _, rows := range sizes(b) {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s := load(b, rows)
			worst := make([]float64, 0, rows)
			for batch, err := range s.Rows(b.Context(), everyRow(engine.RowsQuery{Actuals: engine.WithActual, Columns: engine.IDColumn})) {
				require.NoError(b, err)
				for i, p := range batch.Predicted {
					worst = append(worst, -math.Abs(p-batch.Actual[i]))
				}
			}
			slices.Sort(worst)
			q := everyRow(engine.RowsQuery{Order: engine.WorstFirst, Limit: 100})
			measure(b, func(int) (engine.Read, error) {
				at := 0
				read, err := s.EachRows(b.Context(), q, func(batch *engine.RowBatch) bool {
					for i, p := range batch.Predicted {
						require.Equal(b, worst[at], -math.Abs(p-batch.Actual[i]))
						at++
					}
					return true
				})
				require.Equal(b, min(100, len(worst)), at)
				return read, err
			})
		})
	}
}
