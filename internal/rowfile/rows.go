package rowfile

// rowReader is the NDJSON of a file of rows, one line per row.
type rowReader struct {
	// next appends the next line to dst, or returns io.EOF.
	next func(dst []byte) ([]byte, error)
	line []byte
	sent int
}

func (r *rowReader) Read(p []byte) (int, error) {
	if r.sent == len(r.line) {
		var err error
		if r.line, err = r.next(r.line[:0]); err != nil {
			return 0, err
		}
		if len(r.line) > RecordBytesMax+1 { // the decoder says that it is too long
			r.line = append(r.line[:RecordBytesMax+1], '\n')
		}
		r.sent = 0
	}
	n := copy(p, r.line[r.sent:])
	r.sent += n
	return n, nil
}
