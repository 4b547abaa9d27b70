package sql

import (
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	end kind = iota
	word
	quotedWord // in ` or "
	text
	number
	symbol
)

// token is a part of a statement. Its text is what it means: without quotes.
type token struct {
	kind kind
	at   int
	text string
}

// is tells whether a token is a word of SQL, in whatever case.
func (t *token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

// sign tells whether a token is a symbol.
func (t *token) sign(s string) bool { return t.kind == symbol && t.text == s }

// symbols are those of more than one character, before those that they begin with.
var symbols = [...]string{"<=>", "<=", ">=", "<>", "!=", "==", "||", "::", "->"}

// tokens cuts a statement into its parts; the last is an end.
func tokens(s string) (list []token, err *Error) {
	for i := 0; ; {
		if i, err = blank(s, i); err != nil {
			return nil, err
		}
		if i == len(s) {
			return append(list, token{kind: end, at: i}), nil
		}
		t := token{at: i}
		switch c := s[i]; {
		case c == '\'' || c == '`' || c == '"':
			t.kind = quotedWord
			if c == '\'' {
				t.kind = text
			}
			if t.text, i, err = quoted(s, i); err != nil {
				return nil, err
			}
		case isLetter(c):
			for i < len(s) && (isLetter(s[i]) || isDigit(s[i])) {
				i++
			}
			t.kind, t.text = word, s[t.at:i]
		case isDigit(c) || c == '.' && i+1 < len(s) && isDigit(s[i+1]) && !follows(list):
			i = numberEnd(s, i)
			t.kind, t.text = number, s[t.at:i]
			if i < len(s) && isLetter(s[i]) {
				return nil, Errorf(t.at, "", "%s is no number", Shown(s[t.at:i+1]))
			}
		default:
			t.kind, t.text = symbol, s[i:i+1]
			for _, of := range symbols {
				if strings.HasPrefix(s[i:], of) {
					t.text = of
					break
				}
			}
			if strings.IndexByte("<=>!|:-+*/%(),.[]?;{}@", c) < 0 {
				_, size := utf8.DecodeRuneInString(s[i:])
				return nil, Errorf(i, "", "%s is nothing that SQL is written with", Shown(s[i:i+size]))
			}
			i += len(t.text)
		}
		list = append(list, t)
	}
}

// follows tells whether what comes next may be a member of what is before it: r.1 is no number.
func follows(list []token) bool {
	if len(list) == 0 {
		return false
	}
	last := &list[len(list)-1]
	return last.kind == word || last.kind == quotedWord || last.sign(")") || last.sign("]")
}

// blank passes white space and comments.
func blank(s string, i int) (int, *Error) {
	for i < len(s) {
		switch {
		case strings.IndexByte(" \t\r\n\f\v", s[i]) >= 0:
			i++
		case strings.HasPrefix(s[i:], "--"), s[i] == '#':
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				return len(s), nil
			}
			i += n
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i:], "*/")
			if n < 0 {
				return 0, Errorf(i, "end it with */", "the comment is not closed")
			}
			i += n + 2
		default:
			return i, nil
		}
	}
	return i, nil
}

// escapes are the characters that stand behind a backslash for others.
var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '0': 0, 'b': '\b', 'f': '\f', 'a': '\a', 'v': '\v'}

// quoted reads what is in quotes, in which the quote stands twice or behind a backslash.
func quoted(s string, at int) (content string, next int, err *Error) {
	quote := s[at]
	var b strings.Builder
	for i := at + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote && i+1 < len(s) && s[i+1] == quote:
			b.WriteByte(quote)
			i++
		case c == quote:
			return b.String(), i + 1, nil
		case c == '\\' && i+1 < len(s):
			i++
			c = s[i]
			of, ok := escapes[c]
			switch {
			case ok:
				b.WriteByte(of)
			case c == '\\' || c == '\'' || c == '"' || c == '`' || c == '/' || c == '=':
				b.WriteByte(c)
			default: // ClickHouse keeps the backslash of what is no escape, as in '\d'
				b.WriteByte('\\')
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, Errorf(at, "", "the quote %c is not closed", quote)
}

func numberEnd(s string, i int) int {
	digits := func() {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
	}
	digits()
	if i < len(s) && s[i] == '.' {
		i++
		digits()
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		exponent := i
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if i == len(s) || !isDigit(s[i]) {
			return exponent
		}
		digits()
	}
	return i
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
