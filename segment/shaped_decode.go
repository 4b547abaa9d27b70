package segment

import "slices"

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
	text       Text
}

// decodeShaped appends n values to dst from the front of c.
func (sc *Scratch) decodeShaped(c *cursor, dst *Text, n, depth int) {
	s := &sc.shaped[depth]
	s.decodeShapes(c)
	of := grow(&s.of, n)
	clear(of)
	if len(s.shapes) > 1 {
		decodeInts(c, of)
	}
	rows := grow(&s.rows, len(s.shapes))
	clear(rows)
	for _, shape := range of {
		if c.err != nil || uint64(shape) >= uint64(len(rows)) {
			c.fail("number of a shape")
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
		sc.decodeSlots(c, &s.values[i], s.columns[i].kind, depth)
	}
	if c.err != nil {
		return
	}
	for _, shape := range of {
		dst.Bytes = s.appendRow(dst.Bytes, &s.shapes[shape])
		if len(dst.Bytes) > textBytesMax {
			c.fail("text too long")
			return
		}
		dst.Ends = append(dst.Ends, uint32(len(dst.Bytes)))
	}
}

// decodeShapes reads literals and shapes, and makes the columns that they name, without rows.
func (s *shapedScratch) decodeShapes(c *cursor) {
	s.literals, s.shapes, s.columns = s.literals[:0], s.shapes[:0], s.columns[:0]
	for range c.count("literals") {
		s.literals = append(s.literals, c.block())
	}
	if s.places == nil {
		s.places = map[slotColumn]int{}
	}
	clear(s.places)
	for range c.count("shapes") {
		n := c.count("slots")
		if n > slotsMax || len(s.shapes) == shapesMax {
			c.fail("number of slots or shapes")
		}
		if c.err != nil {
			break
		}
		s.shapes = append(s.shapes, s.decodeShape(c, n))
	}
	if c.err != nil {
		s.shapes, s.columns = s.shapes[:0], s.columns[:0]
	}
	s.values = slices.Grow(s.values[:0], len(s.columns))[:len(s.columns)]
	for i := range s.values {
		s.values[i].rows, s.values[i].next = 0, 0
	}
}

func (s *shapedScratch) decodeShape(c *cursor, slots int) (sh shape) {
	literal := func() int {
		n := c.uvarint()
		if n >= uint64(len(s.literals)) {
			c.fail("number of a literal")
			return 0
		}
		return int(n)
	}
	nth := map[slotColumn]int{}
	for range slots {
		column := slotColumn{literal: literal(), kind: slotKind(c.byte())}
		if column.kind >= slotKinds {
			c.fail("kind of a slot")
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
		c.fail("number of columns")
	}
	return sh
}

func (sc *Scratch) decodeSlots(c *cursor, v *slotValues, kind slotKind, depth int) {
	v.style = numeralStyle{width: styleNone}
	if kind == slotNumber {
		if v.style.places = c.byte(); v.style.places != styleNone {
			v.style.least, v.style.width = c.byte(), c.byte()
			if !v.style.valid() {
				c.fail("style of numerals")
				return
			}
			decodeInts(c, grow(&v.ints, v.rows))
			return
		}
	}
	v.text.Reset()
	if c.err == nil {
		sc.decodeTexts(c, &v.text, v.rows, depth+1)
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
