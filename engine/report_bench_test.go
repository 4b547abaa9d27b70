package engine_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/workload"
)

var benchRowsFlag = flag.Int64("engine.rows", 1_000_000, "rows of the stores that reports are benchmarked on")

// BenchmarkReports asks the four reports of sealed rows of 90 days, evenly spread over models of one series or six.
func BenchmarkReports(b *testing.B) {
	rows := *benchRowsFlag
	for _, c := range []struct{ models, series int }{{1, 1}, {40, 1}, {1000, 1}, {1000, 6}} {
		b.Run(fmt.Sprintf("rows=%d/models=%d/series=%d", rows, c.models, c.series), func(b *testing.B) {
			opts := workload.Options{Seed: 1, Rows: rows, Models: c.models, From: testNow.AddDate(0, 0, -90), To: testNow, LateShare: 0.02}
			if c.series == 1 {
				opts.Versions, opts.Environments = 1, []string{"production"}
			}
			db, err := engine.Open(b.TempDir(), engine.Options{NoBackground: true, Now: func() time.Time { return testNow }})
			require.NoError(b, err)
			load(b, db, opts)
			require.NoError(b, db.Checkpoint(b.Context()))
			require.NoError(b, db.Merge(b.Context()))
			benchmarkReports(b, db)
			require.NoError(b, db.Close())
		})
	}
}

func benchmarkReports(b *testing.B, db *engine.DB) {
	b.Helper()
	run := func(name string, ask func() (engine.Read, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var read engine.Read
			var err error
			for b.Loop() {
				if read, err = ask(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(read.Rows), "rows-read")
		})
	}
	for _, window := range []time.Duration{24 * time.Hour, 90 * 24 * time.Hour} {
		run("report/window="+window.String(), func() (engine.Read, error) {
			r, err := db.Report(b.Context(), engine.ReportQuery{Model: "model_1", Window: window})
			return r.Read, err
		})
	}
	run("drift", func() (engine.Read, error) {
		r, err := db.DriftReport(b.Context(), engine.DriftReportQuery{Model: "model_1"})
		return r.Read, err
	})
	run("timeseries/buckets=2160", func() (engine.Read, error) {
		r, err := db.Timeseries(b.Context(), engine.TimeseriesQuery{ReportQuery: engine.ReportQuery{Model: "model_1", Window: 2160 * time.Hour}})
		return r.Read, err
	})
	run("models", func() (engine.Read, error) {
		r, err := db.Models(b.Context(), engine.ModelsQuery{})
		return r.Read, err
	})
}
