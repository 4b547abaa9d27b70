package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

const tolerance = 1e-9 // of the obvious loop, which adds floats in the order they come

// BenchmarkMetrics asks for the metrics of one series. Time is to be flat in the window and in the number of rows.
func BenchmarkMetrics(b *testing.B) {
	for _, rows := range sizes(b) {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s := load(b, rows)
			for _, window := range []time.Duration{time.Hour, 24 * time.Hour, 90 * 24 * time.Hour} {
				b.Run("window="+hours(window), func(b *testing.B) { benchmarkMetrics(b, s, window) })
			}
		})
	}
}

func benchmarkMetrics(b *testing.B, s *store, window time.Duration) {
	b.Helper()
	var queries [edgesTried]engine.MetricsQuery
	for i := range queries {
		q := engine.MetricsQuery{Model: model, Environment: environment, Window: window + time.Duration(i)*window/(20*edgesTried)}
		queries[i] = q
		answer, err := s.Metrics(b.Context(), q)
		require.NoError(b, err)
		if count, mae, rmse := s.window(now.Add(-q.Window), now); count == 0 {
			require.Empty(b, answer.Rows)
		} else {
			require.Len(b, answer.Rows, 1)
			require.Equal(b, count, answer.Rows[0].PredictionCount)
			require.InEpsilon(b, mae, answer.Rows[0].MAE, tolerance)
			require.InEpsilon(b, rmse, answer.Rows[0].RMSE, tolerance)
		}
	}
	measure(b, func(i int) (engine.Read, error) {
		answer, err := s.Metrics(b.Context(), queries[i%edgesTried])
		return answer.Read, err
	})
}

// BenchmarkReport asks for the full regression set of one series, and of the two that a model has.
func BenchmarkReport(b *testing.B) {
	for _, rows := range sizes(b) {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s := load(b, rows)
			for _, window := range []time.Duration{24 * time.Hour, 90 * 24 * time.Hour} {
				for _, environments := range []string{environment, engine.All} {
					b.Run("window="+hours(window)+"/environment="+environments, func(b *testing.B) { benchmarkReport(b, s, window, environments) })
				}
			}
		})
	}
}

func benchmarkReport(b *testing.B, s *store, window time.Duration, environments string) {
	b.Helper()
	var queries [edgesTried]engine.ReportQuery
	for i := range queries {
		queries[i] = engine.ReportQuery{Model: model, Environment: environments, Window: window + time.Duration(i)*window/(20*edgesTried)}
	}
	series := 0
	measure(b, func(i int) (engine.Read, error) {
		answer, err := s.Report(b.Context(), queries[i%edgesTried])
		series = len(answer.Rows)
		return answer.Read, err
	})
	b.ReportMetric(float64(series), "series")
}

// BenchmarkDrift compares two windows of one series.
func BenchmarkDrift(b *testing.B) {
	for _, rows := range sizes(b) {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s := load(b, rows)
			for _, windows := range [][2]time.Duration{{6 * time.Hour, 168 * time.Hour}, {24 * time.Hour, 90 * 24 * time.Hour}} {
				name := "recent=" + hours(windows[0]) + "/historical=" + hours(windows[1])
				b.Run(name, func(b *testing.B) { benchmarkDrift(b, s, windows[0], windows[1]) })
			}
		})
	}
}

func benchmarkDrift(b *testing.B, s *store, recent, historical time.Duration) {
	b.Helper()
	var queries [edgesTried]engine.DriftQuery
	for i := range queries {
		longer := 1 + float64(i)/(20*edgesTried)
		q := engine.DriftQuery{
			Model: model, Environment: environment,
			Recent: time.Duration(float64(recent) * longer), Historical: time.Duration(float64(historical) * longer),
		}
		queries[i] = q
		answer, err := s.Drift(b.Context(), q)
		require.NoError(b, err)
		require.Len(b, answer.Rows, 1)
		recentCount, recentMAE, _ := s.window(now.Add(-q.Recent), now)
		historicalCount, historicalMAE, _ := s.window(now.Add(-q.Historical), now.Add(-q.Recent))
		row := answer.Rows[0]
		require.Equal(b, []uint64{recentCount, historicalCount}, []uint64{row.RecentCount, row.HistoricalCount})
		require.InEpsilon(b, recentMAE, row.RecentMAE, tolerance)
		require.InEpsilon(b, historicalMAE, row.HistoricalMAE, tolerance)
		require.InEpsilon(b, (recentMAE-historicalMAE)/historicalMAE, row.DriftPercentage, tolerance)
	}
	measure(b, func(i int) (engine.Read, error) {
		answer, err := s.Drift(b.Context(), queries[i%edgesTried])
		return answer.Read, err
	})
}

// edgesTried is the number of windows that a benchmark asks for in turn, each a little longer than the one before, so
// that their edges fall anywhere in a block.
const edgesTried = 64

// measure times a query, the i-th of many.
func measure(b *testing.B, query func(i int) (engine.Read, error)) {
	b.Helper()
	var times latencies
	rows, asked := uint64(0), 0
	b.ReportAllocs()
	for b.Loop() {
		times.start()
		read, err := query(asked)
		times.stop()
		if err != nil {
			b.Fatal(err)
		}
		rows += read.Rows
		asked++
	}
	times.report(b)
	b.ReportMetric(float64(rows)/float64(asked), "rows-read")
}

func hours(d time.Duration) string { return fmt.Sprintf("%gh", d.Hours()) }
