package segment

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/random"
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
		p, a := random.Float(r), random.Float(r)
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

// TestCounts holds counts and times to those of the rows one by one.
func TestCounts(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(700) {
		var want Counts
		rows := randomRows(r, r.IntN(12))
		for i, row := range rows {
			if i == 0 {
				want.MinTime, want.MaxTime = row.ts, row.ts
			}
			want.Rows++
			want.MinTime, want.MaxTime = min(want.MinTime, row.ts), max(want.MaxTime, row.ts)
			if !row.known {
				continue
			}
			if want.Actuals == 0 {
				want.ActualMinTime, want.ActualMaxTime = row.ts, row.ts
			}
			want.Actuals++
			want.ActualMinTime, want.ActualMaxTime = min(want.ActualMinTime, row.ts), max(want.ActualMaxTime, row.ts)
		}
		require.Equal(t, want, aggregateOf(rows).Counts)
	}
}

func TestAggregateIgnoresOrderAndGrouping(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(100) {
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
	r := random.Rand(t)
	for range random.Cases(300) {
		rows := randomRows(r, r.IntN(200))
		var c NumberColumns
		for i, row := range rows {
			c.Times = append(c.Times, row.ts)
			c.Predicted = append(c.Predicted, row.predicted)
			c.Actual = append(c.Actual, row.actual)
			c.Known.Append(i, row.known)
		}
		from := r.IntN(len(rows) + 1)
		to := from + r.IntN(len(rows)-from+1)
		want := aggregateOf(rows[from:to])
		var got Aggregate
		got.AddUnordered(&c, from, to)
		require.Equal(t, want, got)

		for i := range rows {
			rows[i].ts, c.Times[i] = int64(i), int64(i)
		}
		whole := aggregateOf(rows[from:to])
		want, got = Aggregate{}, Aggregate{}
		want.MergeWanted(WantErrors, &whole)
		got.AddColumns(WantErrors, &c, from, to)
		require.Equal(t, want, got)
	}
}

// TestAggregateKernelsBeyondTheSample has rows that the common unit of their batch, judged by every eighth, does not
// foresee: some do not fit, and some fit while their difference does not.
func TestAggregateKernelsBeyondTheSample(t *testing.T) {
	r := random.Rand(t)
	for _, most := range []float64{1.9, 3.9, 7.9, 1e3, 1e30} {
		var want, got Aggregate
		times := make([]int64, 1000)
		predicted, actual := make([]float64, len(times)), make([]float64, len(times))
		var known columns.Bitmap
		for i := range times {
			factor := 1.0
			if i%8 != 0 {
				factor = most
			}
			predicted[i], actual[i] = factor*(1+r.Float64()/100), -factor*(1+r.Float64()/100)
			known.Append(i, true)
			want.Add(0, predicted[i], actual[i], true)
		}
		got.AddUnordered(&NumberColumns{Times: times, Predicted: predicted, Actual: actual, Known: known}, 0, len(times))
		require.Equal(t, want, got)
	}
}
