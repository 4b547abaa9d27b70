package event

import (
	"slices"
	"unicode/utf8"
)

// escapedJSON reads a JSON text as it lies inside a JSON string, where each of
// its quotes is written \": it checks the text and writes it down without the
// backslashes in one pass. It gives up, with false, at an escape that the inner
// text needs too, and at any fault. Equivalent: appendString, then
// checker.features. Its methods take and return where they are in b and in out.
type escapedJSON struct {
	b     []byte
	out   []byte // has room for the rest of b and slack
	mark  int    // where in out the text begins
	names *nameStack

	// scalars are where strings, numbers and literals lie in the text that begins
	// at start, if its layout is to be learned.
	learn   bool
	start   int
	scalars []span
}

// begin makes room in d.scratch for what the text at i stands for. e is zero.
func (e *escapedJSON) begin(d *Decoder, b []byte, i int) {
	e.mark = len(d.scratch)
	d.scratch = slices.Grow(d.scratch, len(b)-i+slack)
	e.b, e.out, e.names = b, d.scratch[:cap(d.scratch)], &d.check.names
}

// endEscaped takes what was written up to o for the features, if the text ends at
// i and is no longer than allowed.
func (d *Decoder) endEscaped(e *escapedJSON, i, o int) bool {
	if i >= len(e.b) || e.b[i] != '"' || o-e.mark > FeaturesBytesMax {
		return false
	}
	d.scratch = e.out[:o]
	d.row.text[colFeatures] = d.scratch[e.mark:]
	return true
}

// readEscaped reads the features text whose quote is at i, and returns the index
// behind the closing one.
func (d *Decoder) readEscaped(b []byte, i int) (end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	i++
	var e escapedJSON
	e.begin(d, b, i)
	start := i
	e.start, e.learn, e.scalars = start, d.features.worthLearning(), d.scalars[:0]
	i, o := e.space(i, e.mark)
	if i, o, ok = e.value(i, o, 0); !ok {
		return i, false
	}
	i, o = e.space(i, o)
	if !d.endEscaped(&e, i, o) {
		return i, false
	}
	d.scalars = e.scalars
	if e.learn {
		d.features.learn(b[start:i], e.scalars, true)
	} else {
		d.features.miss()
	}
	return i + 1, true
}

// space passes over spaces; other white space has to be escaped in a string.
func (e *escapedJSON) space(i, o int) (int, int) {
	for i < len(e.b) && e.b[i] == ' ' {
		e.out[o] = ' '
		i, o = i+1, o+1
	}
	return i, o
}

// value reads the value at i, inside depth open containers.
func (e *escapedJSON) value(i, o, depth int) (int, int, bool) {
	if i >= len(e.b) {
		return i, o, false
	}
	switch c := e.b[i]; {
	case c == '{' && depth < DepthMax:
		return e.object(i, o, depth)
	case c == '[' && depth < DepthMax:
		return e.array(i, o, depth)
	}
	end, o, ok := e.scalar(i, o)
	if e.learn {
		e.scalars = append(e.scalars, span{start: i - e.start, end: end - e.start, col: colNone})
	}
	return end, o, ok
}

// scalar reads the string, number or literal at i.
func (e *escapedJSON) scalar(i, o int) (int, int, bool) {
	if i >= len(e.b) {
		return i, o, false
	}
	switch c := e.b[i]; {
	case c == '\\':
		return e.text(i, o)
	case c <= '9':
		return e.number(i, o)
	}
	return e.literal(i, o)
}

// object reads the object whose brace is at i.
func (e *escapedJSON) object(i, o, depth int) (int, int, bool) {
	e.out[o] = '{'
	i, o = e.space(i+1, o+1)
	if i < len(e.b) && e.b[i] == '}' {
		e.out[o] = '}'
		return i + 1, o + 1, true
	}
	scope := e.names.open()
	more, ok := true, true
	for more && ok {
		key := o + len(`"`)
		if i, o, ok = e.text(i, o); !ok {
			break
		}
		if ok = e.names.add(&scope, e.out, key, o-len(`"`), false); !ok {
			break
		}
		i, o = e.space(i, o)
		if ok = i < len(e.b) && e.b[i] == ':'; !ok {
			break
		}
		e.out[o] = ':'
		i, o = e.space(i+1, o+1)
		if i, o, ok = e.value(i, o, depth+1); ok {
			i, o, more, ok = e.separator(i, o, '}')
		}
	}
	e.names.close(&scope)
	return i, o, ok
}

// array reads the array whose bracket is at i.
func (e *escapedJSON) array(i, o, depth int) (int, int, bool) {
	e.out[o] = '['
	i, o = e.space(i+1, o+1)
	if i < len(e.b) && e.b[i] == ']' {
		e.out[o] = ']'
		return i + 1, o + 1, true
	}
	more, ok := true, true
	for more && ok {
		if i, o, ok = e.value(i, o, depth+1); ok {
			i, o, more, ok = e.separator(i, o, ']')
		}
	}
	return i, o, ok
}

// separator reads a comma and the spaces behind it, or the closing byte.
func (e *escapedJSON) separator(i, o int, closing byte) (end, out int, more, ok bool) {
	i, o = e.space(i, o)
	if i >= len(e.b) {
		return i, o, false, false
	}
	c := e.b[i]
	e.out[o] = c
	i, o = i+1, o+1
	if c == ',' {
		i, o = e.space(i, o)
		return i, o, true, true
	}
	return i, o, false, c == closing
}

// text reads the string whose \" is at i.
func (e *escapedJSON) text(i, o int) (int, int, bool) {
	b := e.b
	if len(b)-i < 2 || b[i] != '\\' || b[i+1] != '"' {
		return i, o, false
	}
	e.out[o] = '"'
	i, o = i+2, o+1
	for i < len(b) {
		w := load(b, i)
		store(e.out, o, w)
		marks := stops(w)
		if marks == 0 {
			i, o = i+8, o+8
			continue
		}
		n := firstLane(marks)
		i, o = i+n, o+n
		if len(b)-i < 2 {
			break
		}
		if b[i] == '\\' && b[i+1] == '"' {
			e.out[o] = '"'
			return i + 2, o + 1, true
		}
		r, size, f := scanRune(b, i)
		if f != faultNone || r < 0x20 || r == '"' || r == '\\' || b[i] == '"' {
			break
		}
		o = len(utf8.AppendRune(e.out[:o], r))
		i += size
	}
	return i, o, false
}

// number reads the number at i; what may follow it is for the caller to say.
func (e *escapedJSON) number(i, o int) (int, int, bool) {
	b, start := e.b, i
	if b[i] == '-' {
		i++
	}
	first := i
	i = scanDigits(b, i)
	if i == first || b[first] == '0' && i-first > 1 {
		return i, o, false
	}
	if i < len(b) && b[i] == '.' {
		point := i + 1
		if i = scanDigits(b, point); i == point {
			return i, o, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		power := i
		if i = scanDigits(b, i); i == power {
			return i, o, false
		}
	}
	for j := start; j < i; j += 8 {
		store(e.out, o+j-start, load(b, j))
	}
	return i, o + i - start, true
}

// literal reads true, false or null at i.
func (e *escapedJSON) literal(i, o int) (int, int, bool) {
	for _, word := range [...]string{"true", "false", "null"} {
		if end, f := literal(e.b, i, word); f == faultNone {
			return end, o + copy(e.out[o:], word), true
		}
	}
	return i, o, false
}
