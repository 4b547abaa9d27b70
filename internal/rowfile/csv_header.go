package rowfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// commas are what the fields of a file may be separated by that does not say so, the usual one first.
const commas = ",;\t|"

// begin reads what a file begins with: a line that names the delimiter, and a header.
func (r *csvRows) begin() error {
	file := PlainText(r.file)
	line := firstLine(file)
	said, ok := saidComma(line)
	if ok {
		_, _ = file.Discard(len(line)) // it was peeked at
		line = firstLine(file)
	}
	switch {
	case r.comma != 0:
	case ok:
		r.comma = said
	default:
		r.comma = tellComma(line, r.columns)
	}
	reader := newCSVReader(file, r.comma)
	if ok {
		reader.line++
	}
	line = bytes.Clone(line)
	first, err := reader.read()
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		// A header that cannot be read says nothing of the columns, and rows without their columns must not be guessed.
		if mentions(line, r.columns) {
			return errorf("the first line of the file is no record of CSV: %v", broken)
		}
		reader.held = broken
	} else if err != nil {
		return err
	}
	if err := r.name(first); err != nil {
		return err
	}
	r.reader = reader
	return nil
}

// name decides what the columns of a file are by its first record, which is a row, a header, or neither.
//
// A row is known by its numbers and its time, which are where they are in rows without a header: no header has numbers there. A
// header is what names columns, or is made of words alone where a row has numbers. Where that names none, what the columns are is not
// known, and no row is stored. What is neither is a row that the decoder rejects.
func (r *csvRows) name(first []string) error {
	if isRow(first, r.columns) || named(first, r.columns) == 0 && !isHeader(first, r.columns) {
		r.fields = make([]*Column, len(r.columns))
		for i := range r.columns {
			if r.fields[i] = &r.columns[i]; !r.columns[i].Sparse {
				r.least = i + 1
			}
		}
		r.row = first != nil
		return nil
	}
	if named(first, r.columns) == 0 {
		return errorf("the first line of the file is a header that names no column of the data source: it has %s; the columns are %s",
			shownAll(first), namesOf(r.columns))
	}
	fields, err := match(first, r.columns)
	if err != nil {
		return err
	}
	r.fields = fields
	for i, column := range r.fields {
		if column != nil && !column.Optional {
			r.least = i + 1
		}
	}
	return nil
}

// isRow tells whether a record is a row of the columns in their order: their numbers and times are some, and one of them is there.
func isRow(record []string, columns []Column) bool {
	found := false
	for i := range columns {
		value := ""
		if i < len(record) {
			value = strings.TrimSpace(record[i])
		}
		switch column := &columns[i]; {
		case value == "" || value == null:
		case column.Kind == Number:
			if _, ok := plainNumber(value); !ok {
				return false
			}
			found = true
		case column.Kind == Time:
			if _, number := plainNumber(value); !beginsYear(value) && !(number && column.Epoch) {
				return false
			}
			found = true
		}
	}
	return found
}

// beginsYear tells whether a text begins as a date does.
func beginsYear(text string) bool {
	return len(text) > 4 && text[4] == '-' && strings.Trim(text[:4], "0123456789") == ""
}

// isHeader tells whether a record that names no column is a header nevertheless: of words alone, one of them where a row has a number
// or a time; or of the numbers 0, 1, 2 and so on, with which pandas names columns that have no name.
func isHeader(record []string, columns []Column) bool {
	counted, misplaced := len(record) > 1, false
	for i, value := range record {
		value = strings.TrimSpace(value)
		counted = counted && value == strconv.Itoa(i)
		if value == "" || value == null || !strings.ContainsRune("0123456789+-.{[", rune(value[0])) {
			misplaced = misplaced || value != "" && value != null && i < len(columns) && (columns[i].Kind == Number || columns[i].Kind == Time)
		} else if !counted {
			return false
		}
	}
	return counted || misplaced
}

// mentions tells whether a line holds the name of a column, in whatever it is.
func mentions(line []byte, columns []Column) bool {
	plain := strings.ReplaceAll(strings.ToLower(string(line)), " ", "_")
	return slices.ContainsFunc(columns, func(c Column) bool { return strings.Contains(plain, plainName(c.Name)) })
}

// firstLine looks at the first line of a file, with its end, and no more: a pipe may be slow to bring what follows.
func firstLine(file *bufio.Reader) []byte {
	for n := 1; n <= startBytes; n = file.Buffered() + 1 {
		_, err := file.Peek(n)
		start, _ := file.Peek(file.Buffered()) // which is there
		if end := bytes.IndexAny(start, "\r\n"); end >= 0 && (end+1 < len(start) || start[end] == '\n' || err != nil) {
			if start[end] == '\r' && end+1 < len(start) && start[end+1] == '\n' {
				end++
			}
			return start[:end+1]
		}
		if err != nil {
			return start
		}
	}
	start, _ := file.Peek(startBytes)
	return start
}

// saidComma returns the delimiter of a line that says which it is, as spreadsheets write and read it.
func saidComma(line []byte) (comma rune, ok bool) {
	text := strings.Trim(strings.TrimRight(string(line), "\r\n"), `"`)
	if len(text) < len("sep=") || !strings.EqualFold(text[:len("sep=")], "sep=") {
		return 0, false
	}
	text = text[len("sep="):]
	comma, size := utf8.DecodeRuneInString(text)
	return comma, size == len(text) && ValidComma(comma)
}

// ValidComma tells whether a character may stand between fields.
func ValidComma(comma rune) bool {
	return comma != utf8.RuneError && !strings.ContainsRune("\x00\"\r\n", comma)
}

// tellComma returns the delimiter with which the first line of a file names the most columns; of one that names none, that with which it
// is a row.
func tellComma(line []byte, columns []Column) rune {
	best, most := rune(commas[0]), 0
	for _, comma := range commas {
		record, err := newCSVReader(bufio.NewReader(bytes.NewReader(line)), comma).read()
		if err != nil {
			continue
		}
		found := 2 * named(record, columns)
		if found == 0 && len(record) > 1 && isRow(record, columns) {
			found = 1
		}
		if found > most {
			best, most = comma, found
		}
	}
	return best
}

// IsCSV tells whether a text begins as CSV that says what its columns or its delimiter are, or with a row.
func IsCSV(start []byte, columns []Column) bool {
	line := firstLine(bufio.NewReaderSize(bytes.NewReader(start), startBytes))
	if _, ok := saidComma(line); ok {
		return true
	}
	for _, comma := range commas {
		record, err := newCSVReader(bufio.NewReader(bytes.NewReader(line)), comma).read()
		if err == nil && (named(record, columns) > 0 || len(record) > 1 && isRow(record, columns)) {
			return true
		}
	}
	return false
}
