package exact

import (
	"encoding/binary"
	"math"

	"github.com/residualdb/residual/internal/columns"
)

const (
	sumBins  = 4
	binBits  = 32
	binMask  = 1<<binBits - 1
	fracBits = 52
	fracMask = 1<<fracBits - 1
	expMask  = 0x7ff

	// leastExp is the exponent of the least bit of a subnormal: a float64 is its mantissa times
	// 2^(max(field,1)+leastExp-1).
	leastExp = -1074

	// leastNormal is the least float64 that is not subnormal.
	leastNormal = 0x1p-1022
)

// Sum is the exact sum of non-negative numbers, the same bits for every order and grouping of [Sum.Add] and
// [Sum.Merge].
//
// The real line is cut into bins of 32 bits: bin b collects bits [32b, 32b+32) of every addend, without carries between
// bins. Only the window of the top four bins is kept, up to the highest one that ever received a bit; bits below the
// window are dropped, and the window only moves up. What an addend gives to a bin depends on that addend alone, and a
// bin of the final window was inside the window, or above it and empty, at every earlier moment. So the state depends
// on the multiset of addends and on nothing else.
//
// At most 2^32 addends fit. Their sum is short of the exact one by less than n * 2^-96 of the largest. Exponents have
// no limit that squares or quotients of float64 could reach. The zero Sum is empty, and equal Sums compare equal with
// ==.
type Sum struct {
	bins [sumBins]uint64 // bins[i] is bin top-3+i. bins[3] is zero only if the Sum is empty.
	top  int32           // zero if empty
}

// Add adds a finite v >= 0.
func (s *Sum) Add(v float64) {
	m, x := mantissa(v)
	s.add64(m, x)
}

// Merge adds all that o holds. It takes the same bins as adding o's addends one by one.
func (s *Sum) Merge(o *Sum) {
	if o.empty() {
		return
	}
	if s.top == o.top {
		s.bins[0] += o.bins[0]
		s.bins[1] += o.bins[1]
		s.bins[2] += o.bins[2]
		s.bins[3] += o.bins[3]
		return
	}
	s.addBins(int(o.top)-(sumBins-1), o.bins[:])
}

// Float64 returns the sum rounded to nearest, +Inf if it is beyond float64.
func (s *Sum) Float64() float64 {
	v := s.value()
	return v.float64(false)
}

// Mean returns the sum over n rounded to nearest, 0 for n = 0.
func (s *Sum) Mean(n uint64) float64 {
	v := s.value()
	return v.mean(n)
}

// empty tells whether nothing but zeros was added.
func (s *Sum) empty() bool { return s.bins[sumBins-1] == 0 }

// addQuotient adds v/w, rounded to 53 bits whatever its exponent, for finite v >= 0 and w > 0.
func (s *Sum) addQuotient(v, w float64) {
	// The quotient leastNormal may have been rounded up from a subnormal one, which has fewer bits.
	if q := v / w; q > leastNormal && q <= math.MaxFloat64 {
		s.Add(q)
		return
	}
	m, x := mantissa(v)
	n, y := mantissa(w)
	q, z := mantissa(float64(m) / float64(n))
	s.add64(q, x-y+z)
}

// add64 adds m * 2^x.
func (s *Sum) add64(m uint64, x int) {
	if m == 0 {
		return
	}
	r := uint(x) & (binBits - 1)
	lo, hi := m<<r, m>>1>>(63-r)
	digits := [3]uint64{lo & binMask, lo >> binBits, hi}
	s.addBins(x>>5, digits[:])
}

// add128 adds (hi * 2^64 + lo) * 2^x.
func (s *Sum) add128(hi, lo uint64, x int) {
	r := uint(x) & (binBits - 1)
	carry := hi >> 1 >> (63 - r)
	hi = hi<<r | lo>>1>>(63-r)
	lo <<= r
	digits := [5]uint64{lo & binMask, lo >> binBits, hi & binMask, hi >> binBits, carry}
	s.addBins(x>>5, digits[:])
}

// addBins adds digits[i] to bin low+i. Raising the window to the highest digit that is not zero is what keeps the top
// bin touched.
func (s *Sum) addBins(low int, digits []uint64) {
	n := len(digits)
	for n > 0 && digits[n-1] == 0 {
		n--
	}
	if n == 0 {
		return
	}
	s.raise(low + n - 1)
	shift := low - (int(s.top) - (sumBins - 1)) // digits[i] belongs to bins[i+shift]
	for i := max(0, -shift); i < n; i++ {
		s.bins[(i+shift)&(sumBins-1)] += digits[i]
	}
}

// raise moves the window up so that its top bin is at least top, dropping the bins that leave it.
func (s *Sum) raise(top int) {
	if s.empty() {
		s.top = int32(top)
		return
	}
	up := top - int(s.top)
	if up <= 0 {
		return
	}
	s.top = int32(top)
	for i := range s.bins {
		s.bins[i] = 0
		if i+up < sumBins {
			s.bins[i] = s.bins[i+up]
		}
	}
}

// mantissa splits the magnitude of a finite v into m * 2^x, m < 2^53.
func mantissa(v float64) (m uint64, x int) {
	b := math.Float64bits(v)
	m, x = b&fracMask, int(b>>fracBits)&expMask
	if x == 0 {
		return m, leastExp
	}
	return m | 1<<fracBits, x + leastExp - 1
}

const (
	// No sum of fourth powers or quotients of float64 has its top bin beyond these, carries aside.
	binLowest  = -140
	binHighest = 140
)

// AppendTo appends s in its stored form: the number of its bins (1 byte, 0 if empty, without the zero bins at its low
// end), then its top (varint) and the bins from the top down (uvarint each). Equal Sums have equal bytes.
func (s *Sum) AppendTo(dst []byte) []byte {
	low := 0
	for low < sumBins && s.bins[low] == 0 {
		low++
	}
	dst = append(dst, byte(sumBins-low))
	if low == sumBins {
		return dst
	}
	dst = binary.AppendVarint(dst, int64(s.top))
	for i := sumBins - 1; i >= low; i-- {
		dst = binary.AppendUvarint(dst, s.bins[i])
	}
	return dst
}

// Decode sets an empty s to a stored sum of at most n addends.
func (s *Sum) Decode(c *columns.Cursor, n uint64) {
	count := int(c.Uint8())
	if count > sumBins {
		c.Fail("sum of too many bins")
	}
	if count == 0 || c.Err != nil {
		return
	}
	top := c.Varint()
	for i := range count {
		s.bins[sumBins-1-i] = c.Uvarint()
		if s.bins[sumBins-1-i] > n*binMask {
			c.Fail("bin beyond its addends")
		}
	}
	if top < binLowest || top > binHighest || s.bins[sumBins-1] == 0 || s.bins[sumBins-count] == 0 {
		c.Fail("sum out of form")
	}
	s.top = int32(top)
}
