package encode

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSignificantDigits holds the rounding to that of strconv, for numbers of all sizes, near halves and near powers of ten.
func TestSignificantDigits(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, 0))
	check := func(f float64, digits int) {
		want, err := strconv.ParseFloat(strconv.FormatFloat(f, 'e', digits-1, 64), 64)
		if err != nil {
			return // beyond the largest
		}
		if got := significant(f, digits); got != want {
			t.Fatalf("seed %d: %v to %d digits is %v and not %v", seed, f, digits, got, want)
		}
	}
	for range 300_000 {
		digits := 1 + random.IntN(DigitsMax)
		f := math.Float64frombits(random.Uint64())
		switch random.IntN(4) {
		case 0:
			f = random.NormFloat64() * math.Pow10(random.IntN(40)-20)
		case 1: // halves of the last digit
			f = (float64(random.Int64N(1e6)) + 0.5) * math.Pow10(random.IntN(30)-15)
		case 2:
			f = math.Pow10(random.IntN(60) - 30)
			f = math.Float64frombits(math.Float64bits(f) + uint64(random.IntN(5)) - 2)
		}
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			check(f, digits)
		}
	}
	require.True(t, math.IsNaN(significant(math.NaN(), 3)))
	require.True(t, math.IsInf(significant(math.Inf(-1), 3), -1))
	require.True(t, math.Signbit(significant(math.Copysign(0, -1), 3)))
	require.InDelta(t, 1.235e300, significant(1.23456e300, 4), 0)
}

func BenchmarkSignificantDigits(b *testing.B) {
	f := 0.123456789
	for b.Loop() {
		f += significant(f, 6) * 1e-9
	}
}
