package event

import (
	"slices"
	"unicode/utf8"
)

// skipSpace returns the index of the first byte at or after i that is not JSON
// white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// skipSpaces is skipSpace without a branch on whether there is any: for where that
// cannot be foretold.
func skipSpaces(b []byte, i int) int {
	for i < len(b) {
		if marks := notSpaces(load(b, i)); marks != 0 {
			return min(i+firstLane(marks), len(b))
		}
		i += 8
	}
	return len(b)
}

func isSpace(c byte) bool { return c <= ' ' && 1<<c&(1<<' '|1<<'\t'|1<<'\n'|1<<'\r') != 0 }

// scanPlain returns the index of the first byte at or after i that does not
// stand for itself in a JSON string, or len(b).
func scanPlain(b []byte, i int) int {
	for i < len(b) {
		if marks := stops(load(b, i)); marks != 0 {
			return min(i+firstLane(marks), len(b))
		}
		i += 8
	}
	return len(b)
}

// scanString checks the string whose text begins at i, after its quote. It
// returns the index of the closing quote and whether the text holds escapes.
func scanString(b []byte, i int) (end int, escaped bool, f fault) {
	for {
		i = scanPlain(b, i)
		if i == len(b) {
			return i, escaped, faultEnd
		}
		switch c := b[i]; {
		case c == '"':
			return i, escaped, faultNone
		case c == '\\':
			escaped = true
			n, f := scanEscape(b[i:])
			if f != faultNone {
				return i, escaped, f
			}
			i += n
		case c < 0x20:
			return i, escaped, faultControl
		default:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return i, escaped, faultUTF8
			}
			i += size
		}
	}
}

// scanEscape checks the escape sequence that b begins with and returns its
// length; both halves of a surrogate pair are one sequence.
func scanEscape(b []byte) (int, fault) {
	if len(b) < 2 {
		return 0, faultEnd
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, faultNone
	case 'u':
	default:
		return 0, faultEscape
	}
	high, f := hex4(b[2:])
	if f != faultNone {
		return 0, f
	}
	if !isSurrogate(high) {
		return 6, faultNone
	}
	if high >= 0xDC00 {
		return 0, faultSurrogate
	}
	if len(b) < 8 || b[6] != '\\' || b[7] != 'u' {
		return 0, faultSurrogate
	}
	low, f := hex4(b[8:])
	if f != faultNone {
		return 0, f
	}
	if low < 0xDC00 || low > 0xDFFF {
		return 0, faultSurrogate
	}
	return 12, faultNone
}

func isSurrogate(r rune) bool { return r >= 0xD800 && r <= 0xDFFF }

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (rune, fault) {
	var r rune
	for i := range 4 {
		if i >= len(b) {
			return 0, faultEnd
		}
		d, ok := hexDigit(b[i])
		if !ok {
			return 0, faultEscape
		}
		r = r<<4 | d
	}
	return r, faultNone
}

func hexDigit(c byte) (rune, bool) {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0'), true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	}
	return 0, false
}

// appendString checks the string whose text begins at i, after its quote, and
// appends what it stands for. It returns the index of the closing quote.
// Equivalent: scanString and unescape.
func appendString(dst, b []byte, i int) (out []byte, end int, f fault) {
	// A word is stored before it is known how much of it counts, so dst keeps
	// room for more than the rest of b; no escape is shorter than what it stands
	// for.
	dst = slices.Grow(dst, len(b)-i+slack)
	n := len(dst)
	dst = dst[:cap(dst)]
	for i < len(b) {
		w := load(b, i)
		store(dst, n, w)
		marks := stops(w)
		if marks == 0 {
			n += 8
			i += 8
			continue
		}
		n += firstLane(marks)
		i += firstLane(marks)
		if i >= len(b) {
			break
		}
		switch c := b[i]; {
		case c == '"':
			return dst[:n], i, faultNone
		case c == '\\':
			size, f := scanEscape(b[i:])
			if f != faultNone {
				return dst[:n], i, f
			}
			n = len(unescape(dst[:n], b[i:i+size]))
			i += size
		case c < 0x20:
			return dst[:n], i, faultControl
		default:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return dst[:n], i, faultUTF8
			}
			n += copy(dst[n:], b[i:i+size])
			i += size
		}
	}
	return dst[:min(n, len(dst))], len(b), faultEnd
}

// unescape appends the text that s stands for. s has passed [scanString].
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			n := i + 1
			for n < len(s) && s[n] != '\\' {
				n++
			}
			dst = append(dst, s[i:n]...)
			i = n
			continue
		}
		c := s[i+1]
		if c != 'u' {
			dst = append(dst, simpleEscape(c))
			i += 2
			continue
		}
		r, _ := hex4(s[i+2:])
		i += 6
		if isSurrogate(r) {
			low, _ := hex4(s[i+2:])
			r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
			i += 6
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// simpleEscape returns the byte that a backslash and c stand for.
func simpleEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
