package httpapi

import (
	"math"
	"slices"
	"strconv"

	"github.com/residualdb/residual/internal/jsontext"
)

const dateTimeLayout = "2006-01-02 15:04:05"

// appendJSON writes what ClickHouse calls JSON, indented as ClickHouse does.
func appendJSON(dst []byte, t *table) ([]byte, error) {
	dst = append(dst, "{\n\t\"meta\":\n\t["...)
	for i, column := range t.columns {
		dst = appendComma(dst, i)
		dst = append(dst, "\n\t\t{\n\t\t\t\"name\": "...)
		dst = jsontext.AppendString(dst, column.name)
		dst = append(dst, ",\n\t\t\t\"type\": "...)
		dst = jsontext.AppendString(dst, column.kind.String())
		dst = append(dst, "\n\t\t}"...)
	}
	dst = append(dst, "\n\t],\n\n\t\"data\":\n\t["...)
	dst = growJSON(dst, t)
	for i := range t.rows() {
		dst = appendComma(dst, i)
		dst = append(dst, "\n\t\t{"...)
		for j, cell := range t.row(i) {
			dst = appendComma(dst, j)
			dst = append(dst, "\n\t\t\t"...)
			dst = jsontext.AppendString(dst, t.columns[j].name)
			dst = append(dst, ": "...)
			dst = appendJSONCell(dst, t.columns[j].kind, cell)
		}
		dst = append(dst, "\n\t\t}"...)
	}
	if t.rows() == 0 {
		dst = append(dst, '\n')
	}
	dst = append(dst, "\n\t],\n\n\t\"rows\": "...)
	dst = strconv.AppendInt(dst, int64(t.rows()), 10)
	if t.limited {
		dst = append(dst, ",\n\n\t\"rows_before_limit_at_least\": "...)
		dst = strconv.AppendInt(dst, int64(t.beforeLimit), 10)
	}
	dst = append(dst, ",\n\n\t\"statistics\":\n\t{\n\t\t\"elapsed\": "...)
	dst = appendJSONFloat(dst, t.elapsed.Seconds())
	dst = append(dst, ",\n\t\t\"rows_read\": "...)
	dst = strconv.AppendUint(dst, t.rowsRead, 10)
	dst = append(dst, ",\n\t\t\"bytes_read\": "...)
	dst = strconv.AppendUint(dst, t.bytesRead, 10)
	return append(dst, "\n\t}\n}\n"...), nil
}

// growJSON makes room for the rows of a table, about, so that a long answer is not copied as it grows.
func growJSON(dst []byte, t *table) []byte {
	const rowBytes, cellBytes = 8, 22 // with what stands around the name and a value of usual length
	row := rowBytes
	for _, column := range t.columns {
		row += len(column.name) + cellBytes
	}
	return slices.Grow(dst, t.rows()*row)
}

// appendNDJSON writes one object per row, as ClickHouse's JSONEachRow.
func appendNDJSON(dst []byte, t *table) ([]byte, error) {
	for i := range t.rows() {
		dst = append(dst, '{')
		for j, cell := range t.row(i) {
			dst = appendComma(dst, j)
			dst = jsontext.AppendString(dst, t.columns[j].name)
			dst = append(dst, ':')
			dst = appendJSONCell(dst, t.columns[j].kind, cell)
		}
		dst = append(dst, "}\n"...)
	}
	return dst, nil
}

func appendComma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

func appendJSONCell(dst []byte, k kind, c cell) []byte {
	switch k {
	case kindFloat64, kindNullableFloat64:
		return appendJSONFloat(dst, c.number)
	case kindUInt64:
		return strconv.AppendUint(dst, c.whole, 10)
	case kindDateTime:
		dst = append(dst, '"')
		return append(c.time().AppendFormat(dst, dateTimeLayout), '"')
	case kindNullableString:
		if c.text == "" {
			return append(dst, "null"...)
		}
	case kindStrings:
		if c.text == "" {
			return append(dst, "[]"...)
		}
		dst = append(dst, '[')
		return append(jsontext.AppendString(dst, c.text), ']')
	default:
	}
	return jsontext.AppendString(dst, c.text)
}

// appendJSONFloat writes the shortest text that reads back as f, null for what is not a number.
func appendJSONFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return jsontext.AppendFloat(dst, f)
}
