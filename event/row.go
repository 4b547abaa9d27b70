package event

import "slices"

// row is one event of either data source, read but not yet appended. Its byte
// slices point into the line or into the Decoder's scratch memory, and are valid
// until the next line.
type row struct {
	// given are the columns that have a value; the others are those of an earlier
	// line. Of the columns where null says something, nulls are those that are null.
	given, nulls columnSet

	time              int64
	predicted, actual float64

	// transient says that names are, or may be, no part of the body, but of memory
	// that the next line takes.
	transient bool

	// text holds the columns that are texts. Names have slack, and words are their
	// [shortWords].
	text  [colNone][]byte
	words [colNone]nameWords
}

// nameWords are the first shortName bytes of a name.
type nameWords struct{ lo, hi uint64 }

// setName sets column c to a name, which has slack.
func (r *row) setName(c column, text []byte) {
	w := &r.words[c]
	w.lo, w.hi = shortWords(text)
	r.text[c] = text
}

// read reads one event from line into d.row, by a known layout if it has one. On
// a fault it returns the column at fault, or colNone; which of the two paths ran
// does not show.
func (d *Decoder) read(line []byte) (column, fault) {
	if d.readKnown(line) {
		return colNone, faultNone
	}
	c, f := d.readRow(line)
	if l := &d.src.layouts; f == faultNone && l.worthLearning() {
		l.learn(line, d.values, false)
	} else {
		l.miss()
	}
	return c, f
}

// readRow reads one event by the strict grammar, whatever its layout. line is
// everything of it, white space around it included, and has slack. On a fault it
// returns the column at fault, or colNone.
func (d *Decoder) readRow(line []byte) (column, fault) {
	d.row.given, d.row.nulls = 0, 0
	d.scratch = d.scratch[:0]
	d.values = d.values[:0]
	i := scanSpace(line, 0)
	if f := beginsObject(line, i); f != faultNone {
		return colNone, f
	}
	end, c, f := d.readObject(line, i)
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

// beginsObject returns the fault of a line whose first byte that is not white
// space, at i, opens no object.
func beginsObject(line []byte, i int) fault {
	switch {
	case i >= len(line):
		return faultEnd
	case line[i] == '{':
		return faultNone
	case line[i] == '[':
		return faultArray
	}
	return faultNotObject
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

// readMembers reads the members of an object, of which the first is at i, and its
// closing brace.
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
		end, ok := d.readUsual(b, value, c)
		if !ok {
			if end, f = d.readUnusual(b, value, c); f != faultNone {
				return end, c, f
			}
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

// readKey reads the key at i. It returns its column, or colNone if it is none and
// occurs for the first time, and the index behind it.
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

// readUsual reads a value of its column's type that is written in the usual way.
// It returns false for any other, sound or not. Equivalent: readUnusual.
func (d *Decoder) readUsual(b []byte, i int, c column) (end int, ok bool) {
	r := &d.row
	switch c {
	case colModel, colID, colVersion, colEnvironment:
		w := &r.words[c]
		if w.lo, w.hi, end, ok = scanName(b, i); ok {
			r.text[c] = b[i+1 : end-1]
		}
	case colPredicted:
		r.predicted, end, ok = readFloat(b, i)
	case colActual:
		r.actual, end, ok = readFloat(b, i)
	case colTimestamp:
		if r.time, end, ok = d.clock.read(b, i); ok {
			ok = d.rules.check(r.time) == faultNone
		}
	case colFeatures:
		if end, ok = d.readKnownFeatures(b, i); !ok {
			end, ok = d.readEscaped(b, i)
		}
	default:
		return i, false
	}
	if ok {
		r.given |= c.bit()
	}
	return end, ok
}

// readUnusual reads any value into column c of d.row, or only checks it if it is
// for none.
func (d *Decoder) readUnusual(b []byte, i int, c column) (int, fault) {
	if c == colNone {
		return d.check.value(b, i, 1)
	}
	if i < len(b) && b[i] == 'n' {
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
	d.row.given |= c.bit()
	switch c {
	case colTimestamp:
		return d.readTimestamp(b, i)
	case colFeatures:
		return d.readFeatures(b, i)
	case colPredicted:
		return d.readNumber(b, i, &d.row.predicted)
	case colActual:
		return d.readNumber(b, i, &d.row.actual)
	case colModel, colID, colVersion, colEnvironment:
		return d.readName(b, i, c)
	default:
		panic("BUG: no such column")
	}
}

// wrongType returns the fault of a value of another type than the column's, once
// it proves to be sound JSON.
func (d *Decoder) wrongType(b []byte, i int, other fault) (int, fault) {
	end, f := d.check.value(b, i, 1)
	if f == faultNone {
		f = other
	}
	return end, f
}

// readText reads the string at i without its escapes. A value of another type is
// the fault other.
func (d *Decoder) readText(b []byte, i int, other fault) (text []byte, end int, f fault) {
	if i >= len(b) || b[i] != '"' {
		end, f = d.wrongType(b, i, other)
		return nil, end, f
	}
	mark := len(d.scratch)
	if d.scratch, end, f = appendString(d.scratch, b, i+1); f != faultNone {
		return nil, end, f
	}
	return d.scratch[mark:], end + 1, faultNone
}

func (d *Decoder) readName(b []byte, i int, c column) (int, fault) {
	text, end, f := d.readText(b, i, faultWantString)
	if f != faultNone {
		return end, f
	}
	d.row.setName(c, text)
	d.row.transient = true
	return end, checkName(text)
}

func (d *Decoder) readTimestamp(b []byte, i int) (int, fault) {
	other := faultWantTimestamp
	if i < len(b) && (b[i] == '-' || b[i] >= '0' && b[i] <= '9') {
		other = faultEpochNumber
	}
	text, end, f := d.readText(b, i, other)
	if f != faultNone {
		return end, f
	}
	ms, f := parseTimestamp(text)
	if f != faultNone {
		return end, f
	}
	d.row.time = ms
	return end, d.rules.check(ms)
}

func (d *Decoder) readNumber(b []byte, i int, dst *float64) (int, fault) {
	if i < len(b) {
		switch b[i] {
		case '"':
			return d.wrongType(b, i, faultQuotedNumber)
		case '{', '[', 't', 'f':
			return d.wrongType(b, i, faultWantNumber)
		}
	}
	end, f := d.check.value(b, i, 1)
	if f == faultNone {
		*dst, f = parseFloat(b[i:end])
	}
	return end, f
}
