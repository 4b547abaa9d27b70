package workload

import "io"

// Reader reads what is left of a generator as NDJSON. It is for one goroutine at a time.
type Reader struct {
	generator *Generator
	line      []byte // scratch for a line that did not fit
	rest      []byte // the part of line that is still to be read
	done      bool
}

// NewReader returns a reader over g, which must not be used otherwise from now on.
func NewReader(g *Generator) *Reader { return &Reader{generator: g} }

// Read fills p with lines, the last of which may be cut off and goes on in the next Read.
func (r *Reader) Read(p []byte) (int, error) {
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	for len(p)-n >= lineMax && !r.done {
		longer, ok := r.generator.AppendNDJSON(p[:n])
		n, r.done = len(longer), !ok
	}
	for n < len(p) && !r.done {
		var ok bool
		r.line, ok = r.generator.AppendNDJSON(r.line[:0])
		r.done = !ok
		copied := copy(p[n:], r.line)
		n, r.rest = n+copied, r.line[copied:]
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}
