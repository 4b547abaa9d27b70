package exact

import (
	"math"
	"math/bits"
)

// valueLimbs are 384 bits. The sum of 2^32 numbers is below 2^161 in units of the lowest bit that a [Sum] keeps of them.
// Its square, and n times a sum of squares in the same unit, are below 2^322.
const valueLimbs = 6

// value is a non-negative integer, least limb first, times 2^exp. It has room for every intermediate result of an
// answer, so that each answer is rounded once.
type value struct {
	limb [valueLimbs]uint64
	exp  int
}

// value returns the value of s, with the carries between its bins resolved.
func (s *Sum) value() value {
	v := value{exp: binBits * (int(s.top) - (sumBins - 1))}
	var c uint64
	v.limb[0], c = bits.Add64(s.bins[0], s.bins[1]<<binBits, 0)
	v.limb[1], c = bits.Add64(s.bins[1]>>binBits, s.bins[2], c)
	v.limb[2] = c
	v.limb[1], c = bits.Add64(v.limb[1], s.bins[3]<<binBits, 0)
	v.limb[2] += s.bins[3]>>binBits + c
	return v
}

// minus returns |s-o| and whether the difference is negative. Bins of one Sum that lie below the window of the other
// are dropped, as they are when the two are merged.
func (s *Sum) minus(o *Sum) (difference value, negative bool) {
	a, b := *s, *o
	if !b.empty() {
		a.raise(int(b.top))
	}
	if !a.empty() {
		b.raise(int(a.top))
	}
	v, w := a.value(), b.value()
	if v.less(&w) {
		return w.sub(&v), true
	}
	return v.sub(&w), false
}

// mean returns the value over n rounded to nearest, 0 for n = 0.
func (v *value) mean(n uint64) float64 {
	if n == 0 {
		return 0
	}
	q, cut := v.div(n)
	return q.float64(cut)
}

// over returns v/o within two units in the last place, for o > 0.
func (v *value) over(o *value) float64 {
	m, x := v.round(fracBits+1, false)
	n, y := o.round(fracBits+1, false)
	return math.Ldexp(float64(m)/float64(n), x-y)
}

// less compares the integers, not the exponents, which must be equal.
func (v *value) less(o *value) bool {
	for i := valueLimbs - 1; i >= 0; i-- {
		if v.limb[i] != o.limb[i] {
			return v.limb[i] < o.limb[i]
		}
	}
	return false
}

// sub returns v-o for o <= v with equal exponents.
func (v *value) sub(o *value) value {
	d := value{exp: v.exp}
	var borrow uint64
	for i := range v.limb {
		d.limb[i], borrow = bits.Sub64(v.limb[i], o.limb[i], borrow)
	}
	return d
}

// mul returns v*o, which must fit.
func (v *value) mul(o *value) value {
	p := value{exp: v.exp + o.exp}
	for i, x := range v.limb {
		var carry uint64
		for j := 0; x != 0 && i+j < valueLimbs; j++ {
			hi, lo := bits.Mul64(x, o.limb[j])
			var c uint64
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			p.limb[i+j], c = bits.Add64(p.limb[i+j], lo, 0)
			carry = hi + c
		}
	}
	return p
}

// scale returns v*n, which must fit.
func (v *value) scale(n uint64) value {
	p := value{exp: v.exp}
	var carry uint64
	for i, x := range v.limb {
		hi, lo := bits.Mul64(x, n)
		var c uint64
		p.limb[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	return p
}

// shift returns the same value with an exponent that is smaller by n >= 0. The integer must have n bits of room.
func (v *value) shift(n int) value {
	s := value{exp: v.exp - n}
	for i := range s.limb {
		s.limb[i] = v.bitsAt(64*i - n)
	}
	return s
}

// div returns v/n, cut off behind at least 128 significant bits, and whether anything but zeros was cut off. The
// integer must be below 2^256.
func (v *value) div(n uint64) (quotient value, inexact bool) {
	used := v.bitLen()
	quotient = v.shift(max(128+64-used, 0))
	rest := uint64(0)
	for i := (max(used, 128+64) - 1) / 64; i >= 0; i-- { // limbs above are zero
		quotient.limb[i], rest = bits.Div64(rest, quotient.limb[i], n)
	}
	return quotient, rest != 0
}

// sqrt returns the square root of v, cut off behind 64 bits, and whether anything but zeros was cut off.
func (v *value) sqrt() (root value, inexact bool) {
	n := v.bitLen()
	if (n+v.exp)&1 != 0 {
		n++
	}
	hi, lo := v.bitsAt(n-64), v.bitsAt(n-128)
	r := sqrt128(hi, lo)
	sqHi, sqLo := bits.Mul64(r, r)
	return value{limb: [valueLimbs]uint64{r}, exp: (v.exp + n - 128) / 2}, sqHi != hi || sqLo != lo || v.anyBelow(n-128)
}

// sqrt128 returns the integer square root of hi * 2^64 + lo. Its estimate is the root of a float64 and off by 2^11 or
// so; one step of Newton's brings it within one.
func sqrt128(hi, lo uint64) uint64 {
	if hi|lo == 0 {
		return 0
	}
	r := uint64(math.MaxUint64)
	if f := math.Sqrt(float64(hi)*0x1p64 + float64(lo)); f < 0x1p64 {
		r = uint64(f)
	}
	if hi < r {
		q, _ := bits.Div64(hi, lo, r)
		mean, carry := bits.Add64(r, q, 0)
		r = mean>>1 | carry<<63
	}
	exceeds := func(r uint64) bool {
		sqHi, sqLo := bits.Mul64(r, r)
		return sqHi > hi || sqHi == hi && sqLo > lo
	}
	for exceeds(r) {
		r--
	}
	for r != math.MaxUint64 && !exceeds(r+1) {
		r++
	}
	return r
}

// bitLen returns the position after the leading one bit.
func (v *value) bitLen() int {
	for i := valueLimbs - 1; i >= 0; i-- {
		if v.limb[i] != 0 {
			return 64*i + bits.Len64(v.limb[i])
		}
	}
	return 0
}

// bitsAt returns the 64 bits from position pos on. Positions outside, negative ones too, hold zeros.
func (v *value) bitsAt(pos int) uint64 {
	i, r := pos>>6, uint(pos)&63
	var word uint64
	if uint(i) < valueLimbs {
		word = v.limb[i] >> r
	}
	if uint(i+1) < valueLimbs {
		word |= v.limb[i+1] << 1 << (63 - r)
	}
	return word
}

// anyBelow tells whether a bit below position pos is set.
func (v *value) anyBelow(pos int) bool {
	for i := 0; i < valueLimbs && 64*i < pos; i++ {
		if rest := pos - 64*i; v.limb[i]<<(64-min(rest, 64)) != 0 {
			return true
		}
	}
	return false
}

// round returns the value rounded to the given number of bits, half to even, as m * 2^exp. inexact says that the value
// is a little more than v.
func (v *value) round(precision int, inexact bool) (m uint64, exp int) {
	cut := v.bitLen() - precision
	if cut <= 0 {
		return v.limb[0], v.exp
	}
	m = v.bitsAt(cut) & (1<<precision - 1)
	half := v.bitsAt(cut-1)&1 != 0
	if half && (inexact || m&1 != 0 || v.anyBelow(cut-1)) {
		m++
	}
	return m, v.exp + cut
}

// float64 returns the value rounded to nearest, half to even, also where it is subnormal; +Inf if it is beyond float64.
func (v *value) float64(inexact bool) float64 {
	leading := v.bitLen() - 1 + v.exp // exponent of the leading bit
	precision := fracBits + 1
	if leading < leastExp+fracBits {
		precision = max(leading-leastExp+1, 0)
	}
	if leading < leastExp-1 {
		return 0
	}
	m, exp := v.round(precision, inexact)
	return math.Ldexp(float64(m), exp)
}
