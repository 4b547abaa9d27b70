package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkScrape asks for what /metrics has of the store: the gauges of 500 models, and its stats. A hundred times as
// many models cost looking up when each was seen, and no more.
func BenchmarkScrape(b *testing.B) {
	for _, models := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("models=%d", models), func(b *testing.B) {
			db := open(b)
			appendWorkload(b, db, workload.Options{
				Seed: 1, Rows: fleetRows, Models: models, Versions: 1, From: now.AddDate(0, 0, -30), To: now, LateShare: 0.02,
			}, nil)
			require.NoError(b, db.Checkpoint(b.Context()))
			require.NoError(b, db.Merge(b.Context()))
			b.Run("gauges", func(b *testing.B) {
				var answer engine.GaugesResult
				measure(b, func(int) (engine.Read, error) {
					var err error
					answer, err = db.Gauges(b.Context(), engine.GaugesQuery{For: 30 * 24 * time.Hour})
					return answer.Read, err
				})
				b.ReportMetric(float64(len(answer.Rows)), "models")
				b.ReportMetric(float64(answer.LeftOut), "left-out")
			})
			b.Run("stats", func(b *testing.B) {
				for b.Loop() {
					db.Stats()
				}
			})
		})
	}
}
