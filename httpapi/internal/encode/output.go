package encode

import (
	"errors"
	"math"
	"strings"

	"github.com/residualdb/residual/internal/jsontext"
)

const (
	// PieceBytes is how much of an answer is sent at once, and with one row more the longest that is sent whole.
	PieceBytes = 32 << 10
	// LongTextBytes is the longest text that is written at once: a longer one, as a rejected line may be, comes in parts.
	LongTextBytes = 4 << 10
)

// ErrLong ends the writing of an answer that does not fit one piece and has nowhere to send the first one.
var ErrLong = errors.New("the answer does not fit one piece")

// Output is the text of an answer on its way: what is not sent of it, and how it is. It never holds much more than a
// piece. Once it has failed, writing to it does nothing but append.
type Output struct {
	Buf []byte
	// Send hands a piece on, which it must not keep. It is nil as long as the answer may be short.
	Send func(piece []byte) error
	Err  error
	// noFormulas has CSV put an apostrophe before texts that a spreadsheet would take for formulas.
	noFormulas bool
	// size is the absolute value of the number that was written last, and sizeText its text.
	size     float64
	sizeText []byte
}

// pass sends what there is if it makes a piece, and tells whether writing goes on.
func (o *Output) pass() bool { return len(o.Buf) < PieceBytes && o.Err == nil || o.Flush() }

// float writes a finite number. An error is the same text twice in a row, with and without its sign: to make it once takes
// a quarter off the time of a row.
func (o *Output) float(f float64) {
	if size := math.Abs(f); size != o.size || len(o.sizeText) == 0 {
		o.size, o.sizeText = size, jsontext.AppendFloat(o.sizeText[:0], size)
	}
	if math.Signbit(f) {
		o.Buf = append(o.Buf, '-')
	}
	o.Buf = append(o.Buf, o.sizeText...)
}

// Flush sends what there is.
func (o *Output) Flush() bool {
	switch {
	case o.Err != nil:
	case o.Send == nil:
		o.Err = ErrLong
	default:
		o.Err = o.Send(o.Buf)
	}
	if o.Send != nil {
		o.Buf = o.Buf[:0]
	}
	return o.Err == nil
}

// Write implements io.Writer, for a file that is written by a library.
func (o *Output) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), PieceBytes)
		o.Buf = append(o.Buf, rest[:n]...)
		rest = rest[n:]
		if !o.pass() {
			return 0, o.Err
		}
	}
	return len(p), nil
}

// parts writes a text part by part.
func (o *Output) parts(s string, escape func(dst []byte, s string) []byte) {
	for len(s) > 0 && o.Err == nil {
		n := min(len(s), LongTextBytes)
		o.Buf = escape(o.Buf, s[:n])
		s = s[n:]
		o.pass()
	}
}

// longJSON is jsontext.AppendString for a text of any length.
func (o *Output) longJSON(s string) {
	o.Buf = append(o.Buf, '"')
	o.parts(strings.ToValidUTF8(s, "\ufffd"), jsontext.AppendEscaped)
	o.Buf = append(o.Buf, '"')
}
