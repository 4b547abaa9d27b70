package httpapi

import (
	"errors"
	"strings"

	"github.com/residualdb/residual/internal/jsontext"
)

const (
	// answerPieceBytes is how much of an answer is sent at once, and with one row more the longest that is sent whole.
	answerPieceBytes = 32 << 10
	// longTextBytes is the longest text that is written at once: a longer one, as a rejected line may be, comes in parts.
	longTextBytes = 4 << 10
)

// errLong ends the writing of an answer that does not fit one piece and has nowhere to send the first one.
var errLong = errors.New("the answer does not fit one piece")

// output is the text of an answer on its way: what is not sent of it, and how it is. It never holds much more than a
// piece. Once it has failed, writing to it does nothing but append.
type output struct {
	buf []byte
	// send hands a piece on, which it must not keep. It is nil as long as the answer may be short.
	send func(piece []byte) error
	err  error
	// noFormulas has CSV put an apostrophe before texts that a spreadsheet would take for formulas.
	noFormulas bool
}

// pass sends what there is if it makes a piece, and tells whether writing goes on.
func (o *output) pass() bool { return len(o.buf) < answerPieceBytes && o.err == nil || o.flush() }

// flush sends what there is.
func (o *output) flush() bool {
	switch {
	case o.err != nil:
	case o.send == nil:
		o.err = errLong
	default:
		o.err = o.send(o.buf)
	}
	if o.send != nil {
		o.buf = o.buf[:0]
	}
	return o.err == nil
}

// Write implements io.Writer, for a file that is written by a library.
func (o *output) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), answerPieceBytes)
		o.buf = append(o.buf, rest[:n]...)
		rest = rest[n:]
		if !o.pass() {
			return 0, o.err
		}
	}
	return len(p), nil
}

// parts writes a text part by part.
func (o *output) parts(s string, escape func(dst []byte, s string) []byte) {
	for len(s) > 0 && o.err == nil {
		n := min(len(s), longTextBytes)
		o.buf = escape(o.buf, s[:n])
		s = s[n:]
		o.pass()
	}
}

// longJSON is jsontext.AppendString for a text of any length.
func (o *output) longJSON(s string) {
	o.buf = append(o.buf, '"')
	o.parts(strings.ToValidUTF8(s, "\ufffd"), jsontext.AppendEscaped)
	o.buf = append(o.buf, '"')
}
