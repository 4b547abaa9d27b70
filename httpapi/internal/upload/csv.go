package upload

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/jsontext"
)

// Column is a column that a row may have.
type Column struct {
	Name string
	// Number tells that its values are numbers; those of other columns are strings.
	Number bool
	// Sparse tells that a row is without the column where its file has nothing there, or null.
	Sparse bool
}

// sparse tells whether the column of a name is.
func sparse(columns []Column, name string) bool {
	return slices.ContainsFunc(columns, func(c Column) bool { return c.Sparse && c.Name == name })
}

// CSV reads a CSV file. A first record that names a column is a header; without one the columns are these, in order.
func CSV(file io.Reader, columns []Column, comma rune) io.Reader {
	rows := &csvRows{reader: csvReader{from: withoutMark(file), comma: string(comma), line: 1, column: 1}, columns: columns}
	return &rowReader{next: rows.next}
}

// withoutMark skips the byte order mark that spreadsheets put before UTF-8.
func withoutMark(file io.Reader) *bufio.Reader {
	const mark = "\uFEFF"
	peeked := bufio.NewReader(file)
	if start, _ := peeked.Peek(len(mark)); string(start) == mark {
		_, _ = peeked.Discard(len(mark)) // it was peeked at
	}
	return peeked
}

// null is how databases write it to a field. Between quotes it is a text, where its column has texts.
const null = `\N`

type csvRows struct {
	reader  csvReader
	columns []Column
	// names are the columns of the file, and fieldsMin is how many fields its records have at least; both are known after the
	// first one.
	names     []string
	fieldsMin int
}

// next appends one record as a line of JSON. A record that is none becomes a JSON string, which the decoder rejects,
// so that it costs no other record its row.
func (r *csvRows) next(dst []byte) ([]byte, error) {
	record, err := r.reader.read()
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		return append(jsontext.AppendString(dst, broken.Error()), '\n'), nil
	}
	if err != nil {
		return dst, err
	}
	if r.names == nil {
		r.begin(record)
		if slices.Equal(r.names, record) {
			return dst, nil
		}
	}
	if len(record) < r.fieldsMin || len(record) > len(r.names) {
		text := fmt.Sprintf("%d fields where there are %d columns: %s", len(record), len(r.names), strings.Join(record, r.reader.comma))
		return append(jsontext.AppendString(dst, text), '\n'), nil
	}
	dst = append(dst, '{')
	for i, value := range record {
		number := r.number(r.names[i])
		none := value == null && (number || !r.reader.quoted[i])
		if (value == "" || none) && sparse(r.columns, r.names[i]) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendQuoted(dst, r.names[i]), ':')
		switch {
		case none, number && value == "":
			dst = append(dst, "null"...)
		case number && isNumber(value):
			dst = append(dst, value...)
		default: // what is not a number stays a string, and the decoder says so
			dst = jsontext.AppendQuoted(dst, value)
		}
	}
	return append(dst, "}\n"...), nil
}

// begin sets the names of the columns: the first record if it names one, else those of the data source, of which records
// may leave out sparse ones at the end.
func (r *csvRows) begin(first []string) {
	names := make([]string, len(r.columns))
	for i, column := range r.columns {
		if names[i] = column.Name; !column.Sparse {
			r.fieldsMin = i + 1
		}
	}
	r.names = names
	if slices.ContainsFunc(first, func(name string) bool { return slices.Contains(names, name) }) {
		r.names, r.fieldsMin = slices.Clone(first), len(first)
	}
}

// number tells whether a column has numbers.
func (r *csvRows) number(name string) bool {
	return slices.ContainsFunc(r.columns, func(c Column) bool { return c.Number && c.Name == name })
}

// isNumber tells whether a field is written as JSON writes numbers.
func isNumber(value string) bool {
	return (value[0] == '-' || '0' <= value[0] && value[0] <= '9') && json.Valid([]byte(value))
}
