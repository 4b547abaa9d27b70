package bench_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkQueryUnderIngest asks for the last day of one series, at most askedPerSecond times a second, while nothing else
// happens and while appends come as fast as the store takes them.
func BenchmarkQueryUnderIngest(b *testing.B) {
	for _, writers := range []int{0, 1} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkQueryUnderIngest(b, writers) })
	}
}

// askedPerSecond leaves the processors to the appends: what is measured is how long an answer has to wait for them.
const askedPerSecond = 2000

func benchmarkQueryUnderIngest(b *testing.B, writers int) {
	b.Helper()
	s := load(b, 1_000_000)
	batch := nextBatch(b, workload.New(options(batchRows)))
	var stop atomic.Bool
	var appended atomic.Int64
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for !stop.Load() {
				appendBatch(b, s.DB, batch)
				appended.Add(int64(batch.Len()))
			}
		})
	}
	q := engine.MetricsQuery{Model: model, Environment: environment, Window: 24 * time.Hour}
	var times latencies
	pace := time.NewTicker(time.Second / askedPerSecond)
	defer pace.Stop()
	for b.Loop() {
		<-pace.C
		times.start()
		answer, err := s.Metrics(b.Context(), q)
		times.stop()
		if err != nil || len(answer.Rows) != 1 {
			b.Fatal(answer, err)
		}
	}
	stop.Store(true)
	running.Wait()
	require.Equal(b, writers > 0, appended.Load() > 0)
	times.report(b)
	b.ReportMetric(float64(appended.Load())/b.Elapsed().Seconds(), "rows/s")
}
