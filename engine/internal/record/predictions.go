package record

import (
	"encoding/binary"
	"math"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

// appendNumbers appends the columns of numbers: series, timestamps, predicted, known, actual.
func appendNumbers(dst []byte, b *event.Batch) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.Series)))
	dst = binary.AppendUvarint(dst, uint64(b.Len()))
	for _, s := range b.SeriesOf {
		dst = binary.AppendUvarint(dst, uint64(s))
	}
	last := int64(0)
	for _, ts := range b.Timestamps {
		dst = binary.AppendVarint(dst, ts-last)
		last = ts
	}
	for _, v := range b.Predicted {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	dst = appendBits(dst, b.Known, b.Len())
	for i, v := range b.Actual {
		if b.Known.Get(i) {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
	}
	return dst
}

// appendTexts appends what is compressed: names, prediction ids, features, rejects.
func appendTexts(dst []byte, b *event.Batch) []byte {
	for _, s := range b.Series {
		dst = columns.AppendText(columns.AppendText(columns.AppendText(dst, s.Model), s.Version), s.Environment)
	}
	dst = appendColumn(dst, &b.IDs)
	dst = appendColumn(dst, &b.Features)
	return appendRejects(dst, b.Rejects, &b.Rejected)
}

func readNumbers(c *columns.Cursor, b *event.Batch, seriesCount uint64) {
	rows := c.Count(1+1+8, "rows")
	b.SeriesOf = base.Grown(b.SeriesOf, rows)
	readIndexes(c, b.SeriesOf, seriesCount, "series of a row")
	b.Timestamps = base.Grown(b.Timestamps, rows)
	last := int64(0)
	for i := range b.Timestamps {
		last += c.Varint()
		b.Timestamps[i] = last
	}
	b.Predicted = base.Grown(b.Predicted, rows)
	readFloats(b.Predicted, c.Bytes(rows*8))
	b.Known = base.Grown(b.Known, (rows+63)/64)
	readBits(b.Known, rows, c.Bytes((rows+7)/8))
	b.Actual = base.Grown(b.Actual, rows)
	clear(b.Actual)
	for i := range b.Actual {
		if b.Known.Get(i) {
			b.Actual[i] = math.Float64frombits(c.Uint64())
		}
	}
}

// readTexts reads the text of a record of predictions, with its origin unless that is nil.
func readTexts(text []byte, b *event.Batch, seriesCount uint64, origin *Origin) error {
	c := columns.NewCursor(text, base.ErrCorrupt)
	if seriesCount > uint64(len(text)/seriesBytesMin) {
		c.Fail("series")
		return c.Err
	}
	for range seriesCount {
		b.Series = append(b.Series, event.Series{
			Model: string(c.Text()), Version: string(c.Text()), Environment: string(c.Text()),
		})
	}
	readColumn(&c, &b.IDs, len(b.SeriesOf), "prediction ids")
	readColumn(&c, &b.Features, len(b.SeriesOf), "features")
	b.Rejects = readRejects(&c, b.Rejects, &b.Rejected)
	readOrigin(&c, origin, b.Rejects)
	return c.End()
}
