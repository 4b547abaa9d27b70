package event

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"github.com/residualdb/residual/internal/jsontext"
)

// readFeatures reads a string that holds a JSON text, which is kept as it stands, or an object, which is kept without
// white space.
func (d *Decoder) readFeatures(b []byte, i int) (int, fault) {
	if i < len(b) && b[i] == '{' {
		return d.readFeaturesObject(b, i)
	}
	text, end, f := d.readText(b, i, faultWantFeatures)
	if f != faultNone {
		return end, f
	}
	d.row.text[colFeatures] = text
	learn := d.features.worthLearning()
	d.check.scalars = d.check.scalars[:0]
	if f = d.check.features(text, learn); f != faultNone {
		return end, f
	}
	if learn {
		d.features.learn(text, d.check.scalars, true)
	} else {
		d.features.miss()
	}
	return end, faultNone
}

func (d *Decoder) readFeaturesObject(b []byte, i int) (int, fault) {
	end, f := d.check.object(b, i, 1)
	if f != faultNone {
		return end, f
	}
	return end, d.keepFeatures(b[i:end])
}

// keepFeatures makes an object that passed the checker the features, without white space.
func (d *Decoder) keepFeatures(object []byte) fault {
	mark := len(d.scratch)
	d.scratch = compact(d.scratch, object)
	d.row.text[colFeatures] = d.scratch[mark:]
	if len(d.scratch)-mark > FeaturesBytesMax {
		return faultFeaturesLong
	}
	return faultNone
}

// compact appends a JSON value that passed the checker without the white space between its tokens; every other byte is
// untouched.
func compact(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case jsontext.IsSpace(c):
			i++
		case c == '"':
			end, _, _ := scanString(src, i+1)
			dst = append(dst, src[i:end+1]...)
			i = end + 1
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// features checks a features text, which has slack: one JSON value of at most FeaturesBytesMax bytes, white space around
// it included. With note it notes in scalars where strings, numbers and literals lie.
func (k *checker) features(text []byte, note bool) fault {
	if len(text) > FeaturesBytesMax {
		return faultFeaturesLong
	}
	k.note = note
	end, f := k.value(text, jsontext.SkipSpace(text, 0), 0)
	k.note = false
	if f != faultNone {
		return f.ofFeatures()
	}
	if jsontext.SkipSpace(text, end) != len(text) {
		return faultFeaturesJSON
	}
	return faultNone
}

// featuresString is features for a string.
func (k *checker) featuresString(text string) fault {
	if len(text) > FeaturesBytesMax {
		return faultFeaturesLong
	}
	k.text = slices.Grow(k.text[:0], len(text)+slack)
	k.text = append(k.text, text...)
	return k.features(k.text, false)
}

// readKnownFeatures reads the string at i that holds a JSON text of a known layout. It returns false for any other
// value, sound or not. Equivalent: readFeatures.
func (d *Decoder) readKnownFeatures(b []byte, i int) (end int, ok bool) {
	l := &d.features
	if !l.worthTrying() || i >= len(b) || b[i] != '"' {
		return i, false
	}
	i++
	mark := len(d.scratch)
	d.scratch = slices.Grow(d.scratch, len(b)-i+slack)
	out, o := d.scratch[:cap(d.scratch)], mark
	x := l.latest
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
			store(out, o+j, binary.LittleEndian.Uint64(s.plain[j:]))
		}
		i, o = i+s.size, o+s.plainSize
		if s.last {
			break
		}
		w := load(b, i)
		if n := wholeNumber(w); n != 0 && i+n < len(b) { // most numbers, for half the time of copyScalar
			store(out, o, w)
			i, o = i+n, o+n
			continue
		}
		if i, o, ok = copyScalar(out, o, b, i); !ok {
			return i, false
		}
	}
	if i >= len(b) || b[i] != '"' || o-mark > FeaturesBytesMax {
		return i, false
	}
	d.scratch = out[:o]
	d.row.text[colFeatures] = d.scratch[mark:]
	l.hit(x)
	return i + 1, true
}

// copyScalar checks the string, number or literal of a JSON text as it lies at i inside a JSON string, where each of its
// quotes is written \", and writes it to out at o without the backslashes. out has room for the rest of b and slack. It
// gives up, with false, at an escape that the inner text needs too, and at any fault.
func copyScalar(out []byte, o int, b []byte, i int) (end, next int, ok bool) {
	if i >= len(b) {
		return i, o, false
	}
	switch c := b[i]; {
	case c == '\\':
		return copyString(out, o, b, i)
	case c <= '9':
		_, end, f := scanNumber(b, i)
		if f != faultNone {
			return i, o, false
		}
		for j := i; j < end; j += 8 {
			store(out, o+j-i, load(b, j))
		}
		return end, o + end - i, true
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if end, f := literal(b, i, word); f == faultNone {
			return end, o + copy(out[o:], word), true
		}
	}
	return i, o, false
}

// copyString is copyScalar for the string whose \" is at i.
func copyString(out []byte, o int, b []byte, i int) (end, next int, ok bool) {
	if len(b)-i < 2 || b[i+1] != '"' {
		return i, o, false
	}
	out[o] = '"'
	i, o = i+2, o+1
	for i < len(b) {
		w := load(b, i)
		store(out, o, w)
		marks := stops(w)
		n := firstLane(marks)
		i, o = i+n, o+n
		if marks == 0 {
			continue
		}
		if len(b)-i < 2 {
			break
		}
		if b[i] == '\\' && b[i+1] == '"' {
			out[o] = '"'
			return i + 2, o + 1, true
		}
		r, size, f := scanRune(b, i)
		if f != faultNone || r < 0x20 || r == '"' || r == '\\' || b[i] == '"' {
			break
		}
		o = len(utf8.AppendRune(out[:o], r))
		i += size
	}
	return i, o, false
}
