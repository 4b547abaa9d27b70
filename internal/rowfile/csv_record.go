package rowfile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
)

// A CSV record has at most FieldsMax fields and RecordBytesMax bytes, which is more than a line of JSON may have.
const (
	FieldsMax      = 1024
	RecordBytesMax = 1 << 20
)

var (
	errWide = errors.New("more than 1024 fields")
	errLong = errors.New("longer than 1 MiB")
)

// csvReader reads records as an encoding/csv.Reader does, whose errors it gives, but keeps what stands between quotes as it is, its
// carriage returns too, and never holds more of one than it may
// have: a file may be one record of nothing but delimiters. A record that is none, or has too many fields, ends with its
// line; one that is too long where its last field does. Unlike there, a carriage return alone ends a line, and blanks around a
// field or its quotes are none of it.
type csvReader struct {
	from  *bufio.Reader
	comma string
	// line and column are the place of the next byte, both from 1.
	line, column int
	// newLine is set when the byte before ended a line, with what written says.
	newLine bool
	written string
	// cut is set when the last record ended with the file and not with a line.
	cut bool
	// held is the error that the next read returns, of a record that was looked at before.
	held error

	text   []byte // of the fields of the record
	ends   []int  // of each in text
	quoted []bool // of each, whether it is between quotes
	long   bool
	record []string
}

func newCSVReader(file *bufio.Reader, comma rune) *csvReader {
	return &csvReader{from: file, comma: string(comma), line: 1, column: 1}
}

// token is a byte of a file, or what stands for more of it.
type token int

const (
	delimiter token = 256 + iota
	lineEnd
	fileEnd
)

// next reads a token. A line ends with a line feed, a carriage return, or both.
func (r *csvReader) next() (token, error) {
	b, err := r.from.ReadByte()
	r.written = "\n"
	if b == '\r' && err == nil {
		b, r.written = '\n', "\r"
		if behind, _ := r.from.Peek(1); len(behind) == 1 && behind[0] == '\n' {
			_, _ = r.from.Discard(1) // it was peeked at
			r.written = "\r\n"
		}
	}
	if errors.Is(err, io.EOF) {
		return fileEnd, nil
	}
	if err != nil {
		return 0, err
	}
	if r.newLine {
		r.line, r.column, r.newLine = r.line+1, 1, false
	}
	r.column++
	if b == '\n' {
		r.newLine = true
		return lineEnd, nil
	}
	if b != r.comma[0] {
		return token(b), nil
	}
	if rest := r.comma[1:]; rest != "" {
		if behind, _ := r.from.Peek(len(rest)); string(behind) != rest {
			return token(b), nil
		}
		_, _ = r.from.Discard(len(rest)) // it was peeked at
		r.column += len(rest)
	}
	return delimiter, nil
}

// read returns the next record, which is valid until the next call, or io.EOF after the last one.
func (r *csvReader) read() ([]string, error) {
	if err := r.held; err != nil {
		r.held = nil
		return nil, err
	}
	r.text, r.ends, r.quoted, r.long = r.text[:0], r.ends[:0], r.quoted[:0], false
	t, err := r.next()
	for t == lineEnd && err == nil {
		t, err = r.next()
	}
	if t == fileEnd && err == nil {
		err = io.EOF
	}
	if err != nil {
		return nil, err
	}
	start := r.line
	for {
		for isBlank(t) && err == nil {
			t, err = r.next()
		}
		if err != nil {
			return nil, err
		}
		r.quoted = append(r.quoted, t == '"')
		if t == '"' {
			t, err = r.inQuotes(start)
		} else {
			t, err = r.plain(t, start)
		}
		if err != nil {
			return nil, err
		}
		r.ends = append(r.ends, len(r.text))
		switch {
		case t != delimiter && r.long:
			return nil, r.broken(start, r.column, errLong)
		case t != delimiter:
			r.cut = t == fileEnd
			return r.fields(), nil
		case len(r.ends) == FieldsMax:
			return nil, r.skipLine(r.broken(start, r.column, errWide))
		}
		if t, err = r.next(); err != nil {
			return nil, err
		}
	}
}

// plain reads a field that begins with t and is in no quotes, and returns what ended it.
func (r *csvReader) plain(t token, start int) (token, error) {
	for t < delimiter {
		if t == '"' {
			return 0, r.skipLine(r.broken(start, r.column-1, csv.ErrBareQuote))
		}
		r.add(byte(t))
		var err error
		if t, err = r.next(); err != nil {
			return 0, err
		}
	}
	first := 0
	if len(r.ends) > 0 {
		first = r.ends[len(r.ends)-1]
	}
	for len(r.text) > first && isBlank(token(r.text[len(r.text)-1])) {
		r.text = r.text[:len(r.text)-1]
	}
	return t, nil
}

// isBlank tells whether a token is one of those that count for nothing around a field, outside of its quotes.
func isBlank(t token) bool { return t == ' ' || t == '\t' }

// inQuotes reads a field behind its first quote, and returns what ended it.
func (r *csvReader) inQuotes(start int) (token, error) {
	for {
		t, err := r.next()
		if err != nil {
			return 0, err
		}
		switch t {
		case '"':
			column := r.column - 1
			t, err = r.next()
			quote := t == '"'
			for isBlank(t) && err == nil {
				t, err = r.next()
			}
			if err != nil || t >= delimiter {
				return t, err
			}
			if !quote {
				return 0, r.skipLine(r.broken(start, column, csv.ErrQuote))
			}
			r.add('"')
		case lineEnd:
			for i := range len(r.written) {
				r.add(r.written[i])
			}
		case delimiter:
			for i := range len(r.comma) {
				r.add(r.comma[i])
			}
		case fileEnd:
			return 0, r.broken(start, r.column, csv.ErrQuote)
		default:
			r.add(byte(t))
		}
	}
}

func (r *csvReader) add(b byte) {
	if len(r.text) < RecordBytesMax {
		r.text = append(r.text, b)
	} else {
		r.long = true
	}
}

// broken is the error of a record that begins on the line start.
func (r *csvReader) broken(start, column int, err error) error {
	return &csv.ParseError{StartLine: start, Line: r.line, Column: column, Err: err}
}

// skipLine skips the rest of the line and returns broken, or the error of reading it.
func (r *csvReader) skipLine(broken error) error {
	for !r.newLine {
		t, err := r.next()
		if err != nil {
			return err
		}
		if t == fileEnd {
			break
		}
	}
	return broken
}

// fields makes the record of the text.
func (r *csvReader) fields() []string {
	text, from := string(r.text), 0
	r.record = r.record[:0]
	for _, end := range r.ends {
		r.record = append(r.record, text[from:end])
		from = end
	}
	return r.record
}
