package httpapi_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkRows writes rows of the workload in each format, batch by batch.
func BenchmarkRows(b *testing.B) {
	const batch = 1024
	gen := workload.New(workload.Options{Rows: batch, Seed: 1})
	var ids, features columns.Text
	var times []int64
	var predicted, actual, residual, absolute []float64
	for range batch {
		var e event.Event
		require.True(b, gen.Next(&e))
		ids.AppendString(e.PredictionID)
		features.AppendString(e.Features)
		times = append(times, e.Timestamp.UnixMilli())
		predicted, actual = append(predicted, e.PredictedValue), append(actual, e.ActualValue)
		residual = append(residual, e.PredictedValue-e.ActualValue)
		absolute = append(absolute, math.Abs(e.PredictedValue-e.ActualValue))
	}
	codes := make([]uint32, batch)
	for _, extension := range []string{"ndjson", "json", "csv", "parquet"} {
		b.Run(extension, func(b *testing.B) {
			f := encode.FindFormat(extension)
			b.ReportAllocs()
			left := b.N
			table := encode.Table{Name: "rows", Columns: []encode.Column{
				{Name: "timestamp", Kind: encode.DateTime64},
				{Name: "model_id", Kind: encode.String, Few: true},
				{Name: "model_version", Kind: encode.String, Few: true},
				{Name: "environment", Kind: encode.String, Few: true},
				{Name: "prediction_id", Kind: encode.String},
				{Name: "features", Kind: encode.String},
				{Name: "predicted_value", Kind: encode.Float64},
				{Name: "actual_value", Kind: encode.NullableFloat64},
				{Name: "residual", Kind: encode.NullableFloat64},
				{Name: "absolute_error", Kind: encode.NullableFloat64},
			}}
			table.More = func(t *encode.Table) error {
				if left -= batch; left <= 0 {
					t.More = nil
				}
				t.AddBatch(batch, encode.Moments(times), encode.Coded([]string{"model_40"}, codes), encode.Coded([]string{"v40.1"}, codes),
					encode.Coded([]string{"production"}, codes), encode.Texts(&ids), encode.Texts(&features),
					encode.Numbers(predicted), encode.Numbers(actual), encode.Numbers(residual), encode.Numbers(absolute))
				return nil
			}
			bytes := 0
			o := &encode.Output{Send: func(piece []byte) error { bytes += len(piece); return nil }}
			require.NoError(b, f.Write(o, &table))
			b.ReportMetric(float64(bytes+len(o.Buf))/float64(b.N), "B/row")
		})
	}
}
