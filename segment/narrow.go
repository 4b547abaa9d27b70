package segment

import "math/bits"

const narrowLimbs = 3

// narrow is the value of a [Sum]: a non-negative integer below 2^192, least limb first, times 2^exp.
type narrow struct {
	limb [narrowLimbs]uint64
	exp  int
}

// narrow returns the value of s with the carries between its bins resolved.
func (s *Sum) narrow() narrow {
	v := narrow{exp: binBits * (int(s.top) - (sumBins - 1))}
	var c uint64
	v.limb[0], c = bits.Add64(s.bins[0], s.bins[1]<<binBits, 0)
	v.limb[1], c = bits.Add64(s.bins[1]>>binBits, s.bins[2], c)
	v.limb[2] = c
	v.limb[1], c = bits.Add64(v.limb[1], s.bins[3]<<binBits, 0)
	v.limb[2] += s.bins[3]>>binBits + c
	return v
}

// minus returns |s-o| and whether the difference is negative. Bins of one below the window of the other are dropped, as
// they would be had both been one sum.
func (s *Sum) minus(o *Sum) (difference narrow, negative bool) {
	if s.top != o.top {
		a, b := *s, *o
		if b.bins[sumBins-1] != 0 {
			a.raise(int(b.top))
		}
		if a.bins[sumBins-1] != 0 {
			b.raise(int(a.top))
		}
		s, o = &a, &b
	}
	v, w := s.narrow(), o.narrow()
	difference = narrow{exp: v.exp}
	var borrow uint64
	for i := range v.limb {
		difference.limb[i], borrow = bits.Sub64(v.limb[i], w.limb[i], borrow)
	}
	if borrow == 0 {
		return difference, false
	}
	borrow = 0
	for i := range v.limb {
		difference.limb[i], borrow = bits.Sub64(w.limb[i], v.limb[i], borrow)
	}
	difference.exp = w.exp
	return difference, true
}

// mean returns the value over n rounded to nearest.
func (v narrow) mean(n uint64) float64 {
	if f, ok := v.lead().div(n).float64(); ok {
		return f
	}
	w := v.wide()
	q, cut := w.div(n)
	return q.float64(cut)
}
