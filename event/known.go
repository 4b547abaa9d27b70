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
	d.row.given = 0
	d.scratch = d.scratch[:0]
	x, i := l.latest, 0
	for k := 0; ; k++ {
		s := &l.known[x].steps[k]
		if !s.matches(line, i) {
			if x = l.find(line, i, x, k); x < 0 {
				return false
			}
			s = &l.known[x].steps[k]
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
	e := d.newEscaped(b, i)
	x, o := l.latest, e.mark
	for k := 0; ; k++ {
		s := &l.known[x].steps[k]
		if !s.matches(b, i) {
			if x = l.find(b, i, x, k); x < 0 {
				return i, false
			}
			s = &l.known[x].steps[k]
		}
		for j := 0; j < len(s.plain); j += 8 {
			store(e.out, o+j, binary.LittleEndian.Uint64(s.plain[j:]))
		}
		i, o = i+s.size, o+s.plainSize
		if s.last {
			break
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
