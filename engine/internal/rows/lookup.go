package rows

import (
	"bytes"
	"strings"
)

// lookup returns the value that a JSON text has for a key: that of the member so named, or else, of a key with dots, what the
// object under the name before a dot has for the rest. The text is one that the decoder of events let through; of any other it
// may find nothing.
func lookup(text []byte, key string) (value []byte, ok bool) {
	if value, ok = member(text, key); ok {
		return value, true
	}
	for at := strings.IndexByte(key, '.'); at >= 0; {
		if inner, found := member(text, key[:at]); found {
			if value, ok = lookup(inner, key[at+1:]); ok {
				return value, true
			}
		}
		next := strings.IndexByte(key[at+1:], '.')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return nil, false
}

// member returns the value of a member of a JSON text that is an object.
func member(text []byte, name string) (value []byte, ok bool) {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '{' {
		return nil, false
	}
	for i++; ; i++ { // behind the brace or a comma
		i = skipSpace(text, i)
		if i == len(text) || text[i] != '"' {
			return nil, false
		}
		end := skipString(text, i)
		if end < 0 {
			return nil, false
		}
		is := isNamed(text[i:end], name)
		if i = skipSpace(text, end); i == len(text) || text[i] != ':' {
			return nil, false
		}
		i = skipSpace(text, i+1)
		if end = skipValue(text, i); end < 0 {
			return nil, false
		}
		if is {
			return text[i:end], true
		}
		if i = skipSpace(text, end); i == len(text) || text[i] != ',' {
			return nil, false
		}
	}
}

// isNamed tells whether a JSON string says name.
func isNamed(quoted []byte, name string) bool {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return unquoted(quoted) == name
	}
	return string(quoted[1:len(quoted)-1]) == name
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the end of the string that begins at i, -1 if it has none.
func skipString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// skipValue returns the end of the value that begins at i, -1 if there is none.
func skipValue(text []byte, i int) int {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			if i = skipString(text, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r': // inside of an object or array
			i++
			continue
		default:
			for i < len(text) && !endsScalar(text[i]) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
		if depth < 0 {
			return -1
		}
	}
	return -1
}

// endsScalar tells whether a byte ends a number or a word.
func endsScalar(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ':' || c == '"' || c == '{' || c == '['
}
