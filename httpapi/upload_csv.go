package httpapi

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvRows reads a CSV file. Without a header its columns are those of the data source, in order.
type csvRows struct {
	reader *csv.Reader
	source *source
	// names are the columns of the file, known after its first record.
	names []string
}

func newCSVRows(file io.Reader, src *source, delimiter string) (io.Reader, error) {
	comma, size := utf8.DecodeRuneInString(delimiter)
	if size != len(delimiter) || comma == utf8.RuneError || strings.ContainsRune("\x00\"\r\n", comma) {
		return nil, badParameter("the parameter dialect_delimiter is %s; it must be one character", shown(delimiter))
	}
	rows := &csvRows{reader: csv.NewReader(file), source: src}
	rows.reader.Comma = comma
	rows.reader.FieldsPerRecord = -1
	rows.reader.ReuseRecord = true
	return &rowReader{next: rows.next}, nil
}

// next appends one record as a line of JSON. A record that is none becomes a JSON string, which the decoder rejects,
// so that it costs no other record its row.
func (r *csvRows) next(dst []byte) ([]byte, error) {
	record, err := r.reader.Read()
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		return append(appendJSONString(dst, broken.Error()), '\n'), nil
	}
	if err != nil {
		return dst, err
	}
	if r.names == nil {
		r.names = r.header(record)
		if slices.Equal(r.names, record) {
			return dst, nil
		}
	}
	if len(record) != len(r.names) {
		return append(appendJSONString(dst, strings.Join(record, string(r.reader.Comma))), '\n'), nil
	}
	dst = append(dst, '{')
	for i, value := range record {
		dst = appendComma(dst, i)
		dst = append(appendQuoted(dst, r.names[i]), ':')
		dst = r.appendValue(dst, r.names[i], value)
	}
	return append(dst, "}\n"...), nil
}

// header returns the names of the columns: the first record if it names one, else those of the data source.
func (r *csvRows) header(first []string) []string {
	names := make([]string, len(r.source.columns))
	for i, column := range r.source.columns {
		names[i] = column.name
	}
	if slices.ContainsFunc(first, func(name string) bool { return slices.Contains(names, name) }) {
		return slices.Clone(first)
	}
	return names
}

// appendValue appends a field as the JSON that its column takes: what is not a number stays a string, and the decoder
// says so.
func (r *csvRows) appendValue(dst []byte, name, value string) []byte {
	if value == `\N` {
		return append(dst, "null"...)
	}
	for _, column := range r.source.columns {
		if column.name != name || column.kind != kindFloat64 {
			continue
		}
		if value == "" {
			return append(dst, "null"...)
		}
		if (value[0] == '-' || '0' <= value[0] && value[0] <= '9') && json.Valid([]byte(value)) {
			return append(dst, value...)
		}
	}
	return appendQuoted(dst, value)
}
