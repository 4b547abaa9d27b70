package where

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says which part of a condition is not understood.
type Error struct {
	// Position counts the bytes before it, from 1; Near is the text there.
	Position   int
	Near, Text string
}

func (e *Error) Error() string {
	if e.Near == "" {
		return e.Text + ", at the end of the condition"
	}
	return fmt.Sprintf("%s, at position %d near %s", e.Text, e.Position, e.Near)
}

type kind uint8

const (
	end        kind = iota
	word            // a name or keyword without quotes
	quotedName      // in backquotes or double quotes
	literal         // a text in single quotes
	number
	sign
)

// token is a piece of the text, from a byte on to another. The text of a literal is without quotes and escapes.
type token struct {
	kind     kind
	text     string
	from, to int
}

// lexer has the token at hand.
type lexer struct {
	text  string
	at    int
	token token
}

// next reads the next token.
func (l *lexer) next() error {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	l.token = token{from: l.at, to: l.at}
	if l.at == len(l.text) {
		return nil
	}
	switch c := l.text[l.at]; {
	case c == '\'':
		return l.quoted(literal)
	case c == '`' || c == '"':
		return l.quoted(quotedName)
	case isDigit(c):
		l.run(number, isDigit)
	case isLetter(c):
		l.run(word, func(c byte) bool { return isLetter(c) || isDigit(c) })
	default:
		_, n := utf8.DecodeRuneInString(l.text[l.at:])
		if two := l.text[l.at:min(l.at+2, len(l.text))]; two == "<=" || two == ">=" || two == "==" || two == "!=" || two == "<>" {
			n = 2
		}
		l.token.kind, l.at = sign, l.at+n
		l.token.text, l.token.to = l.text[l.token.from:l.at], l.at
	}
	return nil
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func (l *lexer) run(kind kind, in func(byte) bool) {
	for l.at < len(l.text) && in(l.text[l.at]) {
		l.at++
	}
	l.token.kind, l.token.text, l.token.to = kind, l.text[l.token.from:l.at], l.at
}

// quoted reads a text in quotes, with the escapes of ClickHouse: a backslash before a character, or the quote twice.
func (l *lexer) quoted(kind kind) error {
	quote := l.text[l.at]
	var b strings.Builder
	for i := l.at + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\' && i+1 < len(l.text):
			i++
			if at := strings.IndexByte("btnrf0av", l.text[i]); at >= 0 {
				b.WriteByte("\b\t\n\r\f\x00\a\v"[at])
			} else {
				b.WriteByte(l.text[i])
			}
		case c != quote:
			b.WriteByte(c)
		case i+1 < len(l.text) && l.text[i+1] == quote:
			i++
			b.WriteByte(quote)
		default:
			l.at = i + 1
			l.token.kind, l.token.text, l.token.to = kind, b.String(), l.at
			return nil
		}
	}
	l.token.to = len(l.text)
	return l.wrong("the quote does not end")
}

func (l *lexer) isSign(text string) bool { return l.token.kind == sign && l.token.text == text }

func (l *lexer) isWord(text string) bool {
	return l.token.kind == word && strings.EqualFold(l.token.text, text)
}

const nearMax = 40

// wrong is an error at the token at hand.
func (l *lexer) wrong(text string) error {
	near := strings.ToValidUTF8(l.text[l.token.from:], "?")
	if len(near) > nearMax {
		near = strings.ToValidUTF8(near[:nearMax], "") + "..."
	}
	return &Error{Position: l.token.from + 1, Near: near, Text: text}
}

func (l *lexer) unexpected(want string) error {
	return l.wrong("not understood: " + want + " is expected")
}

// take keeps the token at hand as it is in the shape, and reads the next one.
func (p *parser) take() error {
	p.shape = append(p.shape, p.text[p.token.from:p.token.to])
	return p.next()
}

// takeLiteral is take for what the shape does not show.
func (p *parser) takeLiteral() error {
	p.shape = append(p.shape, "?")
	return p.next()
}

// expect takes a sign.
func (p *parser) expect(text string) error {
	if !p.isSign(text) {
		return p.unexpected(text)
	}
	return p.take()
}
