package segment

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// row is one prediction in tests.
type row struct {
	ts                int64
	predicted, actual float64
	known             bool
}

func randomRows(r *rand.Rand, n int) []row {
	rows := make([]row, n)
	tame := r.IntN(2) == 0
	for i := range rows {
		p, a := randomFloat(r), randomFloat(r)
		if tame {
			p = math.Round(r.Float64()*1e4) / 100
			a = math.Round((p+r.NormFloat64())*100) / 100
		} else if r.IntN(2) == 0 {
			a = math.Nextafter(p, a)
		}
		rows[i] = row{ts: r.Int64N(1e6), predicted: p, actual: a, known: r.IntN(8) > 0}
	}
	return rows
}

func aggregateOf(rows []row) Aggregate {
	var a Aggregate
	for _, row := range rows {
		a.Add(row.ts, row.predicted, row.actual, row.known)
	}
	return a
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

// aggregateRef is the definition of an Aggregate, in math/big but for the two quotients, which are defined on float64.
func aggregateRef(rows []row) Aggregate {
	var a Aggregate
	var over, under, squared, quartic, actualOver, actualUnder, actualSquared sumRef
	for i, row := range rows {
		if i == 0 {
			a.MinTime, a.MaxTime = row.ts, row.ts
		}
		a.Rows++
		a.MinTime, a.MaxTime = min(a.MinTime, row.ts), max(a.MaxTime, row.ts)
		if !row.known {
			continue
		}
		if a.Actuals == 0 {
			a.ActualMinTime, a.ActualMaxTime = row.ts, row.ts
		}
		a.Actuals++
		a.ActualMinTime, a.ActualMaxTime = min(a.ActualMinTime, row.ts), max(a.ActualMaxTime, row.ts)
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
		quotientsRef(&a, row)
	}
	a.Over, a.Under, a.Squared = over.sum(), under.sum(), squared.sum()
	a.Quartic = quartic.sum()
	a.ActualOver, a.ActualUnder, a.ActualSquared = actualOver.sum(), actualUnder.sum(), actualSquared.sum()
	return a
}

func quotientsRef(a *Aggregate, row row) {
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

func TestAggregateIsItsDefinition(t *testing.T) {
	r := newRand(t)
	for range rounds(700) {
		rows := randomRows(r, r.IntN(12))
		require.Equal(t, aggregateRef(rows), aggregateOf(rows), "%v", rows)
	}
}

func TestAggregateIgnoresOrderAndGrouping(t *testing.T) {
	r := newRand(t)
	for range rounds(100) {
		rows := randomRows(r, r.IntN(300))
		want := aggregateOf(rows)
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		groups := make([]Aggregate, 1+r.IntN(20))
		for _, row := range rows {
			g := &groups[r.IntN(len(groups))]
			if !row.known || r.IntN(2) == 0 {
				g.Add(row.ts, row.predicted, row.actual, row.known)
				continue
			}
			g.Add(row.ts, row.predicted, 0, false)
			g.AddActual(row.ts, row.predicted, row.actual)
		}
		for len(groups) > 1 {
			i := r.IntN(len(groups) - 1)
			groups[i].Merge(&groups[len(groups)-1])
			groups = groups[:len(groups)-1]
		}
		require.Equal(t, want, groups[0])
	}
}

func TestAggregateKernels(t *testing.T) {
	r := newRand(t)
	for range rounds(300) {
		rows := randomRows(r, r.IntN(200))
		var times []int64
		var predicted, actual []float64
		var known Bitmap
		for i, row := range rows {
			times = append(times, row.ts)
			predicted = append(predicted, row.predicted)
			actual = append(actual, row.actual)
			known.Append(i, row.known)
		}
		from := r.IntN(len(rows) + 1)
		to := from + r.IntN(len(rows)-from+1)
		want := aggregateOf(rows[from:to])
		var got Aggregate
		got.AddRows(times, predicted, actual, known, from, to)
		require.Equal(t, want, got)

		for i := range rows {
			rows[i].ts, times[i] = int64(i), int64(i)
		}
		whole := aggregateOf(rows[from:to])
		want, got = Aggregate{}, Aggregate{}
		want.MergeErrors(&whole)
		got.AddWanted(WantErrors, times, predicted, actual, known, from, to)
		require.Equal(t, want, got)
	}
}

// TestAggregateKernelsBeyondTheSample has rows that the common unit of their batch, judged by every eighth, does not
// foresee: some do not fit, and some fit while their difference does not.
func TestAggregateKernelsBeyondTheSample(t *testing.T) {
	r := newRand(t)
	for _, most := range []float64{1.9, 3.9, 7.9, 1e3, 1e30} {
		var want, got Aggregate
		times := make([]int64, 3*batchRows)
		predicted, actual := make([]float64, len(times)), make([]float64, len(times))
		var known Bitmap
		for i := range times {
			factor := 1.0
			if i%8 != 0 {
				factor = most
			}
			predicted[i], actual[i] = factor*(1+r.Float64()/100), -factor*(1+r.Float64()/100)
			known.Append(i, true)
			want.Add(0, predicted[i], actual[i], true)
		}
		got.AddRows(times, predicted, actual, known, 0, len(times))
		require.Equal(t, want, got)
	}
}
