package head

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/segment"
)

// TestMoveBits holds moveBits and removeBits to a slice of bits.
func TestMoveBits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 0))
	for range race.Cases(3000) {
		var b [leafRows / 64]uint64
		want := make([]bool, leafRows)
		for i := range want {
			if want[i] = random.IntN(3) > 0; want[i] {
				setBit(&b, i)
			}
		}
		from := random.IntN(leafRows + 1)
		to := from + random.IntN(leafRows-from+1)
		n := random.IntN(leafRows - to + 1)
		moveBits(&b, from, to, n)

		copy(want[from+n:], slices.Clone(want[from:to]))
		i := random.IntN(leafRows + 1)
		end := i + random.IntN(leafRows-i+1)
		removeBits(&b, i, end)
		want = append(slices.Delete(want, i, end), make([]bool, end-i)...)
		for i, bit := range want {
			if bit != (b[i/64]>>(i%64)&1 == 1) {
				t.Fatalf("bit %d, [%d, %d) moved by %d", i, from, to, n)
			}
		}
	}
}

// BenchmarkLate adds runs of a series' rows to a head, of which a few per cent are late, in the order in which requests
// that are under way at a time may come.
func BenchmarkLate(b *testing.B) {
	const runs, rows = 64, 390
	random := rand.New(rand.NewPCG(1, 0))
	all := make([]run, runs)
	for i := range all {
		r := &all[i]
		for k := range rows {
			ts := int64(i*rows+k) * 1000
			if random.IntN(50) == 0 {
				ts = max(0, ts-random.Int64N(1_400_000))
			}
			r.times = append(r.times, ts)
		}
		slices.Sort(r.times)
		r.predicted, r.actual, r.text = make([]float64, rows), make([]float64, rows), make([]uint32, rows)
		r.known = slices.Repeat([]bool{true}, rows)
		for k := range rows {
			r.predicted[k], r.actual[k] = float64(random.IntN(1e6))/100, float64(random.IntN(1e6))/100
		}
	}
	for i := range all {
		k := min(runs-1, i+random.IntN(4))
		all[i], all[k] = all[k], all[i]
	}
	h := New(1, new(Staging))
	h.text.chunks = []*textChunk{{ids: segment.Text{Bytes: []byte("id"), Ends: []uint32{2}}}}
	for b.Loop() {
		s := new(Series)
		for _, r := range all {
			s.add(h, r)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/runs/rows, "ns/row")
}
