package dashboard

import (
	"bytes"
	"regexp"
	"strings"
)

// room is where spaces of a style sheet mean nothing.
var room = regexp.MustCompile(`\s*([{};,>])\s*|(:) `)

// comment is one of a style sheet.
var comment = regexp.MustCompile(`(?s)/\*.*?\*/\s*`)

// bareSheet returns a style sheet without comments and without room. No text in it may have a comment, a brace, a semicolon, a comma, an angle, or
// a colon before a space, which a test holds.
func bareSheet(source []byte) []byte {
	return bytes.ReplaceAll(room.ReplaceAll(comment.ReplaceAll(source, nil), []byte("$1$2")), []byte(";}"), []byte("}"))
}

// bareModule returns a module without what is for those who read the source: comments, types, and room between words. Lines stay lines where
// the language may end a statement at one.
func bareModule(source []byte) []byte {
	b := baring{rest: source, out: make([]byte, 0, len(source))}
	for len(b.rest) > 0 {
		switch c := b.rest[0]; {
		case b.skipsRoom():
		case c == '"' || c == '\'':
			b.text(c)
		case c == '`':
			b.take(1)
			b.template()
		case c == '/' && b.beginsValue():
			b.pattern()
		case c == '{':
			b.open = append(b.open, false)
			b.take(1)
		case c == '}':
			b.out = bytes.TrimSuffix(b.out, []byte(";")) // which ends no statement that the brace does not end; a loop without a body has braces
			b.take(1)
			b.closed()
		default:
			b.take(1)
		}
	}
	return b.out
}

// baring is how far a module was read.
type baring struct {
	rest, out []byte
	// open are the braces that are open, and whether the text of a template goes on after each.
	open []bool
}

func (b *baring) take(n int) {
	b.out = append(b.out, b.rest[:n]...)
	b.rest = b.rest[n:]
}

// needsRoom tells whether a space between two bytes means something: between words, and between two signs, which together are another one.
func needsRoom(a, b byte) bool {
	among := func(set string, c byte) bool { return strings.IndexByte(set, c) >= 0 }
	const tight, signs = "=<>?:,;{}()[]&|!*\n", "+-/%"
	return !among(tight, a) && !among(tight, b) && among(signs, a) == among(signs, b)
}

// skipsRoom leaves out spaces and comments, but for a line's end or the one space that is needed. It tells whether there were any.
func (b *baring) skipsRoom() bool {
	length, line := 0, false
	for at := b.rest; len(at) > 0; at = b.rest[length:] {
		n := 0
		switch {
		case at[0] == ' ' || at[0] == '\t' || at[0] == '\n':
			n = 1
		case bytes.HasPrefix(at, []byte("//")):
			n = end(at, "\n")
		case bytes.HasPrefix(at, []byte("/*")):
			n = min(end(at, "*/")+2, len(at))
		}
		if n == 0 {
			break
		}
		line = line || bytes.IndexByte(at[:n], '\n') >= 0
		length += n
	}
	b.rest = b.rest[length:]
	switch {
	case length == 0 || len(b.out) == 0:
	case line && b.goesOn():
	case line && b.out[len(b.out)-1] != '\n':
		b.out = append(b.out, '\n')
	case !line && len(b.rest) > 0 && needsRoom(b.out[len(b.out)-1], b.rest[0]):
		b.out = append(b.out, ' ')
	}
	return length > 0
}

// goesOn tells whether the end of a line that comes next means nothing: no statement can end there, or one ends anyway. At the top of a
// module each statement keeps its line, by which modules are joined.
func (b *baring) goesOn() bool {
	last := b.out[len(b.out)-1]
	return bytes.IndexByte([]byte(",{([?:=>&|"), last) >= 0 || last == ';' && len(b.open) > 0 || len(b.rest) > 0 && bytes.IndexByte([]byte(")]}"), b.rest[0]) >= 0
}

// end is how long a text is before another one, or to its end.
func end(of []byte, before string) int {
	if n := bytes.Index(of, []byte(before)); n >= 0 {
		return n
	}
	return len(of)
}

// text takes what is quoted.
func (b *baring) text(quote byte) {
	n := 1
	for ; n < len(b.rest)-1 && b.rest[n] != quote; n++ {
		if b.rest[n] == '\\' {
			n++
		}
	}
	b.take(n + 1)
}

// template takes the text of a template to its end, or to where code is in it.
func (b *baring) template() {
	n := 0
	for ; n < len(b.rest); n++ {
		switch {
		case b.rest[n] == '\\':
			n++
		case b.rest[n] == '`':
			b.take(n + 1)
			return
		case bytes.HasPrefix(b.rest[n:], []byte("${")):
			b.open = append(b.open, true)
			b.take(n + 2)
			return
		}
	}
	b.take(len(b.rest))
}

// closed goes on with the template that a brace was in.
func (b *baring) closed() {
	n := len(b.open) - 1
	if n < 0 {
		return
	}
	within := b.open[n]
	if b.open = b.open[:n]; within {
		b.template()
	}
}

// beginsValue tells whether what comes is a value, so that a slash begins a pattern: there is no number or name to be divided before it.
func (b *baring) beginsValue() bool {
	before := bytes.TrimRight(b.out, " \n")
	return len(before) == 0 || bytes.IndexByte([]byte("=<>?:,;{([&|!*+-%~^"), before[len(before)-1]) >= 0 || bytes.HasSuffix(before, []byte("return"))
}

// pattern takes a regular expression.
func (b *baring) pattern() {
	n, class := 1, false
	for ; n < len(b.rest)-1 && (class || b.rest[n] != '/'); n++ {
		switch b.rest[n] {
		case '\\':
			n++
		case '[':
			class = true
		case ']':
			class = false
		}
	}
	b.take(n + 1)
}
