package encode

import (
	"math"
	"strconv"
)

// writeCSV writes rows as ClickHouse does: strings and times in quotes, NULL as \N, lines ending in a line feed.
func writeCSV(o *Output, t *Table) error {
	columns := t.shown()
	for t.step() {
		for j, cell := range t.current() {
			o.Buf = appendComma(o.Buf, j)
			if o.noFormulas && isFormula(cell.text) {
				cell.text = "'" + cell.text
			}
			o.csvCell(columns[j].Kind, cell)
		}
		o.Buf = append(o.Buf, '\n')
		if !o.pass() {
			return o.Err
		}
	}
	return o.ended(t)
}

// writeCSVWithNames is writeCSV under a line of column names, for people: a spreadsheet takes none of its texts for a
// formula.
func writeCSVWithNames(o *Output, t *Table) error {
	for i, column := range t.shown() {
		o.Buf = appendComma(o.Buf, i)
		o.Buf = appendCSVString(o.Buf, column.Name)
	}
	o.Buf = append(o.Buf, '\n')
	o.noFormulas = true
	return writeCSV(o, t)
}

// isFormula tells whether a spreadsheet would calculate what a text says, instead of showing it.
func isFormula(text string) bool {
	if text == "" {
		return false
	}
	switch text[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return true
	}
	return false
}

// csvCell writes a value, a long text part by part.
func (o *Output) csvCell(k Kind, c Cell) {
	if len(c.text) > LongTextBytes && (k == String || k == NullableString) {
		o.Buf = append(o.Buf, '"')
		o.parts(c.text, appendCSVEscaped)
		o.Buf = append(o.Buf, '"')
		return
	}
	if (k == Float64 || k == NullableFloat64) && isFinite(c.number) && !c.null {
		o.float(c.number)
		return
	}
	o.Buf = appendCSVCell(o.Buf, k, c)
}

func appendCSVCell(dst []byte, k Kind, c Cell) []byte {
	if c.null {
		return append(dst, `\N`...)
	}
	switch k {
	case Int64:
		return strconv.AppendInt(dst, c.whole, 10)
	case NullableFloat64:
		if math.IsNaN(c.number) {
			return append(dst, `\N`...)
		}
		return appendNoNumber(dst, c.number)
	case Float64:
		return appendNoNumber(dst, c.number)
	case UInt64:
		return strconv.AppendUint(dst, uint64(c.whole), 10)
	case NullableDateTime:
		if c.whole == noMoment {
			return append(dst, `\N`...)
		}
		return append(appendTime(append(dst, '"'), DateTime, c.whole), '"')
	case DateTime, DateTime64, Date:
		return append(appendTime(append(dst, '"'), k, c.whole), '"')
	case NullableString:
		if c.text == "" {
			return append(dst, `\N`...)
		}
	case Strings:
		return appendCSVString(dst, arrayLiteral(c.text))
	default:
	}
	return appendCSVString(dst, c.text)
}

func appendCSVString(dst []byte, s string) []byte {
	return append(appendCSVEscaped(append(dst, '"'), s), '"')
}

// appendCSVEscaped writes s as it stands between quotes.
func appendCSVEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return dst
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

// appendNoNumber writes ClickHouse's words for what is not a number.
func appendNoNumber(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return append(dst, "nan"...)
}
