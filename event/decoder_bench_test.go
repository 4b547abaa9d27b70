package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// Bodies of some 500 KB, beyond L1 and inside L2, decoded over and over into one
// batch: the steady state of a server.
func BenchmarkDecode(b *testing.B) {
	for name, build := range bodyShapes() {
		b.Run("shape="+name, func(b *testing.B) {
			in := build(b, 2000)
			d := event.NewDecoder()
			var batch event.Batch
			requireRows(b, d, &batch, in)
			b.ReportAllocs()
			b.SetBytes(int64(len(in.text)))
			for b.Loop() {
				batch.Reset()
				if err := d.Decode(&batch, in.text, event.NDJSON, event.Rules{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.Len()), "ns/row")
			b.ReportMetric(float64(len(in.text))*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GB/s")
		})
	}
}

// requireRows decodes a body and requires that it gives exactly its rows.
func requireRows(t testing.TB, d *event.Decoder, batch *event.Batch, in body) {
	t.Helper()
	batch.Reset()
	require.NoError(t, d.Decode(batch, in.text, event.NDJSON, event.Rules{}))
	require.Empty(t, batch.Rejects)
	require.Equal(t, len(in.rows), batch.Len())
	for i, want := range in.rows {
		if got := batch.Event(i); got != want {
			t.Fatalf("row %d:\ngot  %+v\nwant %+v", i, got, want)
		}
	}
}
