package segment

import "bytes"

// slotKind is what varies between texts of one shape.
type slotKind uint8

const (
	slotNumber slotKind = iota // the longest number that stands there
	slotQuoted                 // what stands before the next quote that is not escaped
	slotWord                   // the longest run of lower-case letters
	slotKinds
)

const (
	shapesMax = 64
	slotsMax  = 256
)

// shape is the part that texts have in common: literals[0] slot literals[1] slot ... literals[n]. For JSON these are keys and punctuation. Nothing depends on
// a text being JSON, or on how it is cut up, since literals and slots together are always the text.
type shape struct {
	literals [][]byte
	kinds    []slotKind
}

// shapeOf cuts up a text. The literals alias it.
func shapeOf(text []byte) (s shape, ok bool) {
	literal := 0
	slot := func(kind slotKind, from, to int) {
		s.literals = append(s.literals, text[literal:from])
		s.kinds = append(s.kinds, kind)
		literal = to
	}
	for i := 0; i < len(text); {
		switch b := text[i]; {
		case b == '"':
			end := i + 1 + quotedLen(text[i+1:])
			if end < len(text) && !isKey(text[end+1:]) {
				slot(slotQuoted, i+1, end)
			}
			i = min(end+1, len(text))
		case b-'0' <= 9 || b == '-' && (i == 0 || !isAlphanumeric(text[i-1])):
			_, n := scanNumeral(text[i:])
			if n > 0 {
				slot(slotNumber, i, i+n)
			}
			i += max(n, 1)
		case (b == 't' || b == 'f' || b == 'n') && i > 0 && !isAlphanumeric(text[i-1]):
			n := wordLen(text[i:])
			if w := string(text[i : i+n]); w == "true" || w == "false" || w == "null" {
				slot(slotWord, i, i+n)
			}
			i += n
		default:
			i++
		}
		if len(s.kinds) > slotsMax {
			return s, false
		}
	}
	s.literals = append(s.literals, text[literal:])
	return s, len(s.kinds) > 0
}

// quotedLen returns the number of bytes before the next quote that is not escaped, len(b) if there is none.
func quotedLen(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(b)
}

// wordLen returns the number of lower-case letters at the front of b.
func wordLen(b []byte) int {
	for i, c := range b {
		if c-'a' > 'z'-'a' {
			return i
		}
	}
	return len(b)
}

// isKey tells whether a string was a key, by what follows it.
func isKey(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

func isAlphanumeric(b byte) bool {
	return b-'0' <= 9 || b|0x20-'a' <= 'z'-'a'
}

// match cuts a text that starts at base by the shape, and sets the values of the slots in the given row. ok is false if it has another shape; the values
// of the row then mean nothing.
func (s *shape) match(text []byte, base int, slots []slotRows, row int) (ok bool) {
	at := 0
	slots = slots[:len(s.kinds)]
	for i, kind := range s.kinds {
		literal := s.literals[i]
		if len(text)-at < len(literal) || string(text[at:at+len(literal)]) != string(literal) {
			return false
		}
		at += len(literal)
		n := 0
		switch kind {
		case slotNumber:
			var number numeral
			if number, n = scanNumeral(text[at:]); n == 0 {
				return false
			}
			slots[i].mantissas[row], slots[i].forms[row] = number.mantissa, number.form
		case slotQuoted:
			n = min(quotedLen(text[at:]), len(text)-at)
		case slotWord:
			if n = wordLen(text[at:]); n == 0 {
				return false
			}
		}
		slots[i].bounds[row] = span{uint32(base + at), uint32(base + at + n)}
		at += n
	}
	return string(text[at:]) == string(s.literals[len(s.kinds)])
}
