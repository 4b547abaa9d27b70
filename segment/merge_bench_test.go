package segment

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkMerge joins four segments of 64 blocks: one after the other in time, as checkpoints leave them, and row by
// row among each other.
func BenchmarkMerge(b *testing.B) {
	for _, disjoint := range []bool{true, false} {
		b.Run(fmt.Sprintf("disjoint=%v", disjoint), func(b *testing.B) {
			var all Columns
			steadyRows(rand.New(rand.NewPCG(1, 2)), &all, 256*blockRows)
			var segs []*Segment
			for i := range 4 {
				var c Columns
				if disjoint {
					c.AppendFrom(&all, i*64*blockRows, (i+1)*64*blockRows)
				} else {
					for j := i; j < all.Len(); j += 4 {
						c.AppendFrom(&all, j, j+1)
					}
				}
				segs = append(segs, open(b, build(b, []testSeries{{"v", "e", &c}})))
			}
			builder, sc := NewBuilder(testMeta), new(Scratch)
			var out []byte
			for b.Loop() {
				builder.Reset(testMeta)
				if err := Merge(builder, segs, sc); err != nil {
					b.Fatal(err)
				}
				out = builder.Finish(out[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(all.Len()), "ns/row")
		})
	}
}

// BenchmarkWindow asks for windows of a series of 800,000 rows, whose edges fall anywhere.
func BenchmarkWindow(b *testing.B) {
	var c Columns
	r := rand.New(rand.NewPCG(1, 2))
	steadyRows(r, &c, 800_000)
	s := open(b, build(b, []testSeries{{"v", "e", &c}}))
	span := c.Times[c.Len()-1] - c.Times[0]
	var sc Scratch
	var a Aggregate
	for _, share := range []float64{0.001, 0.03, 0.9} {
		b.Run(fmt.Sprintf("share=%v", share), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				from := c.Times[0] + int64(r.Float64()*(1-share)*float64(span))
				a.Reset()
				if _, err := s.AddWindow(&a, new(Sketches), Window{0, from, from + int64(share*float64(span)), WantErrors}, &sc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
