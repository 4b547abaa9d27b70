package jsontext

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString writes s in quotes. What is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return AppendQuoted(dst, s)
}

// AppendQuoted writes s in quotes and leaves what is not UTF-8 as it is.
func AppendQuoted[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(AppendEscaped(append(dst, '"'), s), '"')
}

// AppendEscaped writes s as it stands between quotes. The parts of a text may be written one by one, wherever it is cut.
func AppendEscaped[T ~string | ~[]byte](dst []byte, s T) []byte {
	for len(s) > escapedBytes {
		dst, s = appendEscaped(dst, s[:escapedBytes]), s[escapedBytes:]
	}
	return appendEscaped(dst, s)
}

// escapedBytes is how much of a text is escaped at one time, which takes room for twice as much.
const escapedBytes = 1 << 10

// appendEscaped writes each byte behind a backslash, which stays if the byte needs one: texts that are JSON themselves have a
// quote every few bytes.
func appendEscaped[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = slices.Grow(dst, 2*len(s))
	n, room := len(dst), dst[:cap(dst)]
	for i := range len(s) {
		c := s[i]
		if c < ' ' {
			dst = slices.Grow(appendControl(room[:n], c), 2*(len(s)-i))
			n, room = len(dst), dst[:cap(dst)]
			continue
		}
		room[n] = '\\'
		if c == '"' || c == '\\' {
			n++
		}
		room[n] = c
		n++
	}
	return room[:n]
}

func appendControl(dst []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
