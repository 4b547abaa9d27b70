package encoding

import (
	"slices"

	"github.com/residualdb/residual/internal/columns"
)

// shapedScratch is a shaped column being put together.
type shapedScratch struct {
	literals [][]byte
	shapes   []shape
	rows     []int // of each shape
	columns  []slotColumn
	values   []slotValues
	of       []int64
	places   map[slotColumn]int
}

// slotValues are the values of one column.
type slotValues struct {
	rows, next int
	style      numeralStyle // width styleNone: in text
	ints       []int64
	text       columns.Text
}

// decodeShaped appends n values to dst from the front of c.
func (d *Decoder) decodeShaped(c *columns.Cursor, dst *columns.Text, n, depth int) {
	s := &d.shaped[depth]
	s.decodeShapes(c)
	of := columns.Resize(&s.of, n)
	clear(of)
	if len(s.shapes) > 1 {
		DecodeInts(c, of)
	}
	rows := columns.Resize(&s.rows, len(s.shapes))
	clear(rows)
	for _, shape := range of {
		if c.Err != nil || uint64(shape) >= uint64(len(rows)) {
			c.Fail("number of a shape")
			return
		}
		rows[shape]++
	}
	for i, shape := range s.shapes {
		for _, column := range shape.columns {
			s.values[column].rows += rows[i]
		}
	}
	for i := range s.columns {
		d.decodeSlots(c, &s.values[i], s.columns[i].kind, depth)
	}
	if c.Err != nil {
		return
	}
	for _, shape := range of {
		dst.Bytes = s.appendRow(dst.Bytes, &s.shapes[shape])
		if len(dst.Bytes) > TextBytesMax {
			c.Fail("text too long")
			return
		}
		dst.Ends = append(dst.Ends, uint32(len(dst.Bytes)))
	}
}

// decodeShapes reads literals and shapes, and makes the columns that they name, without rows.
func (s *shapedScratch) decodeShapes(c *columns.Cursor) {
	s.literals, s.shapes, s.columns = s.literals[:0], s.shapes[:0], s.columns[:0]
	for range c.Count(1, "literals") {
		s.literals = append(s.literals, c.Text())
	}
	if s.places == nil {
		s.places = map[slotColumn]int{}
	}
	clear(s.places)
	for range c.Count(1, "shapes") {
		n := c.Count(1, "slots")
		if n > slotsMax || len(s.shapes) == shapesMax {
			c.Fail("number of slots or shapes")
		}
		if c.Err != nil {
			break
		}
		s.shapes = append(s.shapes, s.decodeShape(c, n))
	}
	if c.Err != nil {
		s.shapes, s.columns = s.shapes[:0], s.columns[:0]
	}
	s.values = slices.Grow(s.values[:0], len(s.columns))[:len(s.columns)]
	for i := range s.values {
		s.values[i].rows, s.values[i].next = 0, 0
	}
}

func (s *shapedScratch) decodeShape(c *columns.Cursor, slots int) (sh shape) {
	literal := func() int {
		n := c.Uvarint()
		if n >= uint64(len(s.literals)) {
			c.Fail("number of a literal")
			return 0
		}
		return int(n)
	}
	nth := map[slotColumn]int{}
	for range slots {
		column := slotColumn{literal: literal(), kind: slotKind(c.Uint8())}
		if column.kind >= slotKinds {
			c.Fail("kind of a slot")
		}
		before := nth[column]
		nth[column]++
		column.nth = before
		place, ok := s.places[column]
		if !ok {
			place = len(s.columns)
			s.places[column] = place
			s.columns = append(s.columns, column)
		}
		sh.literals, sh.columns = append(sh.literals, column.literal), append(sh.columns, place)
	}
	sh.literals = append(sh.literals, literal())
	if len(s.columns) > columnsMax {
		c.Fail("number of columns")
	}
	return sh
}

func (d *Decoder) decodeSlots(c *columns.Cursor, v *slotValues, kind slotKind, depth int) {
	v.style = numeralStyle{width: styleNone}
	if kind == slotNumber {
		if v.style.places = c.Uint8(); v.style.places != styleNone {
			v.style.least, v.style.width = c.Uint8(), c.Uint8()
			if !v.style.valid() {
				c.Fail("style of numerals")
				return
			}
			DecodeInts(c, columns.Resize(&v.ints, v.rows))
			return
		}
	}
	v.text.Reset()
	if c.Err == nil {
		d.decodeTexts(c, &v.text, v.rows, depth+1)
	}
}

// appendRow appends the next row of a shape.
func (s *shapedScratch) appendRow(b []byte, sh *shape) []byte {
	for i, column := range sh.columns {
		b = append(b, s.literals[sh.literals[i]]...)
		v := &s.values[column]
		if v.style.width == styleNone {
			b = append(b, v.text.At(v.next)...)
		} else {
			b = v.style.append(b, v.ints[v.next])
		}
		v.next++
	}
	return append(b, s.literals[sh.literals[len(sh.columns)]]...)
}
