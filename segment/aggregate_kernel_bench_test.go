package segment

import "testing"

// BenchmarkErrorKernels times the steps of addErrors beside the row at a time that they stand for.
func BenchmarkErrorKernels(b *testing.B) {
	_, predicted, actual, _ := benchColumns(batchRows)
	var bt batch
	var a Aggregate
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
				a.addError(p, actual[i])
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
