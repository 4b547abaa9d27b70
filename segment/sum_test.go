package segment

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
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

// newRand returns a generator whose seed is in the log.
func newRand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := *seedFlag; s != 0 {
		seed = s
	}
	t.Logf("replay with -residual.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// extremes are the floats at the edges of the format.
func extremes() []float64 {
	edges := []float64{
		0, math.SmallestNonzeroFloat64, 0x1p-1022, 0x1.fffffffffffffp-1023, 0x1.fffffffffffffp-1022, 1, 1 - 0x1p-53, 1 + 0x1p-52, 0.1, 0.3, 1e22, 1e23,
		0x1p53, 0x1p53 + 2, 0x1p63, 0x1p511, 0x1p512, math.Pi, math.MaxFloat64, 0x1p1023, 17e9, 123.45, 0x1p-537, 0x1p-31, 0x1p-32, 0x1p-33, 0x1p31, 0x1p32,
	}
	for _, v := range edges {
		edges = append(edges, -v)
	}
	return edges
}

// randomFloat draws from several worlds: decimals, near-equal numbers, any finite bit pattern, edges.
func randomFloat(r *rand.Rand) float64 {
	switch r.IntN(5) {
	case 0:
		return math.Round(r.Float64()*1e5) / 100
	case 1:
		return math.Round(r.NormFloat64()*1e4) / 1000
	case 2:
		edges := extremes()
		return edges[r.IntN(len(edges))]
	case 3:
		return math.Ldexp(r.NormFloat64(), r.IntN(120)-60)
	}
	for {
		if v := math.Float64frombits(r.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
}

func TestSumIsItsDefinition(t *testing.T) {
	r := newRand(t)
	for range rounds(1000) {
		var got, left, right Sum
		var want sumRef
		for range r.IntN(20) {
			v := math.Abs(randomFloat(r))
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
	r := newRand(t)
	for range rounds(100) {
		n := 1 + r.IntN(1000)
		var s Sum
		exact, largest := new(big.Int), 0.0
		for range n {
			v := math.Abs(randomFloat(r))
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
	r := newRand(t)
	for range rounds(10000) {
		v, w := math.Abs(randomFloat(r)), math.Abs(randomFloat(r))
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
	require.Equal(t, math.MaxFloat64, s.mean(1<<31))
	require.True(t, math.IsInf(s.Float64(), 1))
}
