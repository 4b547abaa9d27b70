package bench_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/memory"
	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkIdleModels tells what a model costs that got ten rows and is sealed, and what 100,000 of them occupy: with their
// rows in one month, and in the three of 90 days. What a process occupies after the load includes holes that its heads left;
// after a restart there are none.
func BenchmarkIdleModels(b *testing.B) {
	for _, days := range []int{1, 90} {
		b.Run(fmt.Sprintf("days=%d", days), func(b *testing.B) { benchmarkIdleModels(b, days) })
	}
}

func benchmarkIdleModels(b *testing.B, days int) {
	b.Helper()
	const models, rowsEach, modelBytesMax, residentMiBMax = 100_000, 10, 4 << 10, 400
	dir := b.TempDir()
	before := memory.Live()
	db, err := engine.Open(dir, engine.Options{Now: clock}) // not openIn, whose cleanup would hold it
	require.NoError(b, err)
	appendWorkload(b, db, workload.Options{
		Seed: 1, Rows: models * rowsEach, Models: models, Versions: 1, From: now.AddDate(0, 0, -days), To: now,
	}, nil)
	require.NoError(b, db.Checkpoint(b.Context()))
	require.NoError(b, db.Merge(b.Context()))
	stats := db.Stats()
	require.InDelta(b, models, stats.Models, models/100)
	each := float64(memory.Live()-before) / float64(stats.Models)
	require.Less(b, each, float64(modelBytesMax))
	loaded := residentMiB()
	require.NoError(b, db.Close())

	var ready time.Duration
	for b.Loop() {
		b.StopTimer()
		db = nil //nolint:wastedassign // what it holds is not to be counted below
		debug.FreeOSMemory()
		b.StartTimer()
		begin := time.Now()
		db, err = engine.Open(dir, engine.Options{Now: clock})
		ready = time.Since(begin)
		require.NoError(b, err)
		answer, err := db.Metrics(b.Context(), engine.MetricsQuery{Model: model, Version: engine.All, Window: 90 * 24 * time.Hour})
		require.NoError(b, err)
		require.Len(b, answer.Rows, 1)
		b.StopTimer()
		resident := residentMiB()
		require.Less(b, resident, float64(residentMiBMax))
		b.ReportMetric(resident, "reopened-MiB")
		require.NoError(b, db.Close())
		b.StartTimer()
	}
	b.ReportMetric(each, "heap-B/model")
	b.ReportMetric(loaded, "loaded-MiB")
	b.ReportMetric(float64(ready.Milliseconds()), "ready-ms")
	b.ReportMetric(float64(stats.Segments)/float64(stats.Models), "segments/model")
}

// residentMiB is the memory that the process occupies once it has given back what it can, 0 where the system does not tell.
func residentMiB() float64 {
	debug.FreeOSMemory()
	resident, _, _ := memory.Process(os.Getpid())
	return float64(resident) / (1 << 20)
}
