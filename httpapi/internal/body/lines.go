package body

import (
	"bytes"
	"io"
	"math"

	"github.com/residualdb/residual/event"
)

// PieceBytes is how much of a body is decoded at once. The longest line fits, so that where a body is cut depends on
// its bytes alone and never on how they arrived: the same body always gives the same rows and rejects.
const PieceBytes = event.LineBytesMax + 2

// firstBufferBytes is what a body costs before it proves to be longer.
const firstBufferBytes = 8 << 10

// Lines cuts a body into runs of whole lines. A body of one piece comes whole, however it is laid out.
//
// A line longer than event.LineBytesMax comes as its first LineBytesMax+1 bytes or more, which the decoder rejects;
// the rest of it is skipped. So memory stays bounded whatever the body holds.
type Lines struct {
	from io.Reader
	hash *Hash // nil without an idempotency key

	buf []byte
	// buf[:given] is what Next returned last.
	given int
	// before is the number of lines that ended before buf.
	before int
	// skipping is set inside a line too long, ended after the last byte.
	skipping, ended bool
}

// NewLines reads from a body into the memory of buf. hash, unless it is nil, gets all of it.
func NewLines(from io.Reader, buf []byte, hash *Hash) *Lines {
	return &Lines{from: from, buf: buf[:0], hash: hash}
}

// Before is the number of lines before those that Next returned last.
func (l *Lines) Before() int { return l.before }

// Buffer ends the use of l and returns its memory; nil if that is not worth keeping.
func (l *Lines) Buffer() []byte {
	buf := l.buf
	l.buf = nil
	if cap(buf) > PieceBytes {
		return nil
	}
	return buf
}

// Begin reads the first piece, or all of a shorter body.
func (l *Lines) Begin() error { return l.fill(PieceBytes) }

// Next returns the next run of lines, valid until the call after it, and io.EOF after the last one.
func (l *Lines) Next() ([]byte, error) {
	l.drop(l.given)
	for {
		if err := l.fill(PieceBytes); err != nil {
			return nil, err
		}
		if len(l.buf) == 0 {
			return nil, io.EOF
		}
		if !l.skipping {
			l.given = l.cut()
			return l.buf[:l.given], nil
		}
		end := bytes.IndexByte(l.buf, '\n') + 1
		l.skipping = end == 0
		if l.skipping {
			end = len(l.buf)
		}
		l.drop(end)
	}
}

// cut returns the end of the last whole line in the buffer, or the end of the buffer where there is none.
func (l *Lines) cut() int {
	if l.ended {
		return len(l.buf)
	}
	if end := bytes.LastIndexByte(l.buf, '\n') + 1; end > 0 {
		return end
	}
	l.skipping = true
	return len(l.buf)
}

// drop removes the first n bytes of the buffer.
func (l *Lines) drop(n int) {
	if n > 0 && l.hash != nil {
		l.hash.Add(l.buf[:n])
	}
	l.before += bytes.Count(l.buf[:n], []byte{'\n'})
	l.buf = l.buf[:copy(l.buf, l.buf[n:])]
	l.given = 0
}

// fill reads until the buffer holds limit bytes or the body ended.
func (l *Lines) fill(limit int) error {
	for !l.ended && len(l.buf) < limit {
		if len(l.buf) == cap(l.buf) {
			size := min(max(2*cap(l.buf), firstBufferBytes), limit)
			l.buf = append(make([]byte, 0, size), l.buf...)
		}
		n, err := l.from.Read(l.buf[len(l.buf):min(cap(l.buf), limit)])
		l.buf = l.buf[:len(l.buf)+n]
		switch {
		case err == io.EOF:
			l.ended = true
		case err != nil:
			return err
		}
	}
	return nil
}

// Start returns how the body begins, once [Lines.Begin] has read it.
func (l *Lines) Start() []byte { return l.buf }

// BeginsArray tells whether the first byte that arrived and is no white space begins an array.
func (l *Lines) BeginsArray() bool {
	start := bytes.TrimLeft(bytes.TrimPrefix(l.buf, []byte("\xEF\xBB\xBF")), " \t\r\n")
	return len(start) > 0 && start[0] == '['
}

// Whole returns all of the body, of which Next has returned nothing, for formats that are one document.
func (l *Lines) Whole() ([]byte, error) {
	err := l.fill(math.MaxInt)
	if err == nil && l.hash != nil {
		l.hash.Add(l.buf)
	}
	return l.buf, err
}
