package segment

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// quickAndExact are the ways to an answer that [Aggregate] has: the leading bits, and all of them.
type quickAndExact struct {
	name  string
	quick func(a *Aggregate) (float64, bool)
	exact func(a *Aggregate) float64
}

func quickAndExacts() []quickAndExact {
	bias := func(a *Aggregate) narrow { v, _ := a.Over.minus(&a.Under); return v }
	actuals := func(a *Aggregate) narrow { v, _ := a.ActualOver.minus(&a.ActualUnder); return v }
	absolute := func(a *Aggregate) narrow { s := a.absolute(); return s.narrow() }
	mean := func(sum func(a *Aggregate) narrow) quickAndExact {
		return quickAndExact{"mean", func(a *Aggregate) (float64, bool) {
			return sum(a).lead().div(a.Actuals).float64()
		}, func(a *Aggregate) float64 {
			w := sum(a).wide()
			q, cut := w.div(a.Actuals)
			return q.float64(cut)
		}}
	}
	deviation := func(sum func(a *Aggregate) narrow) quickAndExact {
		return quickAndExact{"deviation", func(a *Aggregate) (float64, bool) {
			spread, ok := a.leadSpread(sum(a), &a.Squared)
			f, sure := spread.sqrt().div(a.Actuals).float64()
			return f, ok && sure
		}, func(a *Aggregate) float64 {
			spread, _ := a.spread(sum(a), &a.Squared)
			root, cut := spread.sqrt()
			q, cutToo := root.div(a.Actuals)
			return q.float64(cut || cutToo)
		}}
	}
	return []quickAndExact{
		mean(bias), mean(absolute), mean(func(a *Aggregate) narrow { return a.Squared.narrow() }), deviation(bias), deviation(absolute),
		{"rmse", func(a *Aggregate) (float64, bool) {
			return a.Squared.narrow().lead().div(a.Actuals).sqrt().float64()
		}, func(a *Aggregate) float64 {
			w := a.Squared.narrow().wide()
			q, cut := w.div(a.Actuals)
			root, cutToo := q.sqrt()
			return root.float64(cut || cutToo)
		}},
		{"r2", func(a *Aggregate) (float64, bool) {
			spread, ok := a.leadSpread(actuals(a), &a.ActualSquared)
			f, sure := a.Squared.narrow().lead().scale(a.Actuals).over(spread)
			return f, ok && sure
		}, func(a *Aggregate) float64 {
			spread, _ := a.spread(actuals(a), &a.ActualSquared)
			squared := a.Squared.narrow().wide()
			squared = squared.scale(a.Actuals)
			return squared.over(&spread)
		}},
		{"rmse standard error", func(a *Aggregate) (float64, bool) {
			squares := a.Squared.narrow()
			spread, ok := a.leadSpread(squares, &a.Quartic)
			f, sure := spread.sqrt().over(squares.lead().sqrt().scale(2 * a.Actuals))
			return f, ok && sure
		}, func(a *Aggregate) float64 {
			squares := a.Squared.narrow()
			spread, _ := a.spread(squares, &a.Quartic)
			v, _ := spread.sqrt()
			w := squares.wide()
			w, _ = w.sqrt()
			w = w.scale(2 * a.Actuals)
			return v.over(&w)
		}},
	}
}

// TestLeadIsExactWhereItAnswers holds the leading bits to all of them, of rows that are like those of models, of which it
// must answer nearly always, of some that hardly differ, and of any.
func TestLeadIsExactWhereItAnswers(t *testing.T) {
	r := newRand(t)
	for _, c := range quickAndExacts() {
		usual, answered := 0, 0
		for range rounds(3000) {
			var a Aggregate
			switch r.IntN(4) {
			case 0:
				a = aggregateOf(randomRows(r, 1+r.IntN(40)))
			case 1:
				a = spreadAggregate(r, math.Ldexp(1, -r.IntN(50)))
			default:
				usual++
				a = spreadAggregate(r, 1)
			}
			if a.Actuals == 0 {
				continue
			}
			if got, ok := c.quick(&a); ok {
				require.Equal(t, c.exact(&a), got, "%s of %+v", c.name, a)
				answered++
			}
		}
		require.Greater(t, answered, usual*95/100, c.name)
	}
}

// spreadAggregate is one of actuals and errors that vary by about this share of themselves.
func spreadAggregate(r *rand.Rand, share float64) Aggregate {
	var a Aggregate
	level, noise := math.Ldexp(1, r.IntN(40)-10)*(1+r.Float64()), math.Ldexp(1, -r.IntN(10))
	for range 3 + r.IntN(60) {
		actual := level * (1 + share*r.NormFloat64())
		a.Add(0, actual+level*noise*(share*r.NormFloat64()+1-share), actual, true)
	}
	return a
}

// TestMeanBesideTheMiddleOfTwoFloats goes where the leading bits must not answer.
func TestMeanBesideTheMiddleOfTwoFloats(t *testing.T) {
	r := newRand(t)
	for range rounds(3000) {
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
		require.Equal(t, want, s.mean(n))
	}
}
