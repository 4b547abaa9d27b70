package httpapi

import (
	"math"
	"strconv"

	"github.com/residualdb/residual/internal/jsontext"
)

const dateTimeLayout = "2006-01-02 15:04:05"

// writeJSON writes what ClickHouse calls JSON, indented as ClickHouse does.
func writeJSON(o *output, t *table) error {
	o.buf = appendMeta(o.buf, t.columns)
	for t.step() {
		if t.stepped() > 1 {
			o.buf = append(o.buf, ',')
		}
		o.buf = append(o.buf, "\n\t\t{"...)
		for j, cell := range t.current() {
			o.buf = appendComma(o.buf, j)
			o.buf = append(o.buf, "\n\t\t\t"...)
			o.buf = jsontext.AppendString(o.buf, t.columns[j].name)
			o.buf = append(o.buf, ": "...)
			o.jsonCell(t.columns[j].kind, cell)
		}
		o.buf = append(o.buf, "\n\t\t}"...)
		if !o.pass() {
			return o.err
		}
	}
	if err := o.ended(t); err != nil {
		return err
	}
	if t.stepped() == 0 {
		o.buf = append(o.buf, '\n')
	}
	o.buf = appendTail(o.buf, t)
	return nil
}

// appendMeta writes what stands before the rows.
func appendMeta(dst []byte, columns []column) []byte {
	dst = append(dst, "{\n\t\"meta\":\n\t["...)
	for i, column := range columns {
		dst = appendComma(dst, i)
		dst = append(dst, "\n\t\t{\n\t\t\t\"name\": "...)
		dst = jsontext.AppendString(dst, column.name)
		dst = append(dst, ",\n\t\t\t\"type\": "...)
		dst = jsontext.AppendString(dst, column.kind.String())
		dst = append(dst, "\n\t\t}"...)
	}
	return append(dst, "\n\t],\n\n\t\"data\":\n\t["...)
}

// appendTail writes what stands after the rows.
func appendTail(dst []byte, t *table) []byte {
	dst = append(dst, "\n\t],\n\n\t\"rows\": "...)
	dst = strconv.AppendInt(dst, int64(t.stepped()), 10)
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
	return append(dst, "\n\t}\n}\n"...)
}

// writeNDJSON writes one object per row, as ClickHouse's JSONEachRow.
func writeNDJSON(o *output, t *table) error {
	for t.step() {
		o.buf = append(o.buf, '{')
		for j, cell := range t.current() {
			o.buf = appendComma(o.buf, j)
			o.buf = jsontext.AppendString(o.buf, t.columns[j].name)
			o.buf = append(o.buf, ':')
			o.jsonCell(t.columns[j].kind, cell)
		}
		o.buf = append(o.buf, "}\n"...)
		if !o.pass() {
			return o.err
		}
	}
	return o.ended(t)
}

// jsonCell writes a value, a long text part by part.
func (o *output) jsonCell(k kind, c cell) {
	if len(c.text) > longTextBytes && (k == kindString || k == kindNullableString) {
		o.longJSON(c.text)
		return
	}
	o.buf = appendJSONCell(o.buf, k, c)
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
