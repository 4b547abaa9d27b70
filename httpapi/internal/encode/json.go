package encode

import (
	"math"
	"strconv"

	"github.com/residualdb/residual/internal/jsontext"
)

// writeJSON writes what ClickHouse calls JSON, indented as ClickHouse does.
func writeJSON(o *Output, t *Table) error {
	if t.BySeries {
		return writeSeries(o, t)
	}
	columns := t.shown()
	o.Buf = appendMeta(o.Buf, columns)
	keys := keysOf(columns, "\n\t\t\t", ": ")
	for t.step() {
		if t.stepped() > 1 {
			o.Buf = append(o.Buf, ',')
		}
		o.Buf = append(o.Buf, "\n\t\t{"...)
		for j, cell := range t.current() {
			o.Buf = append(o.Buf, keys[j]...)
			o.jsonCell(columns[j].Kind, cell)
		}
		o.Buf = append(o.Buf, "\n\t\t}"...)
		if !o.pass() {
			return o.Err
		}
	}
	if err := o.ended(t); err != nil {
		return err
	}
	if t.stepped() == 0 {
		o.Buf = append(o.Buf, '\n')
	}
	o.Buf = appendTail(o.Buf, t)
	return nil
}

// keysOf is for each column what stands before its values in a row.
func keysOf(columns []Column, before, after string) [][]byte {
	keys, text := make([][]byte, len(columns)), make([]byte, 0, 64*len(columns))
	for i := range columns {
		start := len(text)
		text = append(appendComma(text, i), before...)
		text = append(jsontext.AppendString(text, columns[i].Name), after...)
		keys[i] = text[start:]
	}
	return keys
}

// appendMeta writes what stands before the rows.
func appendMeta(dst []byte, columns []Column) []byte {
	dst = append(dst, "{\n\t\"meta\":\n\t["...)
	for i, column := range columns {
		dst = appendComma(dst, i)
		dst = append(dst, "\n\t\t{\n\t\t\t\"name\": "...)
		dst = jsontext.AppendString(dst, column.Name)
		dst = append(dst, ",\n\t\t\t\"type\": "...)
		dst = jsontext.AppendString(dst, column.typeName())
		dst = append(dst, "\n\t\t}"...)
	}
	return append(dst, "\n\t],\n\n\t\"data\":\n\t["...)
}

// appendTail writes what stands after the rows.
func appendTail(dst []byte, t *Table) []byte {
	dst = append(dst, "\n\t],\n\n\t\"rows\": "...)
	dst = strconv.AppendInt(dst, int64(t.stepped()), 10)
	if t.Totals != nil {
		dst = append(append(dst, ",\n\n\t\"totals\": "...), t.Totals...)
	}
	if t.Limited {
		dst = append(dst, ",\n\n\t\"rows_before_limit_at_least\": "...)
		dst = strconv.AppendInt(dst, int64(t.BeforeLimit), 10)
	}
	dst = append(dst, ",\n\n\t\"statistics\":\n\t{\n\t\t\"elapsed\": "...)
	dst = appendJSONFloat(dst, t.Elapsed.Seconds())
	dst = append(dst, ",\n\t\t\"rows_read\": "...)
	dst = strconv.AppendUint(dst, t.RowsRead, 10)
	dst = append(dst, ",\n\t\t\"bytes_read\": "...)
	dst = strconv.AppendUint(dst, t.BytesRead, 10)
	return append(dst, "\n\t}\n}\n"...)
}

// writeJSONCompact writes what ClickHouse calls JSONCompact, a row as an array and without white space.
func writeJSONCompact(o *Output, t *Table) error {
	if t.BySeries {
		return writeSeries(o, t)
	}
	columns := t.shown()
	o.Buf = append(o.Buf, `{"meta":[`...)
	for i, column := range columns {
		o.Buf = append(appendComma(o.Buf, i), `{"name":`...)
		o.Buf = jsontext.AppendString(o.Buf, column.Name)
		o.Buf = append(o.Buf, `,"type":`...)
		o.Buf = append(jsontext.AppendString(o.Buf, column.typeName()), '}')
	}
	o.Buf = append(o.Buf, `],"data":[`...)
	for t.step() {
		o.Buf = append(appendComma(o.Buf, t.stepped()-1), '[')
		for j, cell := range t.current() {
			o.Buf = appendComma(o.Buf, j)
			o.jsonCell(columns[j].Kind, cell)
		}
		o.Buf = append(o.Buf, ']')
		if !o.pass() {
			return o.Err
		}
	}
	if err := o.ended(t); err != nil {
		return err
	}
	o.Buf = strconv.AppendInt(append(o.Buf, `],"rows":`...), int64(t.stepped()), 10)
	if t.Totals != nil {
		o.Buf = append(append(o.Buf, `,"totals":`...), t.Totals...)
	}
	if t.Limited {
		o.Buf = strconv.AppendInt(append(o.Buf, `,"rows_before_limit_at_least":`...), int64(t.BeforeLimit), 10)
	}
	o.Buf = appendStatistics(o.Buf, t)
	return nil
}

// appendStatistics ends an object without white space.
func appendStatistics(dst []byte, t *Table) []byte {
	dst = appendJSONFloat(append(dst, `,"statistics":{"elapsed":`...), t.Elapsed.Seconds())
	dst = strconv.AppendUint(append(dst, `,"rows_read":`...), t.RowsRead, 10)
	dst = strconv.AppendUint(append(dst, `,"bytes_read":`...), t.BytesRead, 10)
	return append(dst, "}}\n"...)
}

// writeNDJSON writes one object per row, as ClickHouse's JSONEachRow.
func writeNDJSON(o *Output, t *Table) error {
	columns := t.shown()
	keys := keysOf(columns, "", ":")
	for t.step() {
		o.Buf = append(o.Buf, '{')
		for j, cell := range t.current() {
			o.Buf = append(o.Buf, keys[j]...)
			o.jsonCell(columns[j].Kind, cell)
		}
		o.Buf = append(o.Buf, "}\n"...)
		if !o.pass() {
			return o.Err
		}
	}
	return o.ended(t)
}

// jsonCell writes a value, a long text part by part.
func (o *Output) jsonCell(k Kind, c Cell) {
	if len(c.text) > LongTextBytes && (k == String || k == NullableString) {
		o.longJSON(c.text)
		return
	}
	if (k == Float64 || k == NullableFloat64) && isFinite(c.number) && !c.null {
		o.float(c.number)
		return
	}
	o.Buf = appendJSONCell(o.Buf, k, c)
}

func appendComma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

func appendJSONCell(dst []byte, k Kind, c Cell) []byte {
	if c.null {
		return append(dst, "null"...)
	}
	switch k {
	case Float64, NullableFloat64:
		return append(dst, "null"...)
	case Int64:
		return strconv.AppendInt(dst, c.whole, 10)
	case UInt64:
		return strconv.AppendUint(dst, uint64(c.whole), 10)
	case NullableDateTime:
		if c.whole == noMoment {
			return append(dst, "null"...)
		}
		return append(appendTime(append(dst, '"'), DateTime, c.whole), '"')
	case DateTime, DateTime64, Date:
		return append(appendTime(append(dst, '"'), k, c.whole), '"')
	case NullableString:
		if c.text == "" {
			return append(dst, "null"...)
		}
	case Strings:
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
	if !isFinite(f) {
		return append(dst, "null"...)
	}
	return jsontext.AppendFloat(dst, f)
}

func isFinite(f float64) bool { return math.Abs(f) <= math.MaxFloat64 }
