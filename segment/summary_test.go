package segment

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// summaryRef adds rows up in many digits and rounds once, as an engine of floats does at its best.
func summaryRef(rows []row) Summary {
	var s Summary
	var errs, squares, actuals []float64
	for _, x := range rows {
		s.addTimes(1, x.ts, x.ts)
		if !x.known {
			continue
		}
		s.addActualTimes(1, x.ts, x.ts)
		e := x.predicted - x.actual
		if e > 0 {
			s.ErrorsOver += e
		} else {
			s.ErrorsUnder -= e
		}
		if x.actual > 0 {
			s.ActualOver += x.actual
		} else {
			s.ActualUnder -= x.actual
		}
		s.MaxAbsError = max(s.MaxAbsError, math.Abs(e))
		if x.actual != 0 {
			s.PercentRows++
			s.Percent += math.Abs(e) / math.Abs(x.actual)
		}
		if e != 0 {
			s.Symmetric += 2 * math.Abs(e) / (math.Abs(x.predicted) + math.Abs(x.actual))
		}
		s.ActualSize = math.Abs(x.actual)
		errs, squares, actuals = append(errs, math.Abs(e)), append(squares, e*e), append(actuals, x.actual)
	}
	s.ErrorsSpread, s.SquaresSpread, s.ActualSpread = spreadRef(errs), spreadRef(squares), spreadRef(actuals)
	return s
}

// spreadRef is the sum of squares of what values are away from their mean.
func spreadRef(values []float64) float64 {
	float := func(v float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(v) }
	mean, sum := float(0), float(0)
	for _, v := range values {
		mean.Add(mean, float(v))
	}
	mean.Quo(mean, float(float64(max(1, len(values)))))
	same := true
	for _, v := range values {
		d := float(v)
		d.Sub(d, mean)
		sum.Add(sum, d.Mul(d, d))
		same = same && v == values[0]
	}
	if same {
		return 0
	}
	f, _ := sum.Float64()
	return f
}

// TestSummaries holds the answers of rows that were added up in floats to those of the rows, whole and in parts: also where values are
// near to each other and far from zero, so that nearly all digits of their squares cancel, and where they are all the same.
func TestSummaries(t *testing.T) {
	r := random.Rand(t)
	for _, c := range []struct {
		name          string
		center, width float64
		same          bool
	}{{"usual", 0, 100, false}, {"far from zero", 1e4, 1e2, false}, {"small", 0, 1e-60, false}, {"all the same", 3e10, 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			for range random.Cases(200) {
				rows := make([]row, 1+r.IntN(300))
				for i := range rows {
					a := c.center + c.width*r.NormFloat64()
					rows[i] = row{ts: r.Int64N(1e12), predicted: a + 0.1 + c.width*r.NormFloat64()/10, actual: a, known: r.IntN(5) > 0}
					if c.same {
						rows[i].predicted = a + float64(r.IntN(2)*2-1)*0.7
					}
				}
				want := aggregateOf(rows)
				var got Aggregate
				for rest := rows; len(rest) > 0; {
					n := 1 + r.IntN(len(rest))
					s := summaryRef(rest[:n])
					got.AddSummary(WantAll, &s)
					rest = rest[n:]
				}
				requireSameAnswers(t, &want, &got, conditionOf(rows))
			}
		})
	}
}

// conditionOf is by how much more the squares of the actuals come to than their squared deviations: so many times as large is the relative
// error of the deviations that sums of squares in floats leave.
func conditionOf(rows []row) float64 {
	var n, sum, squares, deviations float64
	for i := range rows {
		if rows[i].known {
			n, sum, squares = n+1, sum+rows[i].actual, squares+rows[i].actual*rows[i].actual
		}
	}
	for i := range rows {
		if rows[i].known {
			deviations += (rows[i].actual - sum/n) * (rows[i].actual - sum/n)
		}
	}
	if deviations == 0 {
		return 0
	}
	return squares / deviations
}

func requireSameAnswers(t *testing.T, want, got *Aggregate, condition float64) {
	t.Helper()
	require.Equal(t, want.Counts, got.Counts)
	require.Equal(t, want.PercentRows, got.PercentRows)
	near := func(name string, want, got, least float64) {
		t.Helper()
		require.InDelta(t, want, got, 1e-12*math.Abs(want)+least, name)
	}
	size := want.MAE()
	near("mae", size, got.MAE(), 0)
	near("rmse", want.RMSE(), got.RMSE(), 0)
	near("bias", want.Bias(), got.Bias(), 1e-14*size)
	near("deviation of |e|", want.AbsErrorDeviation(), got.AbsErrorDeviation(), 0)
	near("standard error of rmse", want.RMSEStandardError(), got.RMSEStandardError(), 0)
	for name, f := range map[string]func(*Aggregate) (float64, bool){"mape": (*Aggregate).MAPE, "wmape": (*Aggregate).WMAPE, "smape": (*Aggregate).SMAPE, "r2": (*Aggregate).R2} {
		x, ok := f(want)
		y, alike := f(got)
		require.Equal(t, ok, alike, name)
		least := 0.0
		if name == "r2" {
			least = 4e-15 * condition * math.Abs(1-x)
		}
		near(name, x, y, least)
	}
}

func TestSketchBucketFormula(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(2000) {
		v := math.Exp(100 * r.NormFloat64())
		bits := math.Float64bits(v)
		require.Equal(t, 2551+50*int(bits>>52)+int(bits&(1<<52-1)*50>>52), SketchBucket(v), "%v", v)
		var s, one Sketches
		require.True(t, s.Errors.AddBucket(SketchBucket(v), 3))
		for range 3 {
			one.Errors.Add(v)
		}
		require.Equal(t, one.AppendTo(nil), s.AppendTo(nil))
	}
	var s Sketches
	require.False(t, s.Errors.AddBucket(-1, 1))
	require.False(t, s.Errors.AddBucket(1<<30, 1))
}
