package distribution_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi/internal/distribution"
)

// TestBuckets counts numbers of all sizes and holds each bucket to the numbers that are in its bounds.
func TestBuckets(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		var d distribution.Distribution
		var numbers [distribution.Sides][]float64
		spread := math.Exp2(r.Float64() * 10)
		for range r.IntN(300) {
			side, number := r.IntN(2), math.Exp2(r.NormFloat64()*spread)*float64(1-2*r.IntN(2))
			switch r.IntN(20) {
			case 0:
				number = 0
			case 1:
				number = math.Exp2(float64(r.IntN(200)-100) / 4) // a bound
			case 2:
				number = math.Inf(1 - 2*r.IntN(2))
			case 3:
				number = math.SmallestNonzeroFloat64
			}
			d.Add(side, number)
			numbers[side] = append(numbers[side], number)
		}
		most := distribution.BucketsMin + r.IntN(60)
		buckets := d.Buckets(most)
		require.LessOrEqual(t, len(buckets), most)
		var total distribution.Counts
		for i, b := range buckets {
			if i > 0 {
				require.LessOrEqual(t, buckets[i-1].Upper, b.Lower)
			}
			for side := range distribution.Sides {
				var want uint64
				for _, n := range numbers[side] {
					size, near, far := math.Abs(n), math.Min(math.Abs(b.Lower), math.Abs(b.Upper)), math.Max(math.Abs(b.Lower), math.Abs(b.Upper))
					in := n == 0 && far == 0 || n != 0 && far > 0 && (n > 0) == (b.Upper > 0) && size >= near && (size < far || math.IsInf(size, 1) && math.IsInf(far, 1))
					if in {
						want++
					}
				}
				require.Equal(t, want, b.Counts[side], "%v of %v", b, numbers[side])
				total[side] += want
			}
		}
		for side := range distribution.Sides {
			require.EqualValues(t, len(numbers[side]), total[side])
		}
		if len(buckets) > 0 {
			require.NotEqual(t, distribution.Counts{}, buckets[0].Counts)
			require.NotEqual(t, distribution.Counts{}, buckets[len(buckets)-1].Counts)
		}
	}
}
