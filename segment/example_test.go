package segment_test

import (
	"fmt"

	"github.com/residualdb/residual/segment"
)

// A segment is built from sorted rows and answers for any window of them.
func Example() {
	var rows segment.Columns
	rows.AppendRow(1000, 12.5, 12.0, true, []byte("pred_1"), []byte(`{"age":41}`))
	rows.AppendRow(2000, 13.5, 15.0, true, []byte("pred_2"), []byte(`{"age":38}`))
	rows.AppendRow(3000, 11.0, 0, false, []byte("pred_3"), []byte(`{"age":29}`)) // its actual is not known yet

	b := segment.NewBuilder(segment.Meta{Model: "churn", From: 0, To: 86_400_000})
	if err := b.StartSeries("v1", "production"); err != nil {
		panic(err)
	}
	if err := b.Append(&rows); err != nil {
		panic(err)
	}
	bytes := b.Finish(nil)

	s, err := segment.Open(segment.Memory(bytes), int64(len(bytes)))
	if err != nil {
		panic(err)
	}
	var answer segment.Aggregate
	window := segment.Window{Series: 0, From: 0, To: 10_000, Want: segment.WantErrors}
	if _, err := s.AddWindow(&answer, nil, window, new(segment.Scratch)); err != nil {
		panic(err)
	}
	fmt.Printf("%d rows, %d actuals, MAE %.2f, RMSE %.4f, bias %.2f\n", answer.Rows, answer.Actuals, answer.MAE(), answer.RMSE(), answer.Bias())
	// Output: 3 rows, 2 actuals, MAE 1.00, RMSE 1.1180, bias -0.50
}
