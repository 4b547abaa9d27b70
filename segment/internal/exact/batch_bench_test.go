package exact

import (
	"math"
	"math/rand/v2"
	"testing"
)

// benchColumns are rows as models make them: decimals of two places, the actual near the predicted.
func benchColumns(n int) (predicted, actual []float64) {
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		p := math.Round(r.Float64()*10000) / 100
		predicted = append(predicted, p)
		actual = append(actual, math.Round((p+r.NormFloat64()*5)*100)/100)
	}
	return predicted, actual
}

func BenchmarkSumAdd(b *testing.B) {
	predicted, _ := benchColumns(1024)
	var s Sum
	for b.Loop() {
		s = Sum{}
		for _, v := range predicted {
			s.Add(v)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

// BenchmarkErrorKernels times the steps of Batch.AddErrors beside the row at a time that they stand for.
func BenchmarkErrorKernels(b *testing.B) {
	predicted, actual := benchColumns(batchRows)
	var bt Batch
	var a Errors
	x := commonUnit(predicted, actual)
	fixErrors(&bt.fixed, &bt.missed, predicted, actual, x)
	sink := uint64(0)
	for name, kernel := range map[string]func(){
		"commonUnit": func() { sink += uint64(commonUnit(predicted, actual)) },
		"fixErrors": func() {
			positive, misses, _ := fixErrors(&bt.fixed, &bt.missed, predicted, actual, x)
			sink += uint64(misses + positive)
		},
		"sumDigits":  func() { s := sumDigits(bt.fixed[:], 18); sink += s[1] },
		"sumSquares": func() { s := sumSquares(bt.fixed[:], 18); sink += s[3] },
		"ref": func() {
			for i, p := range predicted {
				a.add(p, actual[i], false)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				kernel()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchRows, "ns/row")
		})
	}
}
