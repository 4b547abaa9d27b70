package record

import (
	"encoding/binary"
	"math"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
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
		dst = columns.AppendText(dst, m)
	}
	for _, s := range a.Scopes {
		dst = columns.AppendText(columns.AppendText(dst, s.Version), s.Environment)
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

func (f *actualsForm) readNumbers(c *columns.Cursor, a *event.Actuals) {
	f.models = c.Uvarint()
	if !f.bare {
		f.scopes = c.Uvarint()
	}
	rows := c.Count(1+8+1, "rows")
	if f.bare {
		f.scopes = uint64(min(rows, 1))
	}
	if f.scopes > uint64(rows) {
		c.Fail("scopes")
		return
	}
	a.ModelOf = base.Grown(a.ModelOf, rows)
	readIndexes(c, a.ModelOf, f.models, "model of a row")
	a.ScopeOf = base.Grown(a.ScopeOf, rows)
	clear(a.ScopeOf)
	if f.scopes != 1 {
		readIndexes(c, a.ScopeOf, f.scopes, "scope of a row")
	}
	a.Known = base.Grown(a.Known, (rows+63)/64)
	if f.bare {
		fillBits(a.Known, rows)
	} else {
		readBits(a.Known, rows, c.Bytes((rows+7)/8))
	}
	a.Values = base.Grown(a.Values, rows)
	readFloats(a.Values, c.Bytes(rows*8))
	a.Observed = base.Grown(a.Observed, rows)
	last := int64(0)
	for i := range a.Observed {
		last += c.Varint()
		a.Observed[i] = last
	}
	for i, v := range a.Values {
		if v != 0 && !a.Known.Get(i) {
			c.Fail("value of a withdrawal")
			return
		}
	}
}

func (f *actualsForm) readTexts(text []byte, a *event.Actuals, origin *Origin) error {
	c := columns.NewCursor(text, base.ErrCorrupt)
	if f.models > uint64(len(text)) {
		c.Fail("models")
		return c.Err
	}
	for range f.models {
		a.Models = append(a.Models, string(c.Text()))
	}
	if f.bare {
		a.Scopes = append(a.Scopes, make([]event.Scope, f.scopes)...)
	} else {
		f.readScopes(&c, a)
	}
	readColumn(&c, &a.IDs, len(a.ModelOf), "prediction ids")
	a.Rejects = readRejects(&c, a.Rejects, &a.Rejected)
	readOrigin(&c, origin, a.Rejects)
	return c.End()
}

func (f *actualsForm) readScopes(c *columns.Cursor, a *event.Actuals) {
	if f.scopes > uint64(len(c.Rest)/scopeBytesMin) {
		c.Fail("scopes")
		return
	}
	for range f.scopes {
		a.Scopes = append(a.Scopes, event.Scope{Version: string(c.Text()), Environment: string(c.Text())})
	}
}
