package encode

import "strings"

// writeTSV writes rows as ClickHouse's TabSeparated: nothing is in quotes, tabs, line feeds and backslashes stand behind a backslash.
func writeTSV(o *Output, t *Table) error {
	columns := t.shown()
	for t.step() {
		for j, cell := range t.current() {
			if j > 0 {
				o.Buf = append(o.Buf, '\t')
			}
			o.tsvCell(columns[j].Kind, cell)
		}
		o.Buf = append(o.Buf, '\n')
		if !o.pass() {
			return o.Err
		}
	}
	return o.ended(t)
}

// writeTSVWithNames is writeTSV under a line of the names of the columns.
func writeTSVWithNames(o *Output, t *Table) error {
	for i, column := range t.shown() {
		if i > 0 {
			o.Buf = append(o.Buf, '\t')
		}
		o.Buf = appendTSVEscaped(o.Buf, column.Name)
	}
	o.Buf = append(o.Buf, '\n')
	return writeTSV(o, t)
}

func (o *Output) tsvCell(k Kind, c Cell) {
	switch {
	case c.null:
		o.Buf = append(o.Buf, `\N`...)
	case k == String || k == Status:
		o.parts(c.text, appendTSVEscaped)
	case k == Date || k == DateTime || k == DateTime64:
		o.Buf = appendTime(o.Buf, k, c.whole)
	case k == Float64 && isFinite(c.number):
		o.float(c.number)
	default:
		o.Buf = appendCSVCell(o.Buf, k, c)
	}
}

// appendTSVEscaped writes s with the escapes that the format has.
func appendTSVEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '\t':
			dst = append(dst, `\t`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case 0:
			dst = append(dst, `\0`...)
		case '\\', '\'':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// sqlFormats are the formats of SQL, by their names in lower case: those of pipes, and two more.
var sqlFormats = map[string]*Format{
	"json": FindFormat("json"), "jsoncompact": FindFormat("jsoncompact"), "jsoneachrow": FindFormat("ndjson"), "ndjson": FindFormat("ndjson"),
	"csv": FindFormat("csv"), "csvwithnames": FindFormat("csvwithnames"), "parquet": FindFormat("parquet"), "prometheus": FindFormat("prometheus"),
}

func init() {
	for _, f := range [...]struct {
		names  string
		header string
		write  func(o *Output, t *Table) error
	}{{"tsv tabseparated", "absent", writeTSV}, {"tsvwithnames tabseparatedwithnames", "present", writeTSVWithNames}} {
		made := &Format{Extension: "tsv", ContentType: "text/tab-separated-values; charset=utf-8; header=" + f.header, Write: f.write}
		for name := range strings.FieldsSeq(f.names) {
			sqlFormats[name] = made
		}
	}
}

// SQLFormatNames is the list for error texts.
const SQLFormatNames = "JSON, JSONCompact, JSONEachRow, CSV, CSVWithNames, TSV, TSVWithNames, Parquet and Prometheus"

// FindSQLFormat finds a format by the name that SQL has for it; nil if there is none.
func FindSQLFormat(name string) *Format { return sqlFormats[strings.ToLower(name)] }
