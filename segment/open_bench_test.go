package segment

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkOpen reads the directory of a segment of 800,000 rows; blocks/s is what a restart is made of.
func BenchmarkOpen(b *testing.B) {
	var c Columns
	steadyRows(rand.New(rand.NewPCG(1, 2)), &c, 800_000)
	bytes := build(b, []testSeries{{"v", "e", &c}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(Memory(bytes), int64(len(bytes))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(c.Len())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
