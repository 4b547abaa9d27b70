package engine

import (
	"encoding/binary"
	"math"

	"github.com/residualdb/residual/event"
)

// appendActualNumbers appends the columns of numbers: model, scope where there is a choice, known, value, observed.
func appendActualNumbers(dst []byte, a *event.Actuals) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(a.Models)))
	dst = binary.AppendUvarint(dst, uint64(len(a.Scopes)))
	dst = binary.AppendUvarint(dst, uint64(a.Len()))
	for _, m := range a.ModelOf {
		dst = binary.AppendUvarint(dst, uint64(m))
	}
	if len(a.Scopes) > 1 {
		for _, s := range a.ScopeOf {
			dst = binary.AppendUvarint(dst, uint64(s))
		}
	}
	dst = appendBits(dst, a.Known, a.Len())
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

// appendActualTexts appends what is compressed: models, scopes, prediction ids, rejects.
func appendActualTexts(dst []byte, a *event.Actuals) []byte {
	for _, m := range a.Models {
		dst = appendText(dst, m)
	}
	for _, s := range a.Scopes {
		dst = appendText(appendText(dst, s.Version), s.Environment)
	}
	dst = appendColumn(dst, &a.IDs)
	return appendRejects(dst, a.Rejects, &a.Rejected)
}

// actualsForm is what the numbers of a record of actuals say about its texts.
type actualsForm struct {
	// bare tells a record that has neither scopes nor withdrawals.
	bare           bool
	models, scopes uint64
}

func (f *actualsForm) readNumbers(c *cursor, a *event.Actuals) {
	f.models = c.uvarint("models")
	if !f.bare {
		f.scopes = c.uvarint("scopes")
	}
	rows := c.count(1+8+1, "rows")
	if f.bare {
		f.scopes = uint64(min(rows, 1))
	}
	if f.scopes > uint64(rows) {
		c.fail("scopes")
		return
	}
	a.ModelOf = grown(a.ModelOf, rows)
	readIndexes(c, a.ModelOf, f.models, "model of a row")
	a.ScopeOf = grown(a.ScopeOf, rows)
	clear(a.ScopeOf)
	if f.scopes != 1 {
		readIndexes(c, a.ScopeOf, f.scopes, "scope of a row")
	}
	a.Known = grown(a.Known, (rows+63)/64)
	if f.bare {
		fillBits(a.Known, rows)
	} else {
		readBits(a.Known, rows, c.bytes(uint64(rows+7)/8, "known"))
	}
	a.Values = grown(a.Values, rows)
	readFloats(a.Values, c.bytes(uint64(rows)*8, "values"))
	a.Observed = grown(a.Observed, rows)
	last := int64(0)
	for i := range a.Observed {
		last += c.varint("observed")
		a.Observed[i] = last
	}
	for i, v := range a.Values {
		if v != 0 && !a.Known.Get(i) {
			c.fail("value of a withdrawal")
			return
		}
	}
}

func (f *actualsForm) readTexts(text []byte, a *event.Actuals) error {
	c := cursor{rest: text}
	if f.models > uint64(len(text)) {
		c.fail("models")
		return c.err
	}
	for range f.models {
		a.Models = append(a.Models, string(c.text("model")))
	}
	if f.bare {
		a.Scopes = append(a.Scopes, make([]event.Scope, f.scopes)...)
	} else {
		f.readScopes(&c, a)
	}
	readColumn(&c, &a.IDs, len(a.ModelOf), "prediction ids")
	a.Rejects = readRejects(&c, a.Rejects, &a.Rejected)
	return c.end("a record of actuals")
}

func (f *actualsForm) readScopes(c *cursor, a *event.Actuals) {
	if f.scopes > uint64(len(c.rest)/scopeBytesMin) {
		c.fail("scopes")
		return
	}
	for range f.scopes {
		a.Scopes = append(a.Scopes, event.Scope{Version: string(c.text("version")), Environment: string(c.text("environment"))})
	}
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
