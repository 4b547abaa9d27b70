package event

import (
	"bytes"

	"github.com/residualdb/residual/internal/jsontext"
)

// IsArray tells whether a body is one JSON array by its brackets and quotes, as [JSON] takes it.
func IsArray(body []byte) bool {
	body = bytes.Trim(bytes.TrimPrefix(body, []byte(byteOrderMark)), " \t\r\n")
	return len(body) > 0 && body[0] == '[' && eachElement(body, func(int, []byte) {})
}

// eachElement calls f with the position, from 1, and the text of each element of the array that b is. It returns false
// where b is no array by its outline.
func eachElement(b []byte, f func(n int, text []byte)) bool {
	i := jsontext.SkipSpace(b, 1)
	if i < len(b) && b[i] == ']' {
		return i+1 == len(b)
	}
	for n := 1; ; n++ {
		end, ok := jsontext.SkipValue(b, i)
		if !ok || end == i {
			return false
		}
		f(n, b[i:end])
		i = jsontext.SkipSpace(b, end)
		switch {
		case i < len(b) && b[i] == ']':
			return i+1 == len(b)
		case i >= len(b) || b[i] != ',':
			return false
		}
		i = jsontext.SkipSpace(b, i+1)
	}
}

// isOneObject tells whether an NDJSON body is one object laid out over several lines, and where that begins. A body
// whose first line is an object by itself costs one look at that line. If the body has the outline of one object and is
// none by the grammar, it may still be lines of which the first is torn: it is taken as lines if a later one is an
// object by itself.
func (d *Decoder) isOneObject(body []byte) (start int, ok bool) {
	start = jsontext.SkipSpace(body, 0)
	if start == len(body) || body[start] != '{' {
		return 0, false
	}
	lineEnd := bytes.IndexByte(body[start:], '\n')
	if lineEnd < 0 {
		return 0, false
	}
	lineEnd += start
	if _, complete := jsontext.SkipValue(body[:lineEnd], start); complete {
		return 0, false
	}
	text := bytes.TrimRight(body[start:], " \t\r\n")
	if len(text) > LineBytesMax {
		return 0, false
	}
	if end, complete := jsontext.SkipValue(text, 0); !complete || end != len(text) {
		return 0, false
	}
	if _, f := d.readAnyLine(d.withSlack(text)); f.code() != CodeSyntax && f.code() != CodeControl {
		return start, true
	}
	return start, !anyLineIsObject(body[lineEnd+1:])
}

// anyLineIsObject tells whether a line of b has the outline of one object.
func anyLineIsObject(b []byte) bool {
	for line := range bytes.Lines(b) {
		line = bytes.Trim(line, " \t\r\n")
		if len(line) == 0 || line[0] != '{' {
			continue
		}
		if end, complete := jsontext.SkipValue(line, 0); complete && end == len(line) {
			return true
		}
	}
	return false
}
