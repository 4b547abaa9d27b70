package segment

import "github.com/residualdb/residual/internal/columns"

// AddWanted is [Aggregate.AddColumns].
func (a *Aggregate) AddWanted(want Want, times []int64, predicted, actual []float64, known columns.Bitmap, from, to int) {
	a.AddColumns(want, &NumberColumns{Times: times, Predicted: predicted, Actual: actual, Known: known}, from, to)
}

// AddRows is [Aggregate.AddUnordered].
func (a *Aggregate) AddRows(times []int64, predicted, actual []float64, known columns.Bitmap, from, to int) {
	a.AddUnordered(&NumberColumns{Times: times, Predicted: predicted, Actual: actual, Known: known}, from, to)
}

// AddRows is [Sketches.AddColumns].
func (d *Sketches) AddRows(predicted, actual []float64, lags []int64, known columns.Bitmap, from, to int) {
	d.AddColumns(&NumberColumns{Predicted: predicted, Actual: actual, Lags: lags, Known: known}, from, to)
}

// AppendNumbers is [Columns.AppendColumns].
func (c *Columns) AppendNumbers(times []int64, predicted, actual []float64, lags []int64, known columns.Bitmap, from, to int) {
	c.AppendColumns(&NumberColumns{Times: times, Predicted: predicted, Actual: actual, Lags: lags, Known: known}, from, to)
}
