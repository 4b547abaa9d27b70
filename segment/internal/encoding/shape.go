package encoding

import "bytes"

// slotKind tells which text a slot takes, the part that varies between texts of one shape.
type slotKind uint8

const (
	slotNumber slotKind = iota // the longest number that stands there
	slotQuoted                 // the text before the next quote that is not escaped
	slotWord                   // the longest run of lower-case letters
	slotKinds
)

// slot is a part of a text that varies, text[from:to], with the literal text[literal:from] in front of it.
type slot struct {
	literal, from, to int
	kind              slotKind
}

// slotsOf appends the slots of a text. What is behind the last one is a literal too. Nothing depends on a text being JSON,
// or on how it is cut up, since literals and slots together are always the text.
func slotsOf(dst []slot, text []byte) []slot {
	literal := 0
	add := func(kind slotKind, from, to int) {
		dst = append(dst, slot{literal, from, to, kind})
		literal = to
	}
	for i := 0; i < len(text); {
		switch b := text[i]; {
		case b == '"':
			end := i + 1 + quotedLen(text[i+1:])
			if end < len(text) && !isKey(text[end+1:]) {
				add(slotQuoted, i+1, end)
			}
			i = min(end+1, len(text))
		case b-'0' <= 9 || b == '-' && (i == 0 || !isAlphanumeric(text[i-1])):
			_, n := scanNumeral(text[i:])
			if n > 0 {
				add(slotNumber, i, i+n)
			}
			i += max(n, 1)
		case (b == 't' || b == 'f' || b == 'n') && i > 0 && !isAlphanumeric(text[i-1]):
			n := wordLen(text[i:])
			if w := string(text[i : i+n]); w == "true" || w == "false" || w == "null" {
				add(slotWord, i, i+n)
			}
			i += n
		default:
			i++
		}
	}
	return dst
}

// slotLen returns the length of the text at the front of b that a slot takes, for other kinds than numbers. ok is false
// if there is none.
func slotLen(b []byte, kind slotKind) (n int, ok bool) {
	if kind == slotWord {
		n = wordLen(b)
		return n, n > 0
	}
	return quotedLen(b), true
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
