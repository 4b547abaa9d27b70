package segment

import (
	"math"
	"math/bits"
)

// lead is the leading 128 bits of a number above zero, cut off: (hi * 2^64 + lo) * 2^exp, where the top bit of hi is set.
// It is zero if hi is. Its operations are the quick ways to answers that [wide] has the exact ones to. Each is off by a
// few units of the last place, of 128 bits, or of 64 where it says so; [lead.float64] then tells whether that can
// matter.
type lead struct {
	hi, lo uint64
	exp    int
}

const (
	// leadSlack is more than an answer's 64 bits are off by: a root and a quotient are short of the exact one by less
	// than a unit each, and what goes into them by less than another one. A shift doubles it at most.
	leadSlack = 8

	// leadCancelled is how many leading bits a difference may lose: then 76 of the 128 are still right.
	leadCancelled = 48

	leadDropped = 64 - (fracBits + 1) // bits of hi that a float64 has no room for
	expBias     = 1023
)

// lead returns the leading bits of v.
func (v narrow) lead() lead {
	w2, w1, w0, exp := v.limb[2], v.limb[1], v.limb[0], v.exp+64
	if w2 == 0 {
		w2, w1, w0, exp = w1, w0, 0, exp-64
		if w2 == 0 {
			w2, w1, exp = w1, 0, exp-64
		}
	}
	n := uint(bits.LeadingZeros64(w2)) & 63
	return lead{w2<<n | w1>>1>>(63-n), w1<<n | w0>>1>>(63-n), exp - int(n)}
}

// scale returns v*n for n > 0.
func (v lead) scale(n uint64) lead {
	carry, lo := bits.Mul64(v.lo, n)
	top, mid := bits.Mul64(v.hi, n)
	mid, c := bits.Add64(mid, carry, 0)
	return narrow{[narrowLimbs]uint64{lo, mid, top + c}, v.exp}.lead()
}

// square returns v*v.
func (v lead) square() lead {
	w3, w2 := bits.Mul64(v.hi, v.hi)
	cross, w1 := bits.Mul64(v.hi, v.lo)
	w2, c := bits.Add64(w2, cross<<1|w1>>63, 0)
	return narrow{[narrowLimbs]uint64{w1 << 1, w2, w3 + cross>>63 + c}, 2*v.exp + 64}.lead()
}

// minus returns v-o. ok is false if that is not above zero, or small beside v.
func (v lead) minus(o lead) (difference lead, ok bool) {
	up := v.exp - o.exp
	if up < 0 {
		return lead{}, false
	}
	switch {
	case up >= 128:
		o = lead{}
	case up >= 64:
		o.hi, o.lo = 0, o.hi>>(up-64)
	default:
		o.hi, o.lo = o.hi>>up, o.lo>>up|o.hi<<1<<(63-up)
	}
	lo, borrow := bits.Sub64(v.lo, o.lo, 0)
	hi, borrow := bits.Sub64(v.hi, o.hi, borrow)
	n := bits.LeadingZeros64(hi)
	if borrow != 0 || n > leadCancelled {
		return lead{}, false
	}
	return lead{hi<<n | lo>>1>>(63-n), lo << n, v.exp - n}, true
}

// div returns 64 bits of v/n for n > 0.
func (v lead) div(n uint64) lead {
	k := bits.LeadingZeros64(n)
	n <<= k
	if v.hi >= n {
		v.hi, v.lo, v.exp = v.hi>>1, v.lo>>1|v.hi<<63, v.exp+1
	}
	q, _ := bits.Div64(v.hi, v.lo, n)
	return lead{q, 0, v.exp + k - 64}
}

// sqrt returns 64 bits of the square root of v.
func (v lead) sqrt() lead {
	if v.exp&1 != 0 {
		v.hi, v.lo, v.exp = v.hi>>1, v.lo>>1|v.hi<<63, v.exp+1
	}
	return lead{sqrt128(v.hi, v.lo), 0, v.exp/2 - 64}
}

// float64 returns v rounded to nearest. ok is false where v is too close to the middle of two floats to say which is
// nearest, or is no normal float64.
func (v lead) float64() (f float64, ok bool) {
	leading := v.exp + 127
	beyondHalf := v.hi&(1<<leadDropped-1) - 1<<(leadDropped-1)
	if v.hi>>63 == 0 || beyondHalf+leadSlack <= 2*leadSlack || leading <= 1-expBias || leading >= expBias {
		return 0, false
	}
	m := v.hi>>leadDropped + v.hi>>(leadDropped-1)&1
	return math.Float64frombits(uint64(leading+expBias-1)<<fracBits + m), true
}

// over returns v/o as wide.over does. ok is false where it may not be that.
func (v lead) over(o lead) (quotient float64, ok bool) {
	f, ok1 := v.float64()
	g, ok2 := o.float64()
	quotient = f / g
	return quotient, ok1 && ok2 && quotient >= leastNormal && quotient <= math.MaxFloat64
}
