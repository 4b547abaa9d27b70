package sketch

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/random"
)

// near tells whether a quantile is what a sketch may say of the exact one.
func near(got, want float64) bool {
	const subnormal = 5e-324 // to whose multiples a value is rounded
	return got == want || math.Abs(got-want) <= Error*want+subnormal
}

func TestSketchBuckets(t *testing.T) {
	r := random.Rand(t)
	values := []float64{
		0, math.SmallestNonzeroFloat64, 3 * math.SmallestNonzeroFloat64, 0x1p-1022, math.Nextafter(0x1p-1022, 0), 1, 1.02, math.Nextafter(1.02, 0),
		math.Nextafter(2, 0), 2, math.MaxFloat64, math.Inf(1),
	}
	for range random.Cases(20000) {
		values = append(values, math.Abs(random.Float(r)))
	}
	slices.Sort(values)
	last := 0
	for _, v := range values {
		bucket := BucketOf(v)
		require.GreaterOrEqual(t, bucket, last, "%v", v)
		require.LessOrEqual(t, bucket, bucketInf)
		last = bucket
		require.True(t, near(bucketValue(bucket), v), "%v is in the bucket of %v", v, bucketValue(bucket))
	}
	require.Equal(t, bucketInf, last)
}

// TestSketchQuantiles holds quantiles of values of many shapes to those of the sorted values.
func TestSketchQuantiles(t *testing.T) {
	r := random.Rand(t)
	percents := []uint64{0, 1, 50, 90, 95, 99, 100}
	shapes := map[string]func() float64{
		"normal":    func() float64 { return math.Abs(r.NormFloat64()) },
		"lognormal": func() float64 { return math.Exp(3 * r.NormFloat64()) },
		"constant":  func() float64 { return 0.3 },
		"zeros":     func() float64 { return float64(r.IntN(2)) * r.Float64() },
		"any":       func() float64 { return math.Abs(random.Float(r)) },
		"infinite":  func() float64 { return 1 / float64(r.IntN(3)) },
		"lags":      func() float64 { return float64(r.Int64N(1e12)) },
	}
	for name, draw := range shapes {
		for _, n := range []int{1, 2, 7, 100, 5000} {
			var s Sketch
			values := make([]float64, n)
			for i := range values {
				values[i] = draw()
				s.Add(values[i])
			}
			slices.Sort(values)
			got, stored := make([]float64, len(percents)), make([]float64, len(percents))
			requireStored(t, &s).Quantiles(stored, percents...)
			s.Quantiles(got, percents...)
			require.Equal(t, got, stored, "%s, %d", name, n)
			for i, p := range percents {
				want := 0.0
				if rank := (n*int(p) + 99) / 100; rank > 0 {
					want = values[rank-1]
				}
				require.True(t, near(got[i], want), "%s, p%d of %d: %v instead of %v", name, p, n, got[i], want)
			}
		}
	}
	got := []float64{-1}
	new(Sketch).Quantiles(got, 50)
	require.Zero(t, got[0])
}

// requireStored returns s as it is after it was stored.
func requireStored(t *testing.T, s *Sketch) *Sketch {
	t.Helper()
	c := columns.NewCursor(s.AppendTo(nil), errors.New("corrupt"))
	again := new(Sketch)
	again.AddStored(&c)
	require.NoError(t, c.End())
	require.Equal(t, s.Count(), again.Count())
	return again
}
