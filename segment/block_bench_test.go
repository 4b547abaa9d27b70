package segment

import (
	"math/rand/v2"
	"testing"
)

func benchBlock() *Columns {
	var c Columns
	steadyRows(rand.New(rand.NewPCG(1, 2)), &c, blockRows)
	return &c
}

func BenchmarkBlockEncode(b *testing.B) {
	c, e := benchBlock(), newEncoder()
	var dst []byte
	var lens [chunks]uint32
	for b.Loop() {
		dst, lens = e.appendBlock(dst[:0], c, new(Aggregate))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/blockRows, "ns/row")
	for ch, name := range []string{"numbers", "ids", "features"} {
		b.ReportMetric(float64(lens[ch])/blockRows, name+"-B/row")
	}
}

func BenchmarkBuilder(b *testing.B) {
	var c Columns
	steadyRows(rand.New(rand.NewPCG(1, 2)), &c, 64*blockRows)
	builder := NewBuilder(testMeta)
	var dst []byte
	for b.Loop() {
		builder.Reset(testMeta)
		if err := builder.StartSeries("v1", "production"); err != nil {
			b.Fatal(err)
		}
		if err := builder.Append(&c); err != nil {
			b.Fatal(err)
		}
		dst = builder.Finish(dst[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.Len()), "ns/row")
	b.ReportMetric(float64(len(dst))/float64(c.Len()), "B/row")
}

func BenchmarkBlockDecode(b *testing.B) {
	c, e := benchBlock(), newEncoder()
	encoded, lens := e.appendBlock(nil, c, new(Aggregate))
	var dst Columns
	var sc Scratch
	at := uint32(0)
	for ch, name := range []string{"numbers", "ids", "features"} {
		part := encoded[at : at+lens[ch]-checksumLen]
		at += lens[ch]
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := sc.decodeChunk(&dst, chunk(ch), part, blockRows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/blockRows, "ns/row")
		})
	}
}
