package exact

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// sumRef is the documented definition of a Sum over exact numbers: bins of 32 bits on an absolute grid, the window of
// the top four.
type sumRef struct {
	bins map[int]uint64
}

// gridRef is the exponent of the grid that all oracles count on, a multiple of 32 below every bit that can occur.
const gridRef = -4352

// add adds v * 2^gridRef.
func (s *sumRef) add(v *big.Int) {
	if s.bins == nil {
		s.bins = map[int]uint64{}
	}
	for i, word := range v.Bits() {
		for half := range 2 {
			if digit := uint64(word) >> (32 * half) & math.MaxUint32; digit != 0 {
				s.bins[2*i+half+gridRef/32] += digit
			}
		}
	}
}

func (s *sumRef) sum() Sum {
	var sum Sum
	first := true
	for b := range s.bins {
		if first || int32(b) > sum.top {
			sum.top, first = int32(b), false
		}
	}
	for i := range sum.bins {
		sum.bins[i] = s.bins[int(sum.top)-3+i]
	}
	return sum
}

// exactRef returns |v| / 2^gridRef.
func exactRef(v float64) *big.Int {
	f := new(big.Float).SetPrec(64).SetMantExp(big.NewFloat(math.Abs(v)), -gridRef)
	n, accuracy := f.Int(nil)
	if accuracy != big.Exact {
		panic("BUG: the oracle's grid is too coarse")
	}
	return n
}

// ratioRef returns s as a rational number.
func (s *Sum) ratioRef() *big.Rat {
	total := new(big.Rat)
	for i, bin := range s.bins {
		v := new(big.Rat).SetInt(new(big.Int).SetUint64(bin))
		total.Add(total, v.Mul(v, powerRef(binBits*(int(s.top)-3+i))))
	}
	return total
}

// powerRef returns 2^x.
func powerRef(x int) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(max(x, -x))))
	if x < 0 {
		p.Inv(p)
	}
	return p
}

func TestSumIsItsDefinition(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(1000) {
		var got, left, right Sum
		var want sumRef
		for range r.IntN(20) {
			v := math.Abs(random.Float(r))
			got.Add(v)
			want.add(exactRef(v))
			if r.IntN(2) == 0 {
				left.Add(v)
			} else {
				right.Add(v)
			}
		}
		require.Equal(t, want.sum(), got)
		right.Merge(&left)
		require.Equal(t, got, right)
		exact, _ := got.ratioRef().Float64()
		require.Equal(t, exact, got.Float64())
	}
}

func TestSumErrorBound(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(100) {
		n := 1 + r.IntN(1000)
		var s Sum
		exact, largest := new(big.Int), 0.0
		for range n {
			v := math.Abs(random.Float(r))
			s.Add(v)
			exact.Add(exact, exactRef(v))
			largest = max(largest, v)
		}
		short := new(big.Rat).SetInt(exact)
		short.Mul(short, powerRef(gridRef))
		short.Sub(short, s.ratioRef())
		require.GreaterOrEqual(t, short.Sign(), 0)
		bound := new(big.Rat).SetFloat64(largest)
		bound.Mul(bound, powerRef(-96)).Mul(bound, new(big.Rat).SetInt64(int64(n)))
		require.LessOrEqual(t, short.Cmp(bound), 0)
	}
}

func TestSumAddQuotient(t *testing.T) {
	r := random.Rand(t)
	// The first quotient is rounded up to the least normal number where it is a float64.
	pairs := [][2]float64{{0x1.fffffffffffffp-1022, 2}, {0x1p-1022, 1}, {math.MaxFloat64, 1}, {math.MaxFloat64, 0.5}}
	for range random.Cases(10000) {
		pairs = append(pairs, [2]float64{math.Abs(random.Float(r)), math.Abs(random.Float(r))})
	}
	for _, pair := range pairs {
		v, w := pair[0], pair[1]
		if w == 0 {
			continue
		}
		var got, want Sum
		got.addQuotient(v, w)
		m, x := mantissa(v)
		n, y := mantissa(w)
		q, z := mantissa(float64(m) / float64(n))
		want.add64(q, x-y+z)
		require.Equal(t, want, got, "%v / %v", v, w)
	}
}

func TestSumHeadroom(t *testing.T) {
	var s Sum
	s.Add(math.MaxFloat64)
	for range 31 {
		c := s
		s.Merge(&c)
	}
	require.Equal(t, math.MaxFloat64, s.Mean(1<<31))
	require.True(t, math.IsInf(s.Float64(), 1))
}
