package rowfile

import (
	"bufio"
	"errors"
	"io"
)

// errArray is returned for a file that is not one JSON array.
var errArray = errorf("the file begins as a JSON array and does not end as one")

// JSONArray returns the elements of a JSON array as NDJSON, by brackets and quotes alone: what is inside of one is for the decoder to
// judge. So an array of any length is read like lines.
func JSONArray(array io.Reader) io.Reader {
	return &elements{from: bufio.NewReaderSize(array, startBytes)}
}

type elements struct {
	from *bufio.Reader
	// depth counts open brackets, that of the array included.
	depth                 int
	quoted, escaped, over bool
	err                   error
}

func (e *elements) Read(to []byte) (int, error) {
	n := 0
	for n < len(to) && e.err == nil {
		var c byte
		if c, e.err = e.from.ReadByte(); e.err != nil {
			break
		}
		if c, ok := e.next(c); ok {
			to[n] = c
			n++
		}
		if n > 0 && e.from.Buffered() == 0 { // what follows may be long in coming
			return n, nil
		}
	}
	if errors.Is(e.err, io.EOF) && !e.over {
		e.err = errArray
	}
	if n > 0 {
		return n, nil
	}
	return 0, e.err
}

// next returns what stands for a byte of the array in the lines, if anything does.
func (e *elements) next(c byte) (byte, bool) {
	space := c == ' ' || c == '\t' || c == '\r' || c == '\n'
	switch {
	case e.quoted:
		e.quoted = e.escaped || c != '"'
		e.escaped = c == '\\' && !e.escaped
		return c, true
	case e.over:
		if !space {
			e.err = errArray
		}
		return 0, false
	case space && e.depth > 0: // a line's end inside an element does not end the line
		return ' ', true
	case e.depth == 0:
		if c == '[' {
			e.depth++
		} else if !space && c != mark[0] && c != mark[1] && c != mark[2] {
			e.err = errArray
		}
		return 0, false
	case c == '"':
		e.quoted = true
	case c == '[' || c == '{':
		e.depth++
	case c == ']' || c == '}':
		if e.depth--; e.depth == 0 {
			e.over = true
			return '\n', true
		}
	case c == ',' && e.depth == 1:
		return '\n', true
	}
	return c, true
}
