package segment

import (
	"math"
	"math/rand/v2"
	"testing"
)

// benchColumns are rows as models make them: decimals of two places, the actual near the predicted.
func benchColumns() *NumberColumns {
	var c NumberColumns
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1024 {
		p := math.Round(r.Float64()*10000) / 100
		c.Times = append(c.Times, 1_700_000_000_000+int64(i)*250+r.Int64N(20))
		c.Predicted = append(c.Predicted, p)
		c.Actual = append(c.Actual, math.Round((p+r.NormFloat64()*5)*100)/100)
		c.Known.Append(i, true)
	}
	return &c
}

func BenchmarkAggregateAddColumns(b *testing.B) {
	c := benchColumns()
	var a Aggregate
	for b.Loop() {
		a.Reset()
		a.AddColumns(WantErrors, c, 0, 1024)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

func BenchmarkAggregateAddUnordered(b *testing.B) {
	c := benchColumns()
	var a Aggregate
	for b.Loop() {
		a.Reset()
		a.AddUnordered(c, 0, 1024)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

func BenchmarkAggregateAdd(b *testing.B) {
	c := benchColumns()
	var a Aggregate
	for b.Loop() {
		a.Reset()
		for i := range c.Times {
			a.Add(c.Times[i], c.Predicted[i], c.Actual[i], true)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

func BenchmarkAggregateMergeWanted(b *testing.B) {
	c := benchColumns()
	var part, a Aggregate
	part.AddUnordered(c, 0, 1024)
	for b.Loop() {
		a.MergeWanted(WantErrors, &part)
	}
}

func BenchmarkAggregateRMSE(b *testing.B) {
	c := benchColumns()
	var a Aggregate
	a.AddUnordered(c, 0, 1024)
	v := 0.0
	for b.Loop() {
		v += a.RMSE()
	}
}
