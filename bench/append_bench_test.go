package bench_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkAppend appends decoded batches, each synced to the disk of the temporary directory before it returns, from one
// goroutine and from 16.
func BenchmarkAppend(b *testing.B) {
	for _, rows := range []int{1, 100, batchRows} {
		for _, writers := range []int{1, 16} {
			b.Run(fmt.Sprintf("batch=%d/writers=%d", rows, writers), func(b *testing.B) { benchmarkAppend(b, rows, writers) })
		}
	}
}

func benchmarkAppend(b *testing.B, rows, writers int) {
	b.Helper()
	db := open(b)
	batch := nextBatch(b, workload.New(options(int64(rows))))
	require.Equal(b, rows, batch.Len())
	appendBatch(b, db, batch)
	require.Equal(b, uint64(rows), countAll(b, db))

	b.ReportAllocs()
	b.SetParallelism((writers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	if writers == 1 {
		for range b.N {
			appendBatch(b, db, batch)
		}
	} else {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				appendBatch(b, db, batch)
			}
		})
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)*float64(rows)/b.Elapsed().Seconds(), "rows/s")
	require.Equal(b, uint64(rows)*uint64(b.N+1), countAll(b, db))
}

func appendBatch(b *testing.B, db *engine.DB, batch *event.Batch) {
	b.Helper()
	if _, err := db.Append(b.Context(), batch); err != nil {
		b.Error(err)
	}
}

// countAll asks for every row there is.
func countAll(b *testing.B, db *engine.DB) uint64 {
	b.Helper()
	answer, err := db.Metrics(b.Context(), engine.MetricsQuery{
		Model: engine.All, Version: engine.All, Environment: engine.All, Window: 91 * 24 * time.Hour,
	})
	require.NoError(b, err)
	total := uint64(0)
	for _, row := range answer.Rows {
		total += row.PredictionCount
	}
	return total
}
