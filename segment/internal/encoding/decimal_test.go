package encoding

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/digits"
	"github.com/residualdb/residual/internal/testing/random"
)

// decimalsRef is the obvious way back: read the decimal text.
func decimalsRef(dst []float64, ints []int64, k int) {
	for i, d := range ints {
		if _, err := fmt.Sscan(fmt.Sprintf("%de-%d", d, k), &dst[i]); err != nil {
			panic(err)
		}
	}
}

func TestQuotientsAreTheNearestFloats(t *testing.T) {
	r := random.Rand(t)
	for k := range decimalsMax + 1 {
		ints := make([]int64, 200)
		for i := range ints {
			ints[i] = (r.Int64N(2*decimalLimit) - decimalLimit) >> r.IntN(50)
		}
		got, want := make([]float64, len(ints)), make([]float64, len(ints))
		fromQuotients(got, ints, k)
		decimalsRef(want, ints, k)
		require.Equal(t, want, got)
	}
}

// divisionsRef is fromQuotients by division.
func divisionsRef(dst []float64, ints []int64, k int) {
	for i, d := range ints {
		dst[i] = float64(d) / digits.FloatTens[k]
	}
}

// TestQuotientsAreDivisions compares at random integers of every length.
func TestQuotientsAreDivisions(t *testing.T) {
	r := random.Rand(t)
	ints := make([]int64, 1023)
	got, want := make([]float64, len(ints)), make([]float64, len(ints))
	for range random.Cases(100) {
		for k := range decimalsMax + 1 {
			for i := range ints {
				ints[i] = (r.Int64N(1<<54) - 1<<53) >> r.IntN(53)
			}
			fromQuotients(got, ints, k)
			divisionsRef(want, ints, k)
			for i := range want {
				if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
					t.Fatalf("%d / 10^%d = %v, want %v", ints[i], k, got[i], want[i])
				}
			}
		}
	}
}

// TestProductExponent holds the evidence for the exponent 14: the share of decimals that a product with each power of
// ten gets wrong.
func TestProductExponent(t *testing.T) {
	const n = 20000
	for k := 1; k <= 6; k++ {
		for e := k; e <= 18; e++ {
			misses := 0
			for d := 1; d <= n; d++ {
				// Each factor is rounded to float64 by itself, as in fromProducts.
				up, down := math.Pow10(e-k), 1/math.Pow10(e)
				if float64(d)*up*down != float64(d)/math.Pow10(k) {
					misses++
				}
			}
			if e == decimalsMax {
				require.Less(t, misses, n/100, "k=%d", k)
			} else {
				require.Greater(t, misses, n/10, "k=%d e=%d", k, e)
			}
		}
	}
}

func TestDecimalPlaces(t *testing.T) {
	for v, want := range map[float64]int{
		0: 0, 7: 0, -3: 0, 0.5: 1, 12.34: 2, -0.001: 3, 17e9: 0, 1e-14: 14, 1e-15: decimalsMax + 1, math.Pi: decimalsMax + 1, 1e300: decimalsMax + 1,
		math.Inf(1): decimalsMax + 1,
	} {
		require.Equal(t, want, decimalPlaces(v), "%v", v)
	}
	require.Equal(t, decimalsMax+1, decimalPlaces(math.Copysign(0, -1)))
	require.Equal(t, decimalsMax+1, decimalPlaces(math.NaN()))
}

func BenchmarkDecimals(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	ints, dst := make([]int64, 1024), make([]float64, 1024)
	for i := range ints {
		ints[i] = r.Int64N(10000)
	}
	for name, kernel := range map[string]func([]float64, []int64, int){"products": fromProducts, "quotients": fromQuotients, "ref": divisionsRef} {
		b.Run("kernel="+name, func(b *testing.B) {
			b.SetBytes(8 * 1024)
			for b.Loop() {
				kernel(dst, ints, 2)
			}
		})
	}
}
