package jsontext

import "strings"

const hexDigits = "0123456789abcdef"

// AppendString writes s in quotes. What is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	return AppendQuoted(dst, strings.ToValidUTF8(s, "\ufffd"))
}

// AppendQuoted writes s in quotes and leaves what is not UTF-8 as it is.
func AppendQuoted(dst []byte, s string) []byte {
	return append(AppendEscaped(append(dst, '"'), s), '"')
}

// AppendEscaped writes s as it stands between quotes. The parts of a text may be written one by one, wherever it is cut.
func AppendEscaped(dst []byte, s string) []byte {
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, s[start:]...)
}
