package event_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// Bodies of 1,000 rows, some 270 KB, decoded in turn into one batch: the steady
// state of a server. There are enough of them that the processor does not learn
// their bytes by heart.
func BenchmarkDecode(b *testing.B) {
	for name, build := range bodyShapes() {
		b.Run("shape="+name, func(b *testing.B) { benchmarkDecode(b, build(b, 50_000), 1000) })
	}
}

// What a body costs beside its rows.
func BenchmarkDecodeSmall(b *testing.B) {
	for _, rows := range []int{1, 10, 100} {
		b.Run(fmt.Sprint("rows=", rows), func(b *testing.B) { benchmarkDecode(b, bodyShapes()["steady"](b, 20_000), rows) })
	}
}

// What the processor takes to copy the same bodies once: what a decoder is measured against on a machine whose speed
// varies.
func BenchmarkDecodeBesideCopy(b *testing.B) {
	bodies := split(bodyShapes()["steady"](b, 50_000).text, 1000)
	var to []byte
	size, turn := 0, 0
	for b.Loop() {
		to = append(to[:0], bodies[turn%len(bodies)]...)
		size += len(to)
		turn++
	}
	b.ReportMetric(float64(size)/float64(b.Elapsed().Nanoseconds()), "GB/s")
}

// What messages cost whose columns have other names, and lie in objects of other members: lines of one layout cost the same whatever
// their shape.
func BenchmarkDecodeMapped(b *testing.B) {
	in := bodyShapes()["steady"](b, 50_000)
	for _, c := range []struct{ shape, path string }{{"named", "%s"}, {"flat", "col_%s"}, {"nested", "event.values.%s"}} {
		m := &event.Mapping{}
		names, _ := m.ColumnNames()
		text := in.text
		for _, name := range names {
			path := strings.Split(fmt.Sprintf(c.path, name), ".")
			m.Columns = append(m.Columns, event.MappedColumn{Name: name, Path: path})
			text = bytes.ReplaceAll(text, []byte(`"`+name+`":`), []byte(`"`+path[len(path)-1]+`":`))
		}
		if c.shape == "nested" {
			text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("}\n"), []byte("}}}\n")), []byte("{\"timestamp"), []byte(`{"event":{"kind":"p","values":{"timestamp`))
		}
		b.Run("shape="+c.shape, func(b *testing.B) {
			d, err := event.NewMappedDecoder(m)
			require.NoError(b, err)
			benchmarkDecoder(b, d, body{text: text, rows: in.rows}, 1000)
		})
	}
}

func benchmarkDecode(b *testing.B, in body, rowsPerBody int) {
	b.Helper()
	benchmarkDecoder(b, event.NewDecoder(), in, rowsPerBody)
}

func benchmarkDecoder(b *testing.B, d *event.Decoder, in body, rowsPerBody int) {
	b.Helper()
	var batch event.Batch
	requireRows(b, d, &batch, in)
	bodies := split(in.text, rowsPerBody)
	for _, body := range bodies {
		batch.Reset()
		require.NoError(b, d.Decode(&batch, body, event.NDJSON, event.Rules{}))
	}
	rows, size, turn := 0, 0, 0
	b.ReportAllocs()
	for b.Loop() {
		body := bodies[turn%len(bodies)]
		batch.Reset()
		if err := d.Decode(&batch, body, event.NDJSON, event.Rules{}); err != nil {
			b.Fatal(err)
		}
		rows += batch.Len()
		size += len(body)
		turn++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	b.ReportMetric(float64(size)/float64(b.Elapsed().Nanoseconds()), "GB/s")
}

// split cuts a body into bodies of so many lines.
func split(body []byte, lines int) [][]byte {
	var bodies [][]byte
	start, n := 0, 0
	for i, c := range body {
		if c != '\n' {
			continue
		}
		if n++; n%lines == 0 {
			bodies = append(bodies, body[start:i+1])
			start = i + 1
		}
	}
	if start < len(body) {
		bodies = append(bodies, body[start:])
	}
	return bodies
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
