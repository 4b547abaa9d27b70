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
	const batch, batches = 1024, 128
	gen := workload.New(workload.Options{Rows: batch * batches, Seed: 1})
	var rows [batches]rowColumns
	for i := range rows {
		rows[i].fill(b, gen, batch)
	}
	codes := make([]uint32, batch)
	model, version, environment := []string{"model_40"}, []string{"v40.1"}, []string{"production"}
	for _, extension := range []string{"ndjson", "json", "csv", "parquet"} {
		b.Run(extension, func(b *testing.B) {
			f := encode.FindFormat(extension)
			b.ReportAllocs()
			table := encode.Table{Name: "rows", Bulk: true, Columns: []encode.Column{
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
			made := 0
			table.More = func(t *encode.Table) error {
				c := &rows[made/batch%batches]
				if made += batch; made >= b.N {
					t.More = nil
				}
				t.AddBatch(batch, encode.Moments(c.times), encode.Coded(model, codes), encode.Coded(version, codes), encode.Coded(environment, codes),
					encode.Texts(&c.ids), encode.Texts(&c.features),
					encode.Numbers(c.predicted), encode.Numbers(c.actual), encode.Numbers(c.residual), encode.Numbers(c.absolute))
				return nil
			}
			sent := 0
			o := &encode.Output{Send: func(piece []byte) error {
				sent += len(piece)
				return nil
			}}
			require.NoError(b, f.Write(o, &table))
			b.ReportMetric(float64(sent+len(o.Buf))/float64(b.N), "B/row")
		})
	}
}

// rowColumns are rows as the store hands them on.
type rowColumns struct {
	ids, features                         columns.Text
	times                                 []int64
	predicted, actual, residual, absolute []float64
}

func (c *rowColumns) fill(b *testing.B, gen *workload.Generator, rows int) {
	b.Helper()
	for range rows {
		var e event.Event
		require.True(b, gen.Next(&e))
		c.ids.AppendString(e.PredictionID)
		c.features.AppendString(e.Features)
		c.times = append(c.times, e.Timestamp.UnixMilli())
		c.predicted, c.actual = append(c.predicted, e.PredictedValue), append(c.actual, e.ActualValue)
		c.residual = append(c.residual, e.PredictedValue-e.ActualValue)
		c.absolute = append(c.absolute, math.Abs(e.PredictedValue-e.ActualValue))
	}
}
