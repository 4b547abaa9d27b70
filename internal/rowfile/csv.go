package rowfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/residualdb/residual/internal/jsontext"
)

// CSV reads a CSV file. Its first record is a header or a row; without a header the columns are these, in order. comma is what
// stands between fields; 0 leaves it to the first line to tell. An [*Error] comes with the first read.
func CSV(file io.Reader, columns []Column, comma rune) io.Reader {
	rows := &csvRows{file: bufio.NewReaderSize(file, startBytes), columns: columns, comma: comma}
	return &rowReader{next: rows.next}
}

// null is how databases write it to a field. Between quotes it is a text, where its column has texts.
const null = `\N`

type csvRows struct {
	file    *bufio.Reader
	columns []Column
	comma   rune

	// What is known after the first line.
	reader *csvReader
	fields []*Column // what each field of a record is; nil for what is no column
	// least is how many fields a record has at least: those behind may be missing, at the end of a line.
	least int
	// row is the first record where that is a row, which is read already.
	row bool
}

// next appends one record as a line of JSON. A record that is none becomes a JSON string, which the decoder rejects,
// so that it costs no other record its row.
func (r *csvRows) next(dst []byte) ([]byte, error) {
	if r.reader == nil {
		if err := r.begin(); err != nil {
			return dst, err
		}
	}
	record, err := r.reader.record, error(nil)
	if !r.row {
		record, err = r.reader.read()
	}
	r.row = false
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		return append(jsontext.AppendString(dst, broken.Error()), '\n'), nil
	}
	if err != nil {
		return dst, err
	}
	return r.appendRow(dst, record), nil
}

// appendRow appends a record as a line; nothing for one whose fields are all empty, as spreadsheets leave them below a table.
func (r *csvRows) appendRow(dst []byte, record []string) []byte {
	filled := len(record)
	for filled > 0 && record[filled-1] == "" {
		filled--
	}
	if filled == 0 && len(record) > 1 {
		return dst
	}
	// A record that ends with its file may have been cut off.
	short := len(record) < r.least || len(record) < len(r.fields) && r.reader.cut
	if short || filled > len(r.fields) {
		text := fmt.Sprintf("%d fields where there are %d columns: %s", len(record), len(r.fields), strings.Join(record, r.reader.comma))
		return append(jsontext.AppendString(dst, text), '\n')
	}
	dst = append(dst, '{')
	for i, column := range r.fields {
		value := ""
		if i < len(record) {
			value = record[i]
		}
		none := value == null && column != nil && (column.Kind == Number || !r.reader.quoted[i])
		if column == nil || column.Sparse && (value == "" || none) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendQuoted(dst, column.Name), ':')
		if none {
			dst = append(dst, "null"...)
			continue
		}
		dst = appendField(dst, column, value)
	}
	return append(dst, "}\n"...)
}

// appendField appends a field as the JSON that its column takes: what is not a number stays a string, and the decoder
// says so.
func appendField(dst []byte, column *Column, value string) []byte {
	switch {
	case column.Kind == Time:
		value = strings.TrimSpace(value)
		if number, ok := plainNumberOf(value); ok && column.Epoch {
			return append(dst, number...)
		}
		return jsontext.AppendQuoted(dst, value)
	case column.Kind == Object:
		return appendObject(dst, []byte(value))
	case column.Kind != Number:
		return jsontext.AppendQuoted(dst, value)
	}
	number := strings.TrimSpace(value)
	if number == "" {
		return append(dst, "null"...)
	}
	text, ok := plainNumber(number)
	switch {
	case !ok:
		return jsontext.AppendQuoted(dst, value)
	case text == notANumber && column.Optional:
		return append(dst, "null"...)
	}
	return append(dst, text...)
}

// appendObject appends a text that holds a JSON object as that; another text as it is, in which no value of the row is found.
func appendObject(dst, text []byte) []byte {
	if text = bytes.TrimSpace(text); len(text) > 0 && text[0] == '{' && json.Valid(text) {
		for _, b := range text { // a line's end would end the row
			if b == '\n' || b == '\r' {
				b = ' '
			}
			dst = append(dst, b)
		}
		return dst
	}
	return jsontext.AppendQuoted(dst, text)
}

// plainNumberOf is plainNumber of a text that may be empty.
func plainNumberOf(text string) (plain string, ok bool) {
	if text == "" {
		return "", false
	}
	return plainNumber(text)
}

// notANumber and infinity are what JSON has no word for: the decoder rejects a row with one of them, and says why.
const (
	notANumber = "NaN"
	infinity   = "Infinity"
)

// plainNumber returns a decimal number as JSON writes it: without a plus, with a digit before the point and behind it, and without
// zeros before others. ok is false for what is no number.
func plainNumber(text string) (plain string, ok bool) {
	if json.Valid([]byte(text)) && (text[0] == '-' || '0' <= text[0] && text[0] <= '9') {
		return text, true
	}
	sign := ""
	switch text[0] {
	case '-':
		sign, text = "-", text[1:]
	case '+':
		text = text[1:]
	}
	switch strings.ToLower(text) {
	case "nan":
		return notANumber, true
	case "inf", "infinity":
		return sign + infinity, true
	}
	digits, power := text, ""
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		digits, power = text[:e], text[e:]
	}
	whole, decimals, _ := strings.Cut(digits, ".")
	if whole+decimals == "" || strings.Trim(whole, "0123456789") != "" {
		return "", false
	}
	plain = sign + strings.TrimLeft(whole[:max(len(whole)-1, 0)], "0") + whole[max(len(whole)-1, 0):]
	if whole == "" {
		plain = sign + "0"
	}
	if decimals != "" {
		plain += "." + decimals
	}
	plain += power
	return plain, json.Valid([]byte(plain))
}
