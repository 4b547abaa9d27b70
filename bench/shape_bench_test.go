package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
)

// shapeRows is the size of the workloads whose shapes are compared.
const shapeRows = 200_000

// BenchmarkShapes appends a whole workload of each shape, checkpoints, counts all of it, and asks for the last day of
// one series. It reports the rate of the appends, the size of the segments and the time of the question.
func BenchmarkShapes(b *testing.B) {
	late := workload.Options{LateShare: 0.02}
	for _, c := range []struct {
		name string
		opts workload.Options
	}{
		{"steady", workload.Options{}},
		{"late", late},
		{"bursty", workload.Options{Shape: workload.Bursty}},
		{"many-models", workload.Options{Shape: workload.ManyModels}},
		{"many-versions", workload.Options{Shape: workload.ManyVersions}},
		{"uuid", workload.Options{Shape: workload.UUID}},
	} {
		b.Run("shape="+c.name, func(b *testing.B) {
			c.opts.Seed, c.opts.Rows, c.opts.From, c.opts.To = 1, shapeRows, now.AddDate(0, 0, -90), now
			benchmarkShape(b, c.opts)
		})
	}
}

func benchmarkShape(b *testing.B, opts workload.Options) {
	b.Helper()
	var batches []*event.Batch
	g := workload.New(opts)
	for batch := nextBatch(b, g); batch.Len() > 0; batch = nextBatch(b, g) {
		batches = append(batches, batch)
	}
	asked := batches[len(batches)-1].Series[0]
	q := engine.MetricsQuery{Model: asked.Model, Version: asked.Version, Environment: asked.Environment}

	var appending time.Duration
	var sealedBytes int64
	var times latencies
	for b.Loop() {
		db := open(b)
		begin := time.Now()
		for _, batch := range batches {
			appendBatch(b, db, batch)
		}
		appending += time.Since(begin)
		require.NoError(b, db.Checkpoint(b.Context()))
		require.Equal(b, uint64(shapeRows), countAll(b, db))
		sealedBytes = db.Stats().SealedBytes
		for range 1000 {
			times.start()
			_, err := db.Metrics(b.Context(), q)
			times.stop()
			require.NoError(b, err)
		}
		require.NoError(b, db.Close())
	}
	b.ReportMetric(float64(b.N)*shapeRows/appending.Seconds(), "rows/s")
	b.ReportMetric(float64(sealedBytes)/shapeRows, "B/row")
	times.report(b)
}
