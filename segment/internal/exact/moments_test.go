package exact

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/random"
)

// row is a prediction with its actual.
type row struct{ predicted, actual float64 }

func randomRows(r *rand.Rand, n int) []row {
	rows := make([]row, n)
	tame := r.IntN(2) == 0
	for i := range rows {
		p, a := random.Float(r), random.Float(r)
		if tame {
			p = math.Round(r.Float64()*1e4) / 100
			a = math.Round((p+r.NormFloat64())*100) / 100
		} else if r.IntN(2) == 0 {
			a = math.Nextafter(p, a)
		}
		rows[i] = row{p, a}
	}
	return rows
}

// sums are all that this package keeps of rows.
type sums struct {
	n uint64
	Errors
	quotients Quotients
	actual    Moments
}

func (s *sums) add(p, a float64) {
	s.n++
	s.Add(p, a)
	s.quotients.Add(p, a)
	s.actual.Add(a)
}

func sumsOf(rows []row) (s sums) {
	for _, row := range rows {
		s.add(row.predicted, row.actual)
	}
	return s
}

// errorRef returns e / 2^gridRef by definition: exact, but cut off toward zero where the exponents are more than gapMax
// apart.
func errorRef(predicted, actual float64) *big.Int {
	sign := func(v float64) *big.Int {
		n := exactRef(v)
		if v < 0 {
			n.Neg(n)
		}
		return n
	}
	e := sign(predicted)
	e.Sub(e, sign(actual))
	_, x := mantissa(predicted)
	_, y := mantissa(actual)
	if predicted != 0 && actual != 0 && max(x, y)-min(x, y) > gapMax {
		cut := uint(max(x, y) - gapMax - gridRef)
		negative := e.Sign() < 0
		e.Abs(e)
		e.Rsh(e, cut).Lsh(e, cut)
		if negative {
			e.Neg(e)
		}
	}
	return e
}

// squareRef returns v * v on the same grid as v, cut off to 128 leading bits, which no window can tell from all of
// them.
func squareRef(v *big.Int) *big.Int {
	q := new(big.Int).Mul(v, v)
	return q.Rsh(q, -gridRef)
}

// quarticRef returns the square of the leading 128 bits of the square of v, on the same grid.
func quarticRef(v *big.Int) *big.Int {
	q := squareRef(v)
	if cut := q.BitLen() - 128; cut > 0 {
		q.Rsh(q, uint(cut)).Lsh(q, uint(cut))
	}
	return squareRef(q)
}

// sumsRef is the definition of all sums, in math/big but for the two quotients, which are defined on float64.
func sumsRef(rows []row) sums {
	var s sums
	var over, under, squared, quartic, actualOver, actualUnder, actualSquared sumRef
	for _, row := range rows {
		s.n++
		e := errorRef(row.predicted, row.actual)
		if e.Sign() < 0 {
			under.add(new(big.Int).Neg(e))
		} else {
			over.add(e)
		}
		squared.add(squareRef(e))
		quartic.add(quarticRef(e))
		if row.actual < 0 {
			actualUnder.add(exactRef(row.actual))
		} else {
			actualOver.add(exactRef(row.actual))
		}
		actualSquared.add(squareRef(exactRef(row.actual)))
		quotientsRef(&s.quotients, row)
	}
	s.Errors = Errors{Moments{over.sum(), under.sum(), squared.sum()}, quartic.sum()}
	s.actual = Moments{actualOver.sum(), actualUnder.sum(), actualSquared.sum()}
	return s
}

func quotientsRef(a *Quotients, row row) {
	// Numbers with the exponent range of big.Float and the precision of float64 need no case for what float64 cannot
	// hold, except that they have no subnormals; a difference of float64s is exact where it is subnormal, so that is no
	// difference.
	float := func(v float64) *big.Float { return new(big.Float).SetPrec(53).SetFloat64(v) }
	e := float(0).Sub(float(row.predicted), float(row.actual))
	e.Abs(e)
	a.MaxAbsError = max(a.MaxAbsError, math.Abs(row.predicted-row.actual))
	add := func(s *Sum, v *big.Float) {
		m, _ := new(big.Float).SetMantExp(v, 53-v.MantExp(nil)).Uint64()
		s.add64(m, v.MantExp(nil)-53)
	}
	if row.actual != 0 {
		a.PercentRows++
		q := float(math.Abs(row.actual))
		add(&a.Percent, q.Quo(e, q))
	}
	if sum := float(0).Add(float(math.Abs(row.predicted)), float(math.Abs(row.actual))); sum.Sign() > 0 {
		q := sum.Quo(e, sum)
		add(&a.Symmetric, q.Mul(q, float(2)))
	}
}

func TestSumsAreTheirDefinition(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(700) {
		rows := randomRows(r, r.IntN(12))
		require.Equal(t, sumsRef(rows), sumsOf(rows), "%v", rows)
	}
}

// rootRef returns the square root of v rounded to float64, by way of 3,000 bits.
func rootRef(v *big.Rat) float64 {
	f := new(big.Float).SetPrec(3000).SetRat(v)
	root, _ := f.Sqrt(f).Float64()
	return root
}

func meanRef(v *big.Rat, n uint64) *big.Rat {
	return v.Quo(v, new(big.Rat).SetInt(new(big.Int).SetUint64(n)))
}

func TestAnswersAreCorrectlyRounded(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(500) {
		s := sumsOf(randomRows(r, 1+r.IntN(12)))
		absolute := s.absolute()
		mae, _ := meanRef(absolute.ratioRef(), s.n).Float64()
		mse, _ := meanRef(s.Squared.ratioRef(), s.n).Float64()
		require.Equal(t, mae, s.MeanAbs(s.n))
		require.Equal(t, mse, s.Squared.Mean(s.n))
		require.Equal(t, rootRef(meanRef(s.Squared.ratioRef(), s.n)), s.RootMeanSquare(s.n))
		mean, _ := meanRef(new(big.Rat).Sub(s.Over.ratioRef(), s.Under.ratioRef()), s.n).Float64()
		require.InDelta(t, mean, s.Mean(s.n), math.Abs(mean)*0x1p-52+s.MeanAbs(s.n)*0x1p-94)
	}
}

// spreadRef returns n * squares - sum^2, 0 if that is negative because bits of squares were dropped.
func spreadRef(sum, squares *big.Rat, n uint64) *big.Rat {
	spread := new(big.Rat).Mul(squares, new(big.Rat).SetInt(new(big.Int).SetUint64(n)))
	if spread.Sub(spread, new(big.Rat).Mul(sum, sum)); spread.Sign() < 0 {
		spread.SetInt64(0)
	}
	return spread
}

// TestSpreadsLoseNoDigit holds answers whose digits would cancel to those in rational numbers, of rows that vary as those
// of models do and of some that hardly vary.
func TestSpreadsLoseNoDigit(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(2000) {
		s := spreadSums(r, math.Ldexp(1, -r.IntN(50)))
		squared, quartic := s.Squared.ratioRef(), s.Quartic.ratioRef()
		n := new(big.Rat).SetInt(new(big.Int).SetUint64(s.n))

		absolute := s.absolute()
		spread := spreadRef(absolute.ratioRef(), squared, s.n)
		requireNear(t, rootRef(spread.Quo(spread, n).Quo(spread, n)), s.AbsDeviation(s.n), 1)

		difference, _ := s.Over.minus(&s.Under)
		spread = spreadRef(difference.ratioRef(), squared, s.n)
		requireNear(t, rootRef(spread.Quo(spread, n).Quo(spread, n)), s.Deviation(s.n), 1)

		spread = spreadRef(squared, quartic, s.n)
		spread.Quo(spread, new(big.Rat).Mul(squared, big.NewRat(4, 1))).Quo(spread, n).Quo(spread, n)
		requireNear(t, rootRef(spread), s.RootMeanSquareError(s.n), 3)

		level, _ := s.actual.Over.minus(&s.actual.Under)
		spread = spreadRef(level.ratioRef(), s.actual.Squared.ratioRef(), s.n)
		ratio, ok := s.SquaresRatio(&s.actual, s.n)
		require.Equal(t, spread.Sign() > 0, ok)
		if ok {
			want, _ := spread.Quo(new(big.Rat).Mul(squared, n), spread).Float64()
			requireNear(t, want, ratio, 3)
		}
	}
}

// ratioRef returns v as a rational number.
func (v *value) ratioRef() *big.Rat {
	n := new(big.Int)
	for i := len(v.limb) - 1; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(v.limb[i]))
	}
	ratio := new(big.Rat).SetInt(n)
	return ratio.Mul(ratio, powerRef(v.exp))
}

func requireNear(t *testing.T, want, got float64, ulps float64) {
	t.Helper()
	if want == got {
		return
	}
	require.LessOrEqual(t, math.Abs(want-got), ulps*(math.Nextafter(math.Abs(want), math.Inf(1))-math.Abs(want)), "want %v, got %v", want, got)
}

func TestSqrt128(t *testing.T) {
	r := random.Rand(t)
	check := func(hi, lo uint64) {
		v := new(big.Int).SetUint64(hi)
		v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(lo))
		require.Equal(t, v.Sqrt(v).Uint64(), sqrt128(hi, lo), "%x %x", hi, lo)
	}
	for range random.Cases(5000) {
		check(r.Uint64()>>r.IntN(64), r.Uint64())
		root := r.Uint64() | 1<<63
		sq := new(big.Int).SetUint64(root)
		sq.Mul(sq, sq)
		hi := new(big.Int).Rsh(sq, 64).Uint64()
		check(hi, sq.Uint64())
		check(hi, sq.Uint64()-1)
	}
	check(0, 0)
	check(0, 1)
	check(math.MaxUint64, math.MaxUint64)
	check(math.MaxUint64-1, 0)
	check(math.MaxUint64-1, 1)
}

func TestSqrtTellsWhatItCutOff(t *testing.T) {
	r := random.Rand(t)
	for range 1000 {
		square := value{limb: [valueLimbs]uint64{r.Uint64() | 1<<63}, exp: 2 * (r.IntN(100) - 50)}
		root := square.limb[0]
		square = square.mul(&square)
		square = square.shift(2 + 2*r.IntN(120))
		got, inexact := square.sqrt()
		require.Equal(t, root, got.limb[0])
		require.False(t, inexact)
		square.limb[0] |= 1
		got, inexact = square.sqrt()
		require.Equal(t, root, got.limb[0])
		require.True(t, inexact)
	}
}

// spreadSums are of actuals and errors that vary by about this share of themselves.
func spreadSums(r *rand.Rand, share float64) sums {
	var s sums
	level, noise := math.Ldexp(1, r.IntN(40)-10)*(1+r.Float64()), math.Ldexp(1, -r.IntN(10))
	for range 3 + r.IntN(60) {
		actual := level * (1 + share*r.NormFloat64())
		s.add(actual+level*noise*(share*r.NormFloat64()+1-share), actual)
	}
	return s
}

// TestMeanBesideTheMiddleOfTwoFloats goes where the last bit that was cut off decides.
func TestMeanBesideTheMiddleOfTwoFloats(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(3000) {
		n := 1 + r.Uint64()>>(32+r.IntN(32))
		target := math.Ldexp(1+r.Float64(), r.IntN(60)-30)
		half := (math.Nextafter(target, math.Inf(1)) - target) / 2
		var s, one Sum
		one.Add(target)
		one.Add(half)
		for i := range 32 {
			if n>>i&1 != 0 {
				s.Merge(&one)
			}
			c := one
			one.Merge(&c)
		}
		if r.IntN(2) == 0 {
			s.Add(target * math.Ldexp(r.Float64(), -50-r.IntN(30)))
		}
		want, _ := meanRef(s.ratioRef(), n).Float64()
		require.Equal(t, want, s.Mean(n))
	}
}

// TestBatch holds batches to the same rows one by one, also where the unit of a batch, judged by every eighth row, does
// not foresee the others: some do not fit, and some fit while their difference does not.
func TestBatch(t *testing.T) {
	r := random.Rand(t)
	check := func(rows []row) {
		t.Helper()
		var got sums
		var predicted, actual []float64
		var known columns.Bitmap
		var some []row
		for i, row := range rows {
			predicted, actual = append(predicted, row.predicted), append(actual, row.actual)
			known.Append(i, r.IntN(8) > 0)
			if known.Get(i) {
				some = append(some, row)
			}
		}
		var b Batch
		for from := 0; from < len(rows); {
			p, q, next := b.Next(predicted, actual, known, from, len(rows))
			got.n += uint64(len(p))
			b.AddErrors(&got.Errors, p, q, true)
			b.AddValues(&got.actual, q)
			for i := range p {
				got.quotients.Add(p[i], q[i])
			}
			from = next
		}
		require.Equal(t, sumsOf(some), got)
	}
	for range random.Cases(300) {
		check(randomRows(r, r.IntN(400)))
	}
	for _, most := range []float64{1.9, 3.9, 7.9, 1e3, 1e30} {
		rows := make([]row, 3*batchRows)
		for i := range rows {
			factor := 1.0
			if i%8 != 0 {
				factor = most
			}
			rows[i] = row{factor * (1 + r.Float64()/100), -factor * (1 + r.Float64()/100)}
		}
		check(rows)
	}
}
