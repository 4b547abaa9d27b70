package rows

import (
	"bytes"
	"strings"

	"github.com/residualdb/residual/internal/jsontext"
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
	i := jsontext.SkipSpace(text, 0)
	if i == len(text) || text[i] != '{' {
		return nil, false
	}
	for i++; ; i++ { // behind the brace or a comma
		i = jsontext.SkipSpace(text, i)
		if i == len(text) || text[i] != '"' {
			return nil, false
		}
		end, ok := jsontext.SkipString(text, i)
		if !ok {
			return nil, false
		}
		is := isNamed(text[i:end], name)
		if i = jsontext.SkipSpace(text, end); i == len(text) || text[i] != ':' {
			return nil, false
		}
		i = jsontext.SkipSpace(text, i+1)
		if end, ok = jsontext.SkipValue(text, i); !ok || end == i {
			return nil, false
		}
		if is {
			return text[i:end], true
		}
		if i = jsontext.SkipSpace(text, end); i == len(text) || text[i] != ',' {
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
