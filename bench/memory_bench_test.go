package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
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
	before := liveBytes()
	db, err := engine.Open(dir, engine.Options{Now: clock}) // not openIn, whose cleanup would hold it
	require.NoError(b, err)
	appendWorkload(b, db, workload.Options{
		Seed: 1, Rows: models * rowsEach, Models: models, Versions: 1, From: now.AddDate(0, 0, -days), To: now,
	}, nil)
	require.NoError(b, db.Checkpoint(b.Context()))
	require.NoError(b, db.Merge(b.Context()))
	stats := db.Stats()
	require.InDelta(b, models, stats.Models, models/100)
	each := float64(liveBytes()-before) / float64(stats.Models)
	require.Less(b, each, float64(modelBytesMax))
	loaded := residentMiB(b)
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
		resident := residentMiB(b)
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

// liveBytes is what the heap holds after a collection.
func liveBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// residentMiB is the memory that the process occupies once it has given back what it can, where the system tells.
func residentMiB(b *testing.B) float64 {
	b.Helper()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	kib, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
	require.NoError(b, err)
	return float64(kib) / 1024
}
