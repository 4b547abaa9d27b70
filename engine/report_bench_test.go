package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkReports asks the four reports of sealed rows of 90 days.
func BenchmarkReports(b *testing.B) {
	const rows = 1_000_000
	for _, models := range []int{1, 1000} {
		db, err := engine.Open(b.TempDir(), engine.Options{NoBackground: true, Now: func() time.Time { return testNow }})
		require.NoError(b, err)
		load(b, db, workload.Options{Seed: 1, Rows: rows, Models: models, From: testNow.AddDate(0, 0, -90), To: testNow, LateShare: 0.02})
		require.NoError(b, db.Checkpoint(b.Context()))
		run := func(name string, ask func() error) {
			b.Run(fmt.Sprintf("%s/models=%d/rows=%d", name, models, rows), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := ask(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		for _, window := range []time.Duration{24 * time.Hour, 90 * 24 * time.Hour} {
			run("report/window="+window.String(), func() error {
				_, err := db.Report(b.Context(), engine.ReportQuery{Model: "model_1", Window: window})
				return err
			})
		}
		run("drift", func() error {
			_, err := db.DriftReport(b.Context(), engine.DriftReportQuery{Model: "model_1"})
			return err
		})
		run("timeseries/buckets=2160", func() error {
			_, err := db.Timeseries(b.Context(), engine.TimeseriesQuery{ReportQuery: engine.ReportQuery{Model: "model_1", Window: 2160 * time.Hour}})
			return err
		})
		run("models", func() error {
			_, err := db.Models(b.Context(), engine.ModelsQuery{})
			return err
		})
		require.NoError(b, db.Close())
	}
}
