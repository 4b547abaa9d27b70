package exact

import (
	"math"
	"math/bits"
)

// gapMax is the largest distance of two exponents at which the difference of two mantissas fits in 128 bits.
const gapMax = 75

// residual returns |predicted-actual| as (hi * 2^64 + lo) * 2^x and whether the difference is negative, for any finite
// pair: nothing overflows and nothing underflows. It is exact while the exponents of the two are at most gapMax apart;
// beyond, it is cut off toward zero to a multiple of 2^(exponent of the larger - gapMax), which is 2^-126 of its value
// or less.
func residual(predicted, actual float64) (hi, lo uint64, x int, negative bool) {
	m, mx := mantissa(predicted)
	n, nx := mantissa(actual)
	if m == 0 {
		mx = nx
	}
	if n == 0 {
		nx = mx
	}
	negative = math.Signbit(predicted)
	opposite := negative != math.Signbit(actual) // the magnitudes add up
	if mx < nx || mx == nx && m < n {
		m, mx, n, nx = n, nx, m, mx
		negative = !math.Signbit(actual)
	}
	gap, borrow := uint(mx-nx), uint64(0)
	if gap > gapMax {
		down := gap - gapMax
		if n>>down<<down != n && !opposite {
			borrow = 1
		}
		n, nx, gap = n>>down, mx-gapMax, gapMax
	}
	if hi, lo = m>>1>>(63-gap&63), m<<gap; gap >= 64 {
		hi = m << (gap - 64)
	}
	var carry uint64
	if opposite {
		lo, carry = bits.Add64(lo, n, 0)
		return hi + carry, lo, nx, negative
	}
	lo, carry = bits.Sub64(lo, n, borrow)
	return hi - carry, lo, nx, negative
}

// square returns the leading 128 bits of the square of (hi * 2^64 + lo) * 2^x. All of it if hi is zero.
func square(hi, lo uint64, x int) (qhi, qlo uint64, qx int) {
	if hi == 0 {
		qhi, qlo = bits.Mul64(lo, lo)
		return qhi, qlo, 2 * x
	}
	w1, w0 := bits.Mul64(lo, lo)
	w3, w2 := bits.Mul64(hi, hi)
	crossHi, crossLo := bits.Mul64(hi, lo)
	for range 2 {
		var carry uint64
		w1, carry = bits.Add64(w1, crossLo, 0)
		w2, carry = bits.Add64(w2, crossHi, carry)
		w3 += carry
	}
	if qx = 2*x + 128; w3 == 0 { // then w2 is not
		w3, w2, w1, qx = w2, w1, w0, 2*x+64
	}
	n := bits.LeadingZeros64(w3)
	return w3<<n | w2>>1>>(63-n), w2<<n | w1>>1>>(63-n), qx - n
}
