package segment

import (
	"math"
	"math/bits"
)

const (
	wideLimbs = 8
	wideBits  = 64 * wideLimbs
)

// wide is a non-negative integer below 2^512, least limb first, times 2^exp. It has room for every intermediate result
// of an answer, so that each answer is rounded once.
type wide struct {
	limb [wideLimbs]uint64
	exp  int
}

// wide returns the same value.
func (v narrow) wide() wide {
	w := wide{exp: v.exp}
	copy(w.limb[:], v.limb[:])
	return w
}

// less compares the integers, not the exponents, which must be equal.
func (w *wide) less(o *wide) bool {
	for i := wideLimbs - 1; i >= 0; i-- {
		if w.limb[i] != o.limb[i] {
			return w.limb[i] < o.limb[i]
		}
	}
	return false
}

// sub returns w-o for o <= w with equal exponents.
func (w *wide) sub(o *wide) wide {
	d := wide{exp: w.exp}
	var borrow uint64
	for i := range w.limb {
		d.limb[i], borrow = bits.Sub64(w.limb[i], o.limb[i], borrow)
	}
	return d
}

// mul returns w*o, which must fit.
func (w *wide) mul(o *wide) wide {
	p := wide{exp: w.exp + o.exp}
	for i, x := range w.limb {
		var carry uint64
		for j := 0; x != 0 && i+j < wideLimbs; j++ {
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

// scale returns w*n, which must fit.
func (w *wide) scale(n uint64) wide {
	p := wide{exp: w.exp}
	var carry uint64
	for i, x := range w.limb {
		hi, lo := bits.Mul64(x, n)
		var c uint64
		p.limb[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	return p
}

// shift returns the same value with an exponent that is smaller by n >= 0. The integer must have n bits of room.
func (w *wide) shift(n int) wide {
	s := wide{exp: w.exp - n}
	for i := range s.limb {
		s.limb[i] = w.bitsAt(64*i - n)
	}
	return s
}

// div returns w/n, cut off behind at least 128 significant bits, and whether anything but zeros was cut off. The
// integer must be below 2^256.
func (w *wide) div(n uint64) (quotient wide, inexact bool) {
	used := w.bitLen()
	quotient = w.shift(max(128+64-used, 0))
	rest := uint64(0)
	for i := (max(used, 128+64) - 1) / 64; i >= 0; i-- { // limbs above are zero
		quotient.limb[i], rest = bits.Div64(rest, quotient.limb[i], n)
	}
	return quotient, rest != 0
}

// sqrt returns the square root of w, cut off behind 64 bits, and whether anything but zeros was cut off.
func (w *wide) sqrt() (root wide, inexact bool) {
	n := w.bitLen()
	if (n+w.exp)&1 != 0 {
		n++
	}
	hi, lo := w.bitsAt(n-64), w.bitsAt(n-128)
	r := sqrt128(hi, lo)
	sqHi, sqLo := bits.Mul64(r, r)
	return wide{limb: [wideLimbs]uint64{r}, exp: (w.exp + n - 128) / 2}, sqHi != hi || sqLo != lo || w.anyBelow(n-128)
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
func (w *wide) bitLen() int {
	for i := wideLimbs - 1; i >= 0; i-- {
		if w.limb[i] != 0 {
			return 64*i + bits.Len64(w.limb[i])
		}
	}
	return 0
}

// bitsAt returns the 64 bits from position pos on. Positions outside, negative ones too, hold zeros.
func (w *wide) bitsAt(pos int) uint64 {
	i, r := pos>>6, uint(pos)&63
	var v uint64
	if uint(i) < wideLimbs {
		v = w.limb[i] >> r
	}
	if uint(i+1) < wideLimbs {
		v |= w.limb[i+1] << 1 << (63 - r)
	}
	return v
}

// anyBelow tells whether a bit below position pos is set.
func (w *wide) anyBelow(pos int) bool {
	for i := 0; i < wideLimbs && 64*i < pos; i++ {
		if rest := pos - 64*i; w.limb[i]<<(64-min(rest, 64)) != 0 {
			return true
		}
	}
	return false
}

// round returns the value rounded to the given number of bits, half to even, as m * 2^exp. inexact says that the value
// is a little more than w.
func (w *wide) round(precision int, inexact bool) (m uint64, exp int) {
	cut := w.bitLen() - precision
	if cut <= 0 {
		return w.limb[0], w.exp
	}
	m = w.bitsAt(cut) & (1<<precision - 1)
	half := w.bitsAt(cut-1)&1 != 0
	if half && (inexact || m&1 != 0 || w.anyBelow(cut-1)) {
		m++
	}
	return m, w.exp + cut
}

// float64 returns the value rounded to nearest, half to even, also where it is subnormal; +Inf if it is beyond float64.
func (w *wide) float64(inexact bool) float64 {
	leading := w.bitLen() - 1 + w.exp // exponent of the leading bit
	precision := fracBits + 1
	if leading < leastExp+fracBits {
		precision = max(leading-leastExp+1, 0)
	}
	if leading < leastExp-1 {
		return 0
	}
	m, exp := w.round(precision, inexact)
	return math.Ldexp(float64(m), exp)
}
