package encoding

import (
	"math"
	"math/bits"

	"github.com/residualdb/residual/internal/digits"
)

// Most float64 columns were decimals before they were binary: v is the float64 nearest to d / 10^k, for a small k and
// an integer d. Storing d with another scaling for each block is the idea of ALP (Afroozeh, Kuffó, Boncz: Adaptive
// Lossless floating-Point compression, 2023), which decodes d * 10^f * 10^-e with exponents found by search. Here e is
// always 14: of all exponents of float64 it is the one whose negative power of ten is all but exact, so that at most 1%
// of decimals come out wrong where others miss 13 to 55% of them (TestProductExponent). Where even that misses, as with
// many digits, d / 10^k is always right, and slower.

const (
	// decimalsMax is the largest k.
	decimalsMax = 14

	// decimalLimit bounds d, so that rounding by adding roundMagic works.
	decimalLimit = 1 << 51
	roundMagic   = 3 << 51
)

const inverse14 = 1e-14

// fromProducts sets dst[i] to the decimal of k places that ints[i] stands for, as a product. len(ints) >= len(dst).
func fromProducts(dst []float64, ints []int64, k int) {
	up, down := digits.FloatTens[decimalsMax-k], inverse14
	if k == 0 {
		up, down = 1, 1
	}
	ints = ints[:len(dst)]
	for i := range dst {
		dst[i] = float64(ints[i]) * up * down
	}
}

// fromQuotients is fromProducts for the nearest float64 of the quotient. |ints[i]| <= 2^53. Equivalent: divisionsRef.
//
// A division takes as long as the rest of the loop four times over. Instead, n is multiplied by 1/10^k as the sum of
// two float64, of which FMA rounds only the result. It is off by less than 2^-105 of itself before that, and n/10^k is
// at least 2^-54 * 5^-14 > 2^-87 of itself away from where rounding changes: a tie M has 54 bits, and n - M*10^k is a
// multiple of the last bit of M times 2^k.
func fromQuotients(dst []float64, ints []int64, k int) {
	p := digits.FloatTens[k]
	high := 1 / p
	low := math.FMA(-high, p, 1) / p
	ints = ints[:len(dst)]
	for i := range dst {
		n := float64(ints[i])
		dst[i] = math.FMA(n, high, n*low)
	}
}

// toDecimal returns the d for which d / 10^k may be v. ok is false if it cannot be.
func toDecimal(v float64, k int) (d int64, ok bool) {
	scaled := v * digits.FloatTens[k]
	if !(math.Abs(scaled) < decimalLimit) {
		return 0, false
	}
	return int64(float64(scaled+roundMagic) - roundMagic), true
}

// decimalPlaces returns the least k for which v is a decimal of k places, decimalsMax+1 if there is none. -0 is none.
func decimalPlaces(v float64) int {
	for k := range decimalsMax + 1 {
		d, ok := toDecimal(v, k)
		if !ok {
			break
		}
		if math.Float64bits(float64(d)/digits.FloatTens[k]) == math.Float64bits(v) {
			return k
		}
	}
	return decimalsMax + 1
}

// sampleSize is the number of values that decide on the decimal places of a column.
const sampleSize = 32

// choosePlaces returns the number of decimal places at which a sample of v is stored in the fewest bits. ok is false if
// most of it is not decimal.
func choosePlaces(v []float64) (k int, ok bool) {
	var places [decimalsMax + 2]int
	sample := make([]float64, 0, sampleSize)
	for i := range min(len(v), sampleSize) {
		f := v[i*len(v)/min(len(v), sampleSize)]
		sample = append(sample, f)
		places[decimalPlaces(f)]++
	}
	best, fits := 64*len(sample), 0
	for n := range decimalsMax + 1 {
		if fits += places[n]; places[n] == 0 {
			continue
		}
		low, high := int64(math.MaxInt64), int64(math.MinInt64)
		for _, f := range sample {
			if d, fit := toDecimal(f, n); fit && math.Float64bits(float64(d)/digits.FloatTens[n]) == math.Float64bits(f) {
				low, high = min(low, d), max(high, d)
			}
		}
		misses := len(sample) - fits
		if cost := len(sample)*bits.Len64(uint64(high-low)) + misses*8*exceptionBytes; cost < best {
			best, k, ok = cost, n, true
		}
	}
	return k, ok
}
