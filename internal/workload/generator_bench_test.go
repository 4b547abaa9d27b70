package workload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/workload"
)

func BenchmarkAppendNDJSON(b *testing.B) {
	for _, name := range workload.ShapeNames() {
		b.Run("shape="+name, func(b *testing.B) {
			shape, err := workload.ParseShape(name)
			require.NoError(b, err)
			g := workload.New(workload.Options{Shape: shape, Rows: 1 << 40, LateShare: 0.02})
			buffer := make([]byte, 0, 4096)
			bytes, rows := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				line, _ := g.AppendNDJSON(buffer)
				bytes += len(line)
				rows++
			}
			b.SetBytes(int64(bytes / rows))
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
