// Package plaintext shows text that others wrote on a terminal, where some characters are commands: they set titles and colours, go
// back over what was printed, turn the direction of writing, or cannot be seen at all.
package plaintext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape returns s on one line with nothing left but characters that can be seen, and spaces: others (control characters, those that
// format or turn the direction, line and paragraph separators, bytes that are no UTF-8) stand as Go and JSON escape them, like \x1b, \n
// or \u202e. A backslash stays as it is, so that text which was escaped before stays readable; what is escaped cannot be told from it.
func Escape(s string) string { return escape(s, "") }

// EscapeLines is Escape for texts of several lines, which stay apart.
func EscapeLines(s string) string { return escape(s, "\n") }

func escape(s, kept string) string {
	var b strings.Builder
	clean := 0 // s[:clean] is in b
	for i, r := range s {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(s[i:])
		}
		invalid := r == utf8.RuneError && size == 1
		if !invalid && unicode.IsGraphic(r) || strings.ContainsRune(kept, r) && !invalid {
			continue
		}
		b.WriteString(s[clean:i])
		clean = i + size
		switch {
		case invalid:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	if clean == 0 {
		return s
	}
	b.WriteString(s[clean:])
	return b.String()
}
