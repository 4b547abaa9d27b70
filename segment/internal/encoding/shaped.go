package encoding

import (
	"encoding/binary"

	"github.com/residualdb/residual/internal/columns"
)

// A shaped column of strings is stored as
//
//	literals       number, each: length, bytes
//	shapes         number, each: number of slots, for each slot the number of the literal in front of it (uvarint)
//	               and its slotKind (1 byte); the number of the last literal
//	shape numbers  of the rows, as integers, if there is more than one shape
//	columns        of what stands in the slots, over the rows that have it:
//	    quoted, word  a column of strings
//	    number        places, least, width 1 byte each and the numerals as integers, see numeralStyle; or styleNone and a column of strings
//
// Slots that have the same literal in front of them, the same kind, and the same number of such slots before them in
// their shape share a column: for JSON, those of one key. Columns stand in the order in which the shapes first name
// them.
const (
	styleNone = 255

	shapesMax  = 512
	slotsMax   = 256  // of a shape
	columnsMax = 1024 // of all shapes
)

// slotColumn tells which slots share a column.
type slotColumn struct {
	literal, nth int
	kind         slotKind
}

// shape is what texts have in common: a literal before each slot, and one behind the last.
type shape struct {
	literals []int
	columns  []int

	// For texts to be held against it.
	steps []step
	tail  literal
	// pending are the last rows, of this shape one after the other, that its columns do not count yet.
	pending int
}

// shapedColumn is a column of strings being cut up.
type shapedColumn struct {
	texts    [][]byte // of the literals
	shapes   []shape
	columns  []slotColumn
	values   []slotRows // of the columns, and memory for more
	of       []int64    // shape of each row
	slots    []slot
	key      []byte
	text     columns.Text
	last     []byte // the last value, padded
	literals map[string]int
	known    map[string]int // shapes by literals and kinds
	places   map[slotColumn]int
}

// slotRows are the values of one column: where they are, and for numbers what they are. There is room for all rows.
type slotRows struct {
	rows      int
	bounds    []slotBounds
	mantissas []int64
	forms     []numeralForm
}

// slotBounds is where a value stands in the arena of its column: [from, to).
type slotBounds struct {
	from, to uint32
}

// appendShaped appends t cut up by shapes. ok is false, and dst as it was, if there are too many.
func (e *Encoder) appendShaped(dst []byte, t *columns.Text, depth int) (out []byte, ok bool) {
	if depth == textDepth || t.Len() == 0 {
		return dst, false
	}
	s := &e.shaped[depth]
	if !s.sortByShape(t) {
		return dst, false
	}
	dst = binary.AppendUvarint(append(dst, byte(textShaped)), uint64(len(s.texts)))
	for _, text := range s.texts {
		dst = columns.AppendText(dst, string(text))
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.shapes)))
	for _, shape := range s.shapes {
		dst = binary.AppendUvarint(dst, uint64(len(shape.columns)))
		for i, column := range shape.columns {
			dst = append(binary.AppendUvarint(dst, uint64(shape.literals[i])), byte(s.columns[column].kind))
		}
		dst = binary.AppendUvarint(dst, uint64(shape.literals[len(shape.columns)]))
	}
	if len(s.shapes) > 1 {
		dst = e.AppendInts(dst, s.of)
	}
	for i := range s.columns {
		dst = e.appendSlots(dst, t, &s.values[i], s.columns[i].kind, depth)
	}
	return dst, true
}

func (e *Encoder) appendSlots(dst []byte, t *columns.Text, v *slotRows, kind slotKind, depth int) []byte {
	if kind == slotNumber {
		mantissas := v.mantissas[:v.rows]
		if style, ok := commonStyle(mantissas, v.forms[:v.rows]); ok {
			dst = append(dst, style.places, style.least, style.width)
			return e.AppendInts(dst, mantissas)
		}
		dst = append(dst, styleNone)
	}
	text := &e.shaped[depth].text
	text.Reset()
	for _, b := range v.bounds[:v.rows] {
		text.Append(t.Bytes[b.from:b.to])
	}
	return e.appendTexts(dst, text, depth+1)
}

// sortByShape sorts all values into shapes. It returns false if there are too many for that to pay.
func (s *shapedColumn) sortByShape(t *columns.Text) bool {
	s.reset()
	of := columns.Resize(&s.of, t.Len())
	last := -1
	for i := range of {
		if last < 0 || !s.match(&s.shapes[last], t, i) {
			s.count(last)
			if last = s.find(t, i); last < 0 {
				return false
			}
			if !s.match(&s.shapes[last], t, i) {
				panic("BUG: a text does not match its own shape")
			}
		}
		of[i] = int64(last)
		s.shapes[last].pending++
	}
	s.count(last)
	return true
}

// count counts the rows that matched a shape, if there is one, as those of its columns.
func (s *shapedColumn) count(shape int) {
	if shape < 0 {
		return
	}
	sh := &s.shapes[shape]
	for _, column := range sh.columns {
		s.values[column].rows += sh.pending
	}
	sh.pending = 0
}

func (s *shapedColumn) reset() {
	s.texts, s.shapes, s.columns = s.texts[:0], s.shapes[:0], s.columns[:0]
	if s.known == nil {
		s.literals, s.known, s.places = map[string]int{}, map[string]int{}, map[slotColumn]int{}
	}
	clear(s.literals)
	clear(s.known)
	clear(s.places)
}

// find returns the number of the shape of value i, which it adds if it is new; -1 if that would be one too many: shapes
// that hardly repeat cost more than they save.
func (s *shapedColumn) find(t *columns.Text, i int) int {
	text := t.At(i)
	s.slots = slotsOf(s.slots[:0], text)
	s.key = binary.AppendUvarint(s.key[:0], uint64(len(s.slots)))
	end := 0
	for _, c := range s.slots {
		s.key = append(columns.AppendText(s.key, string(text[c.literal:c.from])), byte(c.kind))
		end = c.to
	}
	s.key = append(s.key, text[end:]...)
	if known, ok := s.known[string(s.key)]; ok {
		return known
	}
	if n := len(s.shapes); len(s.slots) > slotsMax || n >= min(shapesMax, 1+t.Len()/4, 128+i/4) || len(s.columns)+len(s.slots) > columnsMax {
		return -1
	}
	var sh shape
	for j, c := range s.slots {
		literal := s.literal(text[c.literal:c.from])
		nth := 0
		for k := range j {
			if sh.literals[k] == literal && s.slots[k].kind == c.kind {
				nth++
			}
		}
		column := s.column(slotColumn{literal, nth, c.kind}, t.Len())
		sh.literals, sh.columns = append(sh.literals, literal), append(sh.columns, column)
		sh.steps = append(sh.steps, step{newLiteral(s.texts[literal]), column, c.kind})
	}
	sh.literals, sh.tail = append(sh.literals, s.literal(text[end:])), newLiteral(text[end:])
	s.shapes = append(s.shapes, sh)
	s.known[string(s.key)] = len(s.shapes) - 1
	return len(s.shapes) - 1
}

// literal returns the number of a literal.
func (s *shapedColumn) literal(text []byte) int {
	n, ok := s.literals[string(text)]
	if !ok {
		n = len(s.texts)
		s.literals[string(text)] = n
		s.texts = append(s.texts, text)
	}
	return n
}

// column returns the number of a column, which has room for the given number of rows.
func (s *shapedColumn) column(c slotColumn, rows int) int {
	n, ok := s.places[c]
	if ok {
		return n
	}
	n = len(s.columns)
	s.places[c] = n
	s.columns = append(s.columns, c)
	if n == len(s.values) {
		s.values = append(s.values, slotRows{})
	}
	v := &s.values[n]
	v.rows = 0
	columns.Resize(&v.bounds, rows)
	if c.kind == slotNumber {
		columns.Resize(&v.mantissas, rows)
		columns.Resize(&v.forms, rows)
	}
	return n
}
