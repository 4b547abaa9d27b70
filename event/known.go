package event

import "encoding/binary"

// readKnown reads one event from a line of a known layout. It returns false if
// the line has none, or is at fault in any way: the general path then says how.
// Equivalent: readRow.
func (d *Decoder) readKnown(line []byte) bool {
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
		end, ok := d.readUsual(line, i, s.col)
		if !ok {
			var f fault
			if end, f = d.readUnusual(line, i, s.col); f != faultNone {
				return false
			}
		}
		i = end
	}
	if i != len(line) {
		return false
	}
	l.hit(x)
	return true
}

// readKnownFeatures is readEscaped for a text of a known layout.
func (d *Decoder) readKnownFeatures(b []byte, i int) (end int, ok bool) {
	l := &d.features
	if !l.worthTrying() || i >= len(b) || b[i] != '"' {
		return i, false
	}
	i++
	var e escapedJSON
	e.begin(d, b, i)
	x, o := l.latest, e.mark
	steps := l.known[x].steps
	for k := 0; ; k++ {
		s := &steps[k]
		if !s.begins(b, i) || len(s.rest) != 0 && !s.restMatches(b, i) {
			if x = l.find(b, i, x, k); x < 0 {
				return i, false
			}
			steps = l.known[x].steps
			s = &steps[k]
		}
		for j := 0; j < len(s.plain); j += 8 {
			store(e.out, o+j, binary.LittleEndian.Uint64(s.plain[j:]))
		}
		i, o = i+s.size, o+s.plainSize
		if s.last {
			break
		}
		w := load(b, i)
		if n := wholeNumber(w); n != 0 && i+n < len(b) {
			store(e.out, o, w)
			i, o = i+n, o+n
			continue
		}
		if i, o, ok = e.scalar(i, o); !ok {
			return i, false
		}
	}
	if !d.endEscaped(&e, i, o) {
		return i, false
	}
	l.hit(x)
	return i + 1, true
}
