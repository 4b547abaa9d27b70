package segment

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// rootRef returns the square root of v rounded to float64, by way of 3,000 bits.
func rootRef(v *big.Rat) float64 {
	f := new(big.Float).SetPrec(3000).SetRat(v)
	root, _ := f.Sqrt(f).Float64()
	return root
}

// exactSums are the moments that metrics are made of, free of any rounding.
type exactSums struct {
	n, percentRows                                      int64
	e, absE, squared, absA, a, aSquared, percent, symme *big.Rat
}

func exactSumsOf(rows []row) exactSums {
	rat := func() *big.Rat { return new(big.Rat) }
	s := exactSums{e: rat(), absE: rat(), squared: rat(), absA: rat(), a: rat(), aSquared: rat(), percent: rat(), symme: rat()}
	for _, row := range rows {
		if !row.known {
			continue
		}
		s.n++
		p, a := rat().SetFloat64(row.predicted), rat().SetFloat64(row.actual)
		e := rat().Sub(p, a)
		s.e.Add(s.e, e)
		s.squared.Add(s.squared, rat().Mul(e, e))
		e.Abs(e)
		s.absE.Add(s.absE, e)
		s.a.Add(s.a, a)
		s.aSquared.Add(s.aSquared, rat().Mul(a, a))
		size := rat().Abs(a)
		s.absA.Add(s.absA, size)
		if size.Sign() > 0 {
			s.percentRows++
			s.percent.Add(s.percent, rat().Quo(e, size))
		}
		if both := rat().Add(size, p.Abs(p)); both.Sign() > 0 {
			s.symme.Add(s.symme, both.Quo(e, both).Mul(both, big.NewRat(2, 1)))
		}
	}
	return s
}

func (s *exactSums) ratio(v *big.Rat, n int64) float64 {
	f, _ := new(big.Rat).Quo(v, big.NewRat(n, 1)).Float64()
	return f
}

func requireNear(t *testing.T, want, got float64, ulps float64) {
	t.Helper()
	if want == got {
		return
	}
	require.LessOrEqual(t, math.Abs(want-got), ulps*(math.Nextafter(math.Abs(want), math.Inf(1))-math.Abs(want)), "want %v, got %v", want, got)
}

func TestMetricsAgainstExactArithmetic(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(100) {
		rows := randomRows(r, 1+r.IntN(60))
		a, s := aggregateOf(rows), exactSumsOf(rows)
		if s.n == 0 {
			continue
		}
		requireNear(t, s.ratio(s.absE, s.n), a.MAE(), 1)
		requireNear(t, s.ratio(s.squared, s.n), a.MSE(), 1)
		requireNear(t, rootRef(new(big.Rat).Quo(s.squared, big.NewRat(s.n, 1))), a.RMSE(), 1)
		hundred := big.NewRat(100, 1)
		if v, ok := a.MAPE(); ok {
			requireNear(t, s.ratio(s.percent.Mul(s.percent, hundred), s.percentRows), v, 3)
		}
		if v, ok := a.WMAPE(); ok {
			want, _ := new(big.Rat).Quo(s.absE.Mul(s.absE, hundred), s.absA).Float64()
			requireNear(t, want, v, 3)
		}
		v, ok := a.SMAPE()
		require.True(t, ok)
		requireNear(t, s.ratio(s.symme.Mul(s.symme, hundred), s.n), v, 3)
	}
}

func TestBiasAndR2(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(100) {
		level := math.Ldexp(1, r.IntN(42)-10) * (r.Float64() - 0.3)
		rows := make([]row, 2+r.IntN(50))
		for i := range rows {
			actual := level + r.NormFloat64()
			rows[i] = row{predicted: actual + r.NormFloat64()*0.3, actual: actual, known: true}
		}
		a, s := aggregateOf(rows), exactSumsOf(rows)
		requireNear(t, s.ratio(s.e, s.n), a.Bias(), 1)

		spread := new(big.Rat).Mul(s.a, s.a)
		spread.Quo(spread, big.NewRat(s.n, 1))
		spread.Sub(s.aSquared, spread)
		got, ok := a.R2()
		require.Equal(t, spread.Sign() > 0, ok)
		if ok {
			ratio, _ := spread.Quo(s.squared, spread).Float64()
			require.InEpsilon(t, ratio, 1-got, 1e-9)
		}
	}
}

func TestMetricsWithoutAnAnswer(t *testing.T) {
	var none Aggregate
	none.Add(5, 1, 0, false)
	require.Zero(t, none.MAE())
	require.Zero(t, none.RMSE())
	require.Zero(t, none.Bias())
	_, ok := none.MAPE()
	require.False(t, ok)
	_, ok = none.SMAPE()
	require.False(t, ok)

	var zeros Aggregate
	zeros.Add(5, 0, 0, true)
	zeros.Add(6, 2, 0, true)
	_, ok = zeros.MAPE()
	require.False(t, ok)
	_, ok = zeros.WMAPE()
	require.False(t, ok)
	_, ok = zeros.R2()
	require.False(t, ok)
	v, ok := zeros.SMAPE()
	require.True(t, ok)
	require.Equal(t, 100.0, v)

	var vast Aggregate
	vast.Add(1, math.MaxFloat64, -math.MaxFloat64, true)
	require.True(t, math.IsInf(vast.MAE(), 1))
	require.True(t, math.IsInf(vast.RMSE(), 1))
	v, ok = vast.SMAPE()
	require.True(t, ok)
	require.Equal(t, 200.0, v)
	v, ok = vast.MAPE()
	require.True(t, ok)
	require.Equal(t, 200.0, v)
	vast.Add(2, 0, 0, true)
	require.Equal(t, math.MaxFloat64, vast.MAE())
}

func TestMetricsDoNotAllocate(t *testing.T) {
	a := aggregateOf(randomRows(random.Rand(t), 50))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		a.MAE()
		a.RMSE()
		a.Bias()
		a.R2()
		c := a
		a.Merge(&c)
	}))
}

func TestAbsErrorDeviation(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(200) {
		rows := randomRows(r, 1+r.IntN(30))
		a, s := aggregateOf(rows), exactSumsOf(rows)
		if s.n == 0 {
			continue
		}
		n := big.NewRat(s.n, 1)
		mean := new(big.Rat).Quo(s.absE, n)
		variance := new(big.Rat).Quo(s.squared, n)
		rms := rootRef(variance)
		want := rootRef(new(big.Rat).Sub(variance, mean.Mul(mean, mean)))
		if got := a.AbsErrorDeviation(); want != got {
			require.LessOrEqual(t, math.Abs(want-got), 1e-12*want+0x1p-44*rms, "want %v, got %v", want, got)
		}
	}
	var a Aggregate
	require.Zero(t, a.AbsErrorDeviation())
	a.Add(0, 1.7e10, 1.7e10-2, true)
	require.Zero(t, a.AbsErrorDeviation())
	a.Add(0, 1.7e10, 1.7e10+4, true)
	require.Equal(t, 1.0, a.AbsErrorDeviation())
}

// BenchmarkMetrics takes every metric of the rows of a block.
func BenchmarkMetrics(b *testing.B) {
	c := benchColumns()
	var a Aggregate
	a.AddUnordered(c, 0, 1024)
	for b.Loop() {
		a.MAE()
		a.MSE()
		a.RMSE()
		a.Bias()
		a.MAPE()
		a.WMAPE()
		a.SMAPE()
		a.R2()
		a.AbsErrorDeviation()
		a.RMSEStandardError()
	}
}
