package encoding

import (
	"encoding/binary"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/digits"
)

// step is a slot of a shape with the literal in front of it, as a text is held against them.
type step struct {
	literal literal
	column  int
	kind    slotKind
}

// literal is a text that stands there whatever the row. Its first wordsLen bytes are compared as words, without a call
// that has to look at the length.
type literal struct {
	len         int
	low, high   uint64 // the first bytes
	lows, highs uint64 // which bits of them count
	rest        []byte // what follows them
}

const wordsLen = 16

func newLiteral(text []byte) literal {
	le := binary.LittleEndian
	var first, used [wordsLen]byte
	n := copy(first[:], text)
	for i := range n {
		used[i] = 0xff
	}
	return literal{
		len: len(text), rest: text[n:],
		low: le.Uint64(first[:]), high: le.Uint64(first[8:]),
		lows: le.Uint64(used[:]), highs: le.Uint64(used[8:]),
	}
}

// differs tells whether the first bytes of l are others than those of b. The rest is not looked at.
func (l *literal) differs(b *[wordsLen]byte) bool {
	low, high := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	return (low^l.low)&l.lows|(high^l.high)&l.highs != 0
}

// at tells whether l is what b[at:end] begins with. Behind end there are wordsLen bytes or more.
func (l *literal) at(b []byte, at, end int) bool {
	if l.differs((*[wordsLen]byte)(b[at:])) || at+l.len > end {
		return false
	}
	return len(l.rest) == 0 || string(b[at+wordsLen:at+l.len]) == string(l.rest)
}

// match tells whether value i of t has the given shape. If so, the texts in its slots are the next row of their columns,
// which [shapedColumn.count] counts later, many at once. Literals and numbers are compared and read in words of eight
// bytes: to cut features of three numbers into slots takes 36 ns a row instead of 58, of about 600 ns for a row loaded
// (BenchmarkBlockEncode). Equivalent: slotsOf.
func (s *shapedColumn) match(sh *shape, t *columns.Text, i int) bool {
	b, at, end, base := s.padded(t, i)
	for j := range sh.steps {
		p := &sh.steps[j]
		l := &p.literal
		if l.differs((*[wordsLen]byte)(b[at:])) || len(l.rest) > 0 && !l.at(b, at, end) {
			return false
		}
		if at += l.len; at > end {
			return false
		}
		v := &s.values[p.column]
		row := v.rows + sh.pending
		var n int
		var ok bool
		if p.kind == slotNumber {
			n, ok = v.number(row, b, at, end)
		} else {
			n, ok = slotLen(b[at:end], p.kind)
		}
		if !ok {
			return false
		}
		v.bounds[row] = slotBounds{uint32(base + at), uint32(base + at + n)}
		at += n
	}
	return end-at == sh.tail.len && sh.tail.at(b, at, end)
}

// padded returns value i of t as b[at:end], with wordsLen bytes or more behind it; b is the arena from base on.
func (s *shapedColumn) padded(t *columns.Text, i int) (b []byte, at, end, base int) {
	at, end = int(t.Start(i)), int(t.Ends[i])
	if end+wordsLen <= len(t.Bytes) {
		return t.Bytes, at, end, 0
	}
	var zeros [wordsLen]byte
	s.last = append(append(s.last[:0], t.Bytes[at:end]...), zeros[:]...)
	return s.last, 0, end - at, at
}

// number puts the number at the front of b[at:end] into a row, and returns its length. ok is false if there is none.
// There are wordsLen bytes or more behind end. Most numbers are a few digits and nothing else.
func (v *slotRows) number(row int, b []byte, at, end int) (length int, ok bool) {
	word := binary.LittleEndian.Uint64(b[at:])
	if n := digits.Count(word); uint(n-1) < 7 && at+n <= end && (n == 1 || byte(word) != '0') {
		if next := byte(word >> (8 * n & 63)); next != '.' && next|0x20 != 'e' {
			v.mantissas[row], v.forms[row] = int64(digits.Value(word, n)), numeralForm(n)<<8
			return n, true
		}
	}
	number, n := scanNumeral(b[at:end])
	v.mantissas[row], v.forms[row] = number.mantissa, number.form
	return n, n > 0
}
