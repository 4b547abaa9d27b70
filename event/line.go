package event

import "slices"

// row is one event of either data source, read but not yet appended. Its byte slices point into the line or into the
// Decoder's scratch memory, and are valid until the next line.
type row struct {
	// given are the columns that have a value; the others are those of an earlier line. Of the columns where null says
	// something, nulls are those that are null.
	given, nulls columnSet

	time              int64
	predicted, actual float64

	// text holds the columns that are texts. Names have slack, and words are their [shortWords].
	text  [colNone][]byte
	words [colNone]nameWords
}

// nameWords are the first shortName bytes of a name.
type nameWords struct{ lo, hi uint64 }

// readLine reads one event from line, which has slack, into d.row, by a known layout if it has one. On a fault it
// returns the column at fault, or colNone; which of the two paths ran does not show.
func (d *Decoder) readLine(line []byte) (column, fault) {
	if d.readKnownLine(line) {
		return d.complete(line)
	}
	c, f := d.readAnyLine(line)
	if l := &d.src.layouts; f == faultNone && !d.unlike && l.worthLearning() {
		l.learn(line, d.values, false)
	} else {
		l.miss()
	}
	if f != faultNone {
		return c, f
	}
	return d.complete(line)
}

// readKnownLine reads one event from a line of a known layout. It returns false if the line has none, or is at fault in
// any way: readAnyLine then says how. Equivalent: readAnyLine.
func (d *Decoder) readKnownLine(line []byte) bool {
	l := &d.src.layouts
	if !l.worthTrying() {
		return false
	}
	d.row.given, d.row.nulls = 0, 0
	d.scratch = d.scratch[:0]
	x, i := l.latest, 0
	steps := l.known[x].steps
	for k := 0; ; k++ {
		s := &steps[k]
		if !s.begins(line, i) || len(s.rest) != 0 && !s.restMatches(line, i) {
			if x = l.find(line, i, x, k); x < 0 {
				return false
			}
			steps = l.known[x].steps
			s = &steps[k]
		}
		i += s.size
		if s.last {
			break
		}
		var f fault
		if i, f = d.readValue(line, i, s.col); f != faultNone {
			return false
		}
	}
	if i != len(line) {
		return false
	}
	l.hit(x)
	return true
}

// readAnyLine reads one event by the strict grammar, whatever its layout. line is everything of it, white space around
// it included, and has slack. On a fault it returns the column at fault, or colNone.
func (d *Decoder) readAnyLine(line []byte) (column, fault) {
	d.row.given, d.row.nulls = 0, 0
	d.scratch = d.scratch[:0]
	d.values = d.values[:0]
	d.unlike = d.src.shape != nil && !d.src.shape.learnable
	i := scanSpace(line, 0)
	switch {
	case i >= len(line):
		return colNone, faultEnd
	case line[i] == '[':
		return colNone, faultArray
	case line[i] != '{':
		return colNone, faultNotObject
	}
	var end int
	var c column
	var f fault
	if s := d.src.shape; s != nil {
		end, c, f = d.readShaped(line, i, s.root)
	} else {
		end, c, f = d.readObject(line, i)
	}
	if f != faultNone {
		return c, f
	}
	if scanSpace(line, end) != len(line) {
		return colNone, faultTrailing
	}
	c = d.src.firstMissing(d.row.given | d.row.nulls)
	switch {
	case c == colNone:
		return colNone, faultNone
	case d.src.nullable&c.bit() != 0:
		return c, faultUnsaid
	}
	return c, faultMissing
}

// readObject reads the object whose brace is at i into d.row.
func (d *Decoder) readObject(b []byte, i int) (int, column, fault) {
	i = scanSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, colNone, faultNone
	}
	scope := d.check.names.open()
	end, c, f := d.readMembers(b, i, &scope)
	d.check.names.close(&scope)
	return end, c, f
}

// readMembers reads the members of an object, of which the first is at i, and its closing brace.
func (d *Decoder) readMembers(b []byte, i int, scope *nameScope) (int, column, fault) {
	var seen columnSet
	learn := d.src.layouts.worthLearning()
	for {
		c, end, f := d.readKey(b, i, scope)
		if f != faultNone {
			return end, colNone, f
		}
		if c != colNone && seen&c.bit() != 0 {
			return i, c, faultDuplicate
		}
		seen |= c.bit()
		token, at, value := scanToken(b, end)
		if token != ':' {
			return at, colNone, endOr(b, at, faultToken)
		}
		if end, f = d.readValue(b, value, c); f != faultNone {
			return end, c, f
		}
		if learn {
			d.values = append(d.values, span{start: value, end: end, col: c})
		}
		if token, at, i = scanToken(b, end); token == ',' {
			continue
		}
		if token == '}' {
			return at + 1, colNone, faultNone
		}
		return at, colNone, endOr(b, at, faultToken)
	}
}

// readKey reads the key at i. It returns its column, or colNone if it is none and occurs for the first time, and the
// index behind it.
func (d *Decoder) readKey(b []byte, i int, scope *nameScope) (column, int, fault) {
	if i < len(b) && b[i] == '"' {
		if c, end := d.src.columnAt(b, i+1); c != colNone {
			return c, end, faultNone
		}
	}
	end, escaped, f := scanKey(b, i)
	if f != faultNone {
		return colNone, end, f
	}
	if escaped {
		if c := d.columnOf(b[i+1 : end]); c != colNone {
			return c, end + 1, faultNone
		}
	}
	if !d.check.names.add(scope, b, i+1, end, escaped) {
		return colNone, i, faultDuplicate
	}
	return colNone, end + 1, faultNone
}

// columnOf returns the column that a key, as written, names.
func (d *Decoder) columnOf(key []byte) column {
	mark := len(d.scratch)
	d.scratch = append(unescape(d.scratch, key), '"')
	d.scratch = slices.Grow(d.scratch, slack)
	if c, end := d.src.columnAt(d.scratch, mark); end == len(d.scratch) {
		return c
	}
	return colNone
}

// readValue reads the value at i into column c of d.row, or only checks it if c is colNone. It returns the index behind
// the value, or its first fault.
func (d *Decoder) readValue(b []byte, i int, c column) (end int, f fault) {
	r := &d.row
	r.given |= c.bit()
	var ok bool
	switch c {
	case colModel, colID, colVersion, colEnvironment:
		w := &r.words[c]
		if w.lo, w.hi, end, ok = scanName(b, i); ok {
			r.text[c] = b[i+1 : end-1]
			return end, faultNone
		}
	case colPredicted:
		if r.predicted, end, f = readFloat(b, i); f == faultNone {
			return end, faultNone
		}
	case colActual:
		if r.actual, end, f = readFloat(b, i); f == faultNone {
			return end, faultNone
		}
	case colTimestamp:
		if i < len(b) && b[i] == '"' {
			return d.readTimestamp(b, i)
		}
	case colFeatures:
		if end, ok = d.readKnownFeatures(b, i); ok {
			return end, faultNone
		}
	case colNone:
	}
	return d.readOtherValue(b, i, c)
}

// readOtherValue is readValue for a value that is not written in the usual way, null, or at fault.
func (d *Decoder) readOtherValue(b []byte, i int, c column) (int, fault) {
	if c == colNone {
		return d.check.value(b, i, 1)
	}
	if i < len(b) && b[i] == 'n' {
		return d.readNull(b, i, c)
	}
	if s := d.src.shape; s != nil && i < len(b) && (b[i] == '-' || b[i] >= '0' && b[i] <= '9') {
		switch {
		case c == colTimestamp && s.unit != 0:
			return d.readEpoch(b, i, s.unit)
		case s.integers&c.bit() != 0:
			return d.readInteger(b, i, c)
		}
	}
	switch c {
	case colTimestamp:
		return d.readTimestamp(b, i)
	case colFeatures:
		return d.readFeatures(b, i)
	case colPredicted, colActual:
		return d.numberFault(b, i)
	default:
		return d.readName(b, i, c)
	}
}

// readNull reads a value that begins like null.
func (d *Decoder) readNull(b []byte, i int, c column) (int, fault) {
	d.row.given &^= c.bit()
	end, f := literal(b, i, "null")
	switch {
	case f != faultNone:
	case d.src.nullable&c.bit() != 0:
		d.row.nulls |= c.bit()
	case d.src.required&c.bit() != 0:
		f = faultNull
	}
	return end, f
}

// readText reads the string at i without its escapes; the text has slack. A value of another type is the fault other.
func (d *Decoder) readText(b []byte, i int, other fault) (text []byte, end int, f fault) {
	if i >= len(b) || b[i] != '"' {
		end, f = d.wrongType(b, i, other)
		return nil, end, f
	}
	if end = scanPlain(b, i+1); end < len(b) && b[end] == '"' {
		return b[i+1 : end], end + 1, faultNone
	}
	mark := len(d.scratch)
	if d.scratch, end, f = appendString(d.scratch, b, i+1); f != faultNone {
		return nil, end, f
	}
	return d.scratch[mark:], end + 1, faultNone
}

// wrongType returns the fault of a value of another type than the column's, once it proves to be sound JSON.
func (d *Decoder) wrongType(b []byte, i int, other fault) (int, fault) {
	end, f := d.check.value(b, i, 1)
	if f == faultNone {
		f = other
	}
	return end, f
}

// numberFault returns the fault of a value that should be a number.
func (d *Decoder) numberFault(b []byte, i int) (int, fault) {
	if i < len(b) {
		switch b[i] {
		case '"':
			return d.wrongType(b, i, faultQuotedNumber)
		case '{', '[', 't', 'f':
			return d.wrongType(b, i, faultWantNumber)
		}
	}
	_, end, f := readFloat(b, i)
	return end, f
}
