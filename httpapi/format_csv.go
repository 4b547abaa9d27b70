package httpapi

import (
	"math"
	"strconv"

	"github.com/residualdb/residual/internal/jsontext"
)

// appendCSV writes rows as ClickHouse does: strings and times in quotes, NULL as \N, lines ending in a line feed.
func appendCSV(dst []byte, t *table) ([]byte, error) {
	for i := range t.rows() {
		for j, cell := range t.row(i) {
			dst = appendComma(dst, j)
			dst = appendCSVCell(dst, t.columns[j].kind, cell)
		}
		dst = append(dst, '\n')
	}
	return dst, nil
}

// appendCSVWithNames is appendCSV under a line of column names.
func appendCSVWithNames(dst []byte, t *table) ([]byte, error) {
	for i, column := range t.columns {
		dst = appendComma(dst, i)
		dst = appendCSVString(dst, column.name)
	}
	return appendCSV(append(dst, '\n'), t)
}

func appendCSVCell(dst []byte, k kind, c cell) []byte {
	switch k {
	case kindNullableFloat64:
		if math.IsNaN(c.number) {
			return append(dst, `\N`...)
		}
		return appendCSVFloat(dst, c.number)
	case kindFloat64:
		return appendCSVFloat(dst, c.number)
	case kindUInt64:
		return strconv.AppendUint(dst, c.whole, 10)
	case kindDateTime:
		dst = append(dst, '"')
		return append(c.time().AppendFormat(dst, dateTimeLayout), '"')
	case kindNullableString:
		if c.text == "" {
			return append(dst, `\N`...)
		}
	case kindStrings:
		return appendCSVString(dst, arrayLiteral(c.text))
	default:
	}
	return appendCSVString(dst, c.text)
}

func appendCSVString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// arrayLiteral is ClickHouse's text of an array of at most one string.
func arrayLiteral(s string) string {
	if s == "" {
		return "[]"
	}
	quoted := []byte("['")
	for i := range len(s) {
		if s[i] == '\'' || s[i] == '\\' {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, s[i])
	}
	return string(append(quoted, "']"...))
}

// appendCSVFloat is a float with ClickHouse's words for what is not a number.
func appendCSVFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return jsontext.AppendFloat(dst, f)
}
