package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkDelete deletes a tenth of the rows, of 90 days and 10 models of several series: those of one model, or of 9 days; and those
// of one environment.
func BenchmarkDelete(b *testing.B) {
	rows := *benchRowsFlag
	for _, c := range []struct {
		name string
		d    engine.Deletion
	}{
		{"model", engine.Deletion{Models: []string{"model_3"}}},
		{"window", engine.Deletion{From: testNow.AddDate(0, 0, -50), To: testNow.AddDate(0, 0, -41)}},
		{"newest", engine.Deletion{From: testNow.AddDate(0, 0, -9)}},
		{"environment", engine.Deletion{Environments: []string{"staging"}}},
	} {
		b.Run(fmt.Sprintf("%s/rows=%d", c.name, rows), func(b *testing.B) {
			db, err := engine.Open(b.TempDir(), engine.Options{NoBackground: true, Now: func() time.Time { return testNow }})
			require.NoError(b, err)
			opts := workload.Options{Seed: 1, Rows: rows, Models: 10, From: testNow.AddDate(0, 0, -90), To: testNow, LateShare: 0.02}
			load(b, db, opts)
			require.NoError(b, db.Checkpoint(b.Context()))
			require.NoError(b, db.Merge(b.Context()))
			b.ResetTimer()
			for range b.N {
				counted, err := db.CountDeletion(b.Context(), c.d)
				require.NoError(b, err)
				began := time.Now()
				done, err := db.DeleteRows(b.Context(), c.d)
				require.NoError(b, err)
				b.ReportMetric(float64(time.Since(began).Milliseconds()), "delete-ms")
				require.Equal(b, counted.Rows, done.Rows)
				b.ReportMetric(float64(done.Rows), "rows")
			}
			b.StopTimer()
			require.NoError(b, db.Close())
		})
	}
}
