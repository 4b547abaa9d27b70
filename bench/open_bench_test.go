package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// BenchmarkOpen restarts a store whose rows are all sealed. Ready is when Open returns; the first query, over 90 days, is
// checked. It also tells what a row takes on disk, and in memory once its columns are read.
func BenchmarkOpen(b *testing.B) {
	for _, rows := range sizes(b) {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) { benchmarkOpen(b, rows) })
	}
}

func benchmarkOpen(b *testing.B, rows int64) {
	b.Helper()
	const diskBytesMax, residentBytesMax = 16, 24
	s := fill(b, rows)
	before := residentMiB()
	const window = 90 * 24 * time.Hour
	count, mae, rmse := s.window(now.Add(-window), now)
	var ready, first latencies
	resident := 0.0
	for b.Loop() {
		ready.start()
		db, err := engine.Open(s.dir, engine.Options{Now: clock, MemoryLimitBytes: 8 << 30})
		ready.stop()
		require.NoError(b, err)
		first.start()
		answer, err := db.Metrics(b.Context(), engine.MetricsQuery{Model: model, Environment: environment, Window: window})
		first.stop()
		require.NoError(b, err)

		b.StopTimer()
		require.Len(b, answer.Rows, 1)
		require.Equal(b, count, answer.Rows[0].PredictionCount)
		require.InEpsilon(b, mae, answer.Rows[0].MAE, tolerance)
		require.InEpsilon(b, rmse, answer.Rows[0].RMSE, tolerance)
		s.DB = db
		s.awaitResident(b)
		resident = residentMiB() - before
		require.NoError(b, db.Close())
		b.StartTimer()
	}
	each, onDisk := resident*(1<<20)/float64(rows), float64(segmentBytes(b, s.dir))/float64(rows)
	b.ReportMetric(ready.quantile(50)/1e6, "ready-p50-ms")
	b.ReportMetric(first.quantile(50)/1e3, "first-query-p50-us")
	b.ReportMetric(each, "resident-B/row")
	b.ReportMetric(onDisk, "disk-B/row")
	if rows >= 1_000_000 { // below, the files and buffers that any store has outweigh the rows
		require.Less(b, each, float64(residentBytesMax))
		require.Less(b, onDisk, float64(diskBytesMax))
	}
}
