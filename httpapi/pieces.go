package httpapi

import (
	"bytes"
	"io"
	"math"

	"github.com/residualdb/residual/event"
)

// pieceBytes is how much of a body is decoded at once. The longest line fits, so that where a body is cut depends on
// its bytes alone and never on how they arrived: the same body always gives the same rows and rejects.
const pieceBytes = event.LineBytesMax + 2

// firstBufferBytes is what a body costs before it proves to be longer.
const firstBufferBytes = 8 << 10

// pieces cuts a body into runs of whole lines. A body of one piece comes whole, however it is laid out.
//
// A line longer than event.LineBytesMax comes as its first LineBytesMax+1 bytes or more, which the decoder rejects;
// the rest of it is skipped. So memory stays bounded whatever the body holds.
type pieces struct {
	from io.Reader
	// read is told about every run of bytes that arrived, before they count, and done about every piece that is over
	// with; pieces do not depend on how bytes arrived.
	read func(p []byte) error
	done func(p []byte)

	buf []byte
	// buf[:given] is what next returned last.
	given int
	// lines is the number of lines that ended before buf.
	lines int
	// skipping is set inside a line too long, ended after the last byte.
	skipping, ended bool
}

// next returns the next run of lines, valid until the call after it, and io.EOF after the last one.
func (p *pieces) next() ([]byte, error) {
	p.drop(p.given)
	for {
		if err := p.fill(pieceBytes); err != nil {
			return nil, err
		}
		if len(p.buf) == 0 {
			return nil, io.EOF
		}
		if !p.skipping {
			p.given = p.cut()
			return p.buf[:p.given], nil
		}
		end := bytes.IndexByte(p.buf, '\n') + 1
		p.skipping = end == 0
		if p.skipping {
			end = len(p.buf)
		}
		p.drop(end)
	}
}

// cut returns the end of the last whole line in the buffer, or the end of the buffer where there is none.
func (p *pieces) cut() int {
	if p.ended {
		return len(p.buf)
	}
	if end := bytes.LastIndexByte(p.buf, '\n') + 1; end > 0 {
		return end
	}
	p.skipping = true
	return len(p.buf)
}

// drop removes the first n bytes of the buffer.
func (p *pieces) drop(n int) {
	if n > 0 {
		p.done(p.buf[:n])
	}
	p.lines += bytes.Count(p.buf[:n], []byte{'\n'})
	p.buf = p.buf[:copy(p.buf, p.buf[n:])]
	p.given = 0
}

// fill reads until the buffer holds limit bytes or the body ended.
func (p *pieces) fill(limit int) error {
	for !p.ended && len(p.buf) < limit {
		if len(p.buf) == cap(p.buf) {
			size := min(max(2*cap(p.buf), firstBufferBytes), limit)
			p.buf = append(make([]byte, 0, size), p.buf...)
		}
		n, err := p.from.Read(p.buf[len(p.buf):min(cap(p.buf), limit)])
		if e := p.read(p.buf[len(p.buf) : len(p.buf)+n]); e != nil {
			return e
		}
		p.buf = p.buf[:len(p.buf)+n]
		switch {
		case err == io.EOF:
			p.ended = true
		case err != nil:
			return err
		}
	}
	return nil
}

// beginsArray tells whether the first byte that arrived and is no white space begins an array.
func (p *pieces) beginsArray() bool {
	start := bytes.TrimLeft(bytes.TrimPrefix(p.buf, []byte("\xEF\xBB\xBF")), " \t\r\n")
	return len(start) > 0 && start[0] == '['
}

// whole returns all of the body in one piece, for formats that are one document.
func (p *pieces) whole() ([]byte, error) {
	err := p.fill(math.MaxInt)
	return p.buf, err
}
