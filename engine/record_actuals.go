package engine

import (
	"encoding/binary"
	"math"

	"github.com/residualdb/residual/event"
)

// appendActualNumbers appends the columns of numbers: model, value, observed.
func appendActualNumbers(dst []byte, a *event.Actuals) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(a.Models)))
	dst = binary.AppendUvarint(dst, uint64(a.Len()))
	for _, m := range a.ModelOf {
		dst = binary.AppendUvarint(dst, uint64(m))
	}
	for _, v := range a.Values {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	last := int64(0)
	for _, ts := range a.Observed {
		dst = binary.AppendVarint(dst, ts-last)
		last = ts
	}
	return dst
}

// appendActualTexts appends what is compressed: models, prediction ids, rejects.
func appendActualTexts(dst []byte, a *event.Actuals) []byte {
	for _, m := range a.Models {
		dst = appendText(dst, m)
	}
	dst = appendColumn(dst, &a.IDs)
	return appendRejects(dst, a.Rejects, &a.Rejected)
}

func readActualNumbers(c *cursor, a *event.Actuals, models uint64) {
	rows := c.count(1+8+1, "rows")
	a.ModelOf = grown(a.ModelOf, rows)
	for i := range a.ModelOf {
		m := c.uvarint("model of a row")
		if m >= models {
			c.fail("model of a row")
		}
		a.ModelOf[i] = uint32(m)
	}
	a.Values = grown(a.Values, rows)
	readFloats(a.Values, c.bytes(uint64(rows)*8, "values"))
	a.Observed = grown(a.Observed, rows)
	last := int64(0)
	for i := range a.Observed {
		last += c.varint("observed")
		a.Observed[i] = last
	}
}

func readActualTexts(text []byte, a *event.Actuals, models uint64) error {
	c := cursor{rest: text}
	if models > uint64(len(text)) {
		c.fail("models")
		return c.err
	}
	for range models {
		a.Models = append(a.Models, string(c.text("model")))
	}
	readColumn(&c, &a.IDs, len(a.ModelOf), "prediction ids")
	a.Rejects = readRejects(&c, a.Rejects, &a.Rejected)
	return c.end("a record of actuals")
}

func appendDeletion(dst []byte, d *deletion) []byte {
	dst = appendText(dst, d.model)
	dst = binary.AppendUvarint(dst, uint64(len(d.ids)))
	for _, id := range d.ids {
		dst = appendText(dst, id)
	}
	return dst
}

func readDeletion(text []byte, d *deletion) error {
	c := cursor{rest: text}
	d.model = string(c.text("model"))
	d.ids = make([]string, c.count(1, "prediction ids"))
	for i := range d.ids {
		d.ids[i] = string(c.text("prediction id"))
	}
	return c.end("a record of a deletion")
}
