package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/workload"
)

// fleetRows is the size of the stores whose models or versions are all asked about at once.
const fleetRows = 1_000_000

// BenchmarkFleet asks for the last day of every model, and of every version of one.
func BenchmarkFleet(b *testing.B) {
	for _, c := range []struct {
		name string
		opts workload.Options
		q    engine.MetricsQuery
	}{
		{"models=1000", workload.Options{Models: 1000, Versions: 1}, engine.MetricsQuery{Model: engine.All}},
		{
			"versions=10000",
			workload.Options{Shape: workload.ManyVersions, Models: 1, Versions: 10_000},
			engine.MetricsQuery{Model: "model_1", Version: engine.All},
		},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkFleet(b, c.opts, c.q) })
	}
}

func benchmarkFleet(b *testing.B, opts workload.Options, q engine.MetricsQuery) {
	b.Helper()
	opts.Seed, opts.Rows, opts.From, opts.To, opts.LateShare = 1, fleetRows, now.AddDate(0, 0, -90), now, 0.02
	db := open(b)
	appendWorkload(b, db, opts, nil)
	require.NoError(b, db.Checkpoint(b.Context()))
	require.NoError(b, db.Merge(b.Context()))

	q.Window = 24 * time.Hour
	answer, err := db.Metrics(b.Context(), q)
	require.NoError(b, err)
	require.Greater(b, len(answer.Rows), 900)
	for _, want := range answer.Rows { // the same as asked about one by one
		one, err := db.Metrics(b.Context(), engine.MetricsQuery{Model: want.Model, Version: want.Version, Environment: want.Environment})
		require.NoError(b, err)
		require.Equal(b, []engine.MetricsRow{want}, one.Rows)
	}
	measure(b, func(int) (engine.Read, error) {
		answer, err := db.Metrics(b.Context(), q)
		return answer.Read, err
	})
	b.ReportMetric(float64(len(answer.Rows)), "series")
}
