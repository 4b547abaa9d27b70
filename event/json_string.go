package event

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/residualdb/residual/internal/jsontext"
)

// scanSpace is [jsontext.SkipSpace] for b with slack. It does not branch on how much white space there is, which cannot be
// foretold.
func scanSpace(b []byte, i int) int {
	if marks := notSpaces(load(b, i)); marks != 0 {
		return min(i+firstLane(marks), len(b))
	}
	return jsontext.SkipSpace(b, i)
}

// scanToken passes over white space, one byte of punctuation and white space again. It returns the punctuation, its
// index, and that of what follows it; both may lie past the end, and the punctuation is then 0. It does not branch on
// how much white space there is.
func scanToken(b []byte, i int) (token byte, at, next int) {
	w := load(b, i)
	marks := notSpaces(w)
	if rest := marks & (marks - 1); rest != 0 {
		at, next = i+firstLane(marks), i+firstLane(rest)
	} else {
		at = jsontext.SkipSpace(b, i)
		next = jsontext.SkipSpace(b, at+1)
	}
	if at < len(b) {
		token = b[at]
	}
	return token, at, next
}

// scanPlain returns the index of the first byte at or after i that does not stand for itself in a JSON string, or
// len(b).
func scanPlain(b []byte, i int) int {
	for i < len(b) {
		if marks := stops(load(b, i)); marks != 0 {
			return min(i+firstLane(marks), len(b))
		}
		i += 8
	}
	return len(b)
}

// scanString checks the string whose text begins at i, after its quote. It returns the index of the closing quote and
// whether the text holds escapes.
func scanString(b []byte, i int) (end int, escaped bool, f fault) {
	for {
		i = scanPlain(b, i)
		if i == len(b) {
			return i, escaped, faultEnd
		}
		if b[i] == '"' {
			return i, escaped, faultNone
		}
		escaped = escaped || b[i] == '\\'
		_, size, f := scanRune(b, i)
		if f != faultNone {
			return i, escaped, f
		}
		i += size
	}
}

// scanRune reads the rune at i of a string, which is written as an escape sequence or in several bytes, and returns how
// many bytes it takes; both halves of a surrogate pair are one sequence.
func scanRune(b []byte, i int) (r rune, size int, f fault) {
	switch c := b[i]; {
	case c == '\\':
		return scanEscape(b, i)
	case c < 0x20:
		return 0, 0, faultControl
	}
	r, size = utf8.DecodeRune(b[i:])
	if r == utf8.RuneError && size == 1 {
		if !utf8.FullRune(b[i:]) {
			return r, size, faultEnd
		}
		return r, size, faultUTF8
	}
	return r, size, faultNone
}

// scanEscape is scanRune for the escape sequence whose backslash is at i.
func scanEscape(b []byte, i int) (r rune, size int, f fault) {
	if i+1 >= len(b) {
		return 0, 0, faultEnd
	}
	switch c := b[i+1]; c {
	case '"', '\\', '/':
		return rune(c), 2, faultNone
	case 'b':
		return '\b', 2, faultNone
	case 'f':
		return '\f', 2, faultNone
	case 'n':
		return '\n', 2, faultNone
	case 'r':
		return '\r', 2, faultNone
	case 't':
		return '\t', 2, faultNone
	case 'u':
	default:
		return 0, 0, faultEscape
	}
	r, f = scanHex(b, i+2)
	if f != faultNone || !utf16.IsSurrogate(r) {
		return r, 6, f
	}
	for n, c := range []byte(`\u`) {
		switch at := i + 6 + n; {
		case at >= len(b):
			return 0, 0, faultEnd
		case b[at] != c:
			return 0, 0, faultSurrogate
		}
	}
	low, f := scanHex(b, i+8)
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError && f != faultEnd {
		f = faultSurrogate
	}
	return r, 12, f
}

// scanHex reads four hexadecimal digits.
func scanHex(b []byte, i int) (rune, fault) {
	var r rune
	for n := range 4 {
		if i+n >= len(b) {
			return 0, faultEnd
		}
		switch c := b[i+n]; {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, faultEscape
		}
	}
	return r, faultNone
}

// appendString checks the string whose text begins at i, after its quote, and appends what it stands for. It returns
// the index of the closing quote. Equivalent: scanString and unescape.
func appendString(dst, b []byte, i int) (out []byte, end int, f fault) {
	// A word is stored before it is known how much of it counts, so dst keeps room for more than the rest of b; no
	// escape is shorter than what it stands for.
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
		if b[i] == '"' {
			return dst[:n], i, faultNone
		}
		r, size, f := scanRune(b, i)
		if f != faultNone {
			return dst[:n], i, f
		}
		n = len(utf8.AppendRune(dst[:n], r))
		i += size
	}
	return dst[:min(n, len(dst))], len(b), faultEnd
}

// unescape appends the text that s stands for. s has passed [scanString].
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		r, size, _ := scanEscape(s, i)
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}
