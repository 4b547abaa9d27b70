package segment

import (
	"encoding/binary"
	"slices"
)

// A shaped column of strings is stored as
//
//	number of shapes
//	each shape   number of slots; for each slot: literal (length, bytes), slotKind 1 byte; the last literal
//	shape numbers of the rows, as integers, if there is more than one shape
//	each slot of each shape, over the rows of that shape:
//	    quoted, word  a column of strings
//	    number        places, least, width 1 byte each and the numerals as integers, see numeralStyle; or 255 and a column of strings
const styleNone = 255

// shapedColumn is a column of strings being cut up.
type shapedColumn struct {
	shapes []shapeRows
	used   int     // of shapes; the rest is memory for more
	of     []int64 // shape of each row
	text   Text
}

// shapeRows are the rows of one shape.
type shapeRows struct {
	shape shape
	rows  int
	slots []slotRows
}

// slotRows are the values of one slot: where they are in the column, and for numbers what they are. They have room for all rows of the column.
type slotRows struct {
	bounds    []span
	mantissas []int64
	forms     []numeralForm
}

// span is [from, to).
type span struct {
	from, to uint32
}

// appendShaped appends t cut up by shapes. ok is false, and dst as it was, if there are too many.
func (e *encoder) appendShaped(dst []byte, t *Text, depth int) (out []byte, ok bool) {
	if depth == textDepth || t.Len() == 0 {
		return dst, false
	}
	s := &e.shaped[depth]
	if !s.cut(t) {
		return dst, false
	}
	dst = binary.AppendUvarint(append(dst, byte(textShaped)), uint64(s.used))
	for i := range s.used {
		shape := &s.shapes[i].shape
		dst = binary.AppendUvarint(dst, uint64(len(shape.kinds)))
		for j, kind := range shape.kinds {
			dst = append(appendString(dst, string(shape.literals[j])), byte(kind))
		}
		dst = appendString(dst, string(shape.literals[len(shape.kinds)]))
	}
	if s.used > 1 {
		dst = e.appendInts(dst, s.of, planInts(s.of))
	}
	for i := range s.used {
		for j, kind := range s.shapes[i].shape.kinds {
			dst = e.appendSlot(dst, t, &s.shapes[i].slots[j], s.shapes[i].rows, kind, depth)
		}
	}
	return dst, true
}

func (e *encoder) appendSlot(dst []byte, t *Text, slot *slotRows, rows int, kind slotKind, depth int) []byte {
	if kind == slotNumber {
		mantissas := slot.mantissas[:rows]
		if style, ok := commonStyle(mantissas, slot.forms[:rows]); ok {
			dst = append(dst, style.places, style.least, style.width)
			return e.appendInts(dst, mantissas, planInts(mantissas))
		}
		dst = append(dst, styleNone)
	}
	text := &e.shaped[depth].text
	text.Reset()
	for _, b := range slot.bounds[:rows] {
		text.Append(t.Bytes[b.from:b.to])
	}
	return e.appendTexts(dst, text, depth+1)
}

// cut sorts all values into shapes. It returns false if there are too many for that to pay.
func (s *shapedColumn) cut(t *Text) bool {
	s.used = 0
	of := grow(&s.of, t.Len())
	last := -1
	for i := range of {
		if last < 0 || !s.match(last, t, i) {
			if last = s.find(t, i); last < 0 {
				return false
			}
		}
		of[i] = int64(last)
		s.shapes[last].rows++
	}
	return true
}

// match tells whether a value has the given shape, and then takes its slots.
func (s *shapedColumn) match(shape int, t *Text, i int) bool {
	r := &s.shapes[shape]
	return r.shape.match(t.At(i), int(t.start(i)), r.slots, r.rows)
}

// find returns the number of the shape that matches value i, -1 if that would be one too many: shapes that hardly repeat cost more than they save.
func (s *shapedColumn) find(t *Text, i int) int {
	for j := range s.used {
		if s.match(j, t, i) {
			return j
		}
	}
	shape, ok := shapeOf(t.At(i))
	if !ok || s.used >= min(shapesMax, 1+t.Len()/8, 8+i/2) {
		return -1
	}
	if s.used == len(s.shapes) {
		s.shapes = append(s.shapes, shapeRows{})
	}
	r := &s.shapes[s.used]
	r.shape, r.rows = shape, 0
	for len(r.slots) < len(shape.kinds) {
		r.slots = append(r.slots, slotRows{})
	}
	for j, kind := range shape.kinds {
		grow(&r.slots[j].bounds, t.Len())
		if kind == slotNumber {
			grow(&r.slots[j].mantissas, t.Len())
			grow(&r.slots[j].forms, t.Len())
		}
	}
	s.used++
	if !s.match(s.used-1, t, i) {
		panic("BUG: a text does not match its own shape")
	}
	return s.used - 1
}

// shapedScratch is a shaped column being put together.
type shapedScratch struct {
	shapes []shape
	of     []int64
	slots  []slotValues // of all shapes, one after the other
	next   []shapePlace
}

// slotValues are the values of one slot.
type slotValues struct {
	style numeralStyle // width styleNone: in text
	ints  []int64
	text  Text
}

// shapePlace is where the next row of a shape is.
type shapePlace struct {
	slot, row, rows int
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
	for _, shape := range of {
		if c.err != nil || uint64(shape) >= uint64(len(s.shapes)) {
			c.fail("number of a shape")
			return
		}
		s.next[shape].rows++
	}
	for i := range s.shapes {
		for j, kind := range s.shapes[i].kinds {
			sc.decodeSlot(c, &s.slots[s.next[i].slot+j], kind, s.next[i].rows, depth)
		}
	}
	if c.err != nil {
		return
	}
	for _, shape := range of {
		s.next[shape].append(&dst.Bytes, s, &s.shapes[shape])
		if len(dst.Bytes) > textBytesMax {
			c.fail("text too long")
			return
		}
		dst.Ends = append(dst.Ends, uint32(len(dst.Bytes)))
	}
}

func (s *shapedScratch) decodeShapes(c *cursor) {
	s.shapes, s.next = s.shapes[:0], s.next[:0]
	slots := 0
	for range c.count("shapes") {
		n := c.count("slots")
		if n > slotsMax || len(s.shapes) == shapesMax {
			c.fail("number of slots or shapes")
		}
		var shape shape
		for range n {
			shape.literals = append(shape.literals, c.block())
			shape.kinds = append(shape.kinds, slotKind(c.byte()))
			if shape.kinds[len(shape.kinds)-1] >= slotKinds {
				c.fail("kind of a slot")
			}
		}
		shape.literals = append(shape.literals, c.block())
		if c.err != nil {
			return
		}
		s.shapes = append(s.shapes, shape)
		s.next = append(s.next, shapePlace{slot: slots})
		slots += n
	}
	s.slots = slices.Grow(s.slots[:0], slots)[:slots]
}

func (sc *Scratch) decodeSlot(c *cursor, values *slotValues, kind slotKind, n, depth int) {
	values.style = numeralStyle{width: styleNone}
	if kind == slotNumber {
		if values.style.places = c.byte(); values.style.places != styleNone {
			values.style.least, values.style.width = c.byte(), c.byte()
			if !values.style.valid() {
				c.fail("style of numerals")
				return
			}
			decodeInts(c, grow(&values.ints, n))
			return
		}
	}
	values.text.Reset()
	if c.err == nil {
		sc.decodeTexts(c, &values.text, n, depth+1)
	}
}

// append appends the next row of a shape.
func (p *shapePlace) append(dst *[]byte, s *shapedScratch, shape *shape) {
	b := *dst
	for i := range shape.kinds {
		b = append(b, shape.literals[i]...)
		values := &s.slots[p.slot+i]
		if values.style.width == styleNone {
			b = append(b, values.text.At(p.row)...)
		} else {
			b = values.style.append(b, values.ints[p.row])
		}
	}
	p.row++
	*dst = append(b, shape.literals[len(shape.kinds)]...)
}
