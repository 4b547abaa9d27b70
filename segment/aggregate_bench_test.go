package segment

import (
	"math"
	"math/rand/v2"
	"testing"
)

// benchColumns are rows as models make them: decimals of two places, the actual near the predicted.
func benchColumns(n int) (times []int64, predicted, actual []float64, known Bitmap) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		p := math.Round(r.Float64()*10000) / 100
		times = append(times, 1_700_000_000_000+int64(i)*250+r.Int64N(20))
		predicted = append(predicted, p)
		actual = append(actual, math.Round((p+r.NormFloat64()*5)*100)/100)
		known.Append(i, true)
	}
	return times, predicted, actual, known
}

func BenchmarkAggregateAddWanted(b *testing.B) {
	times, predicted, actual, known := benchColumns(1024)
	var a Aggregate
	for b.Loop() {
		a.Reset()
		a.AddWanted(WantErrors, times, predicted, actual, known, 0, len(times))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

func BenchmarkAggregateAddRows(b *testing.B) {
	times, predicted, actual, known := benchColumns(1024)
	var a Aggregate
	for b.Loop() {
		a.Reset()
		a.AddRows(times, predicted, actual, known, 0, len(times))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

func BenchmarkAggregateAdd(b *testing.B) {
	times, predicted, actual, _ := benchColumns(1024)
	var a Aggregate
	for b.Loop() {
		a.Reset()
		for i := range times {
			a.Add(times[i], predicted[i], actual[i], true)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

func BenchmarkSumAdd(b *testing.B) {
	_, predicted, _, _ := benchColumns(1024)
	var s Sum
	for b.Loop() {
		s = Sum{}
		for _, v := range predicted {
			s.Add(v)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

func BenchmarkAggregateMergeErrors(b *testing.B) {
	times, predicted, actual, known := benchColumns(1024)
	var part, a Aggregate
	part.AddRows(times, predicted, actual, known, 0, len(times))
	for b.Loop() {
		a.MergeErrors(&part)
	}
}

func BenchmarkAggregateRMSE(b *testing.B) {
	times, predicted, actual, known := benchColumns(1024)
	var a Aggregate
	a.AddRows(times, predicted, actual, known, 0, len(times))
	v := 0.0
	for b.Loop() {
		v += a.RMSE()
	}
}
