package project

import (
	"fmt"
	"strings"
)

// columnsMax bounds the columns of a schema.
const columnsMax = 500

// column is one column of a SCHEMA, as it is written: `name` Type `json:$.path` DEFAULT literal CODEC(…).
type column struct {
	name string
	at   place
	typ  columnType
	// path leads to the value in the JSON of an event, member by member; empty for all of it. hasPath is set where one is given.
	path    []string
	hasPath bool
	pathAt  place
	// fallback is the DEFAULT of a column that has one.
	fallback   string
	hasDefault bool
	defaultAt  place
}

// columnType is a type of ClickHouse: its name, without Nullable and LowCardinality around it, and what stands in its parentheses.
type columnType struct {
	name, args string
	nullable   bool
	at         place
}

func (t columnType) String() string {
	if t.args != "" {
		return t.name + "(" + t.args + ")"
	}
	return t.name
}

// schemaReader reads the columns of a SCHEMA block. The first mistake ends it.
type schemaReader struct {
	file *file
	text []rune
	pos  int
	// starts are where the lines begin in text, of which the first is line of the file.
	starts []int
	line   int
	failed bool
}

// parseSchema returns the columns of a block, none if a mistake was noted.
func parseSchema(f *file, c *command) []column {
	r := &schemaReader{file: f, line: c.blockLine}
	for _, line := range c.block {
		r.starts = append(r.starts, len(r.text))
		r.text = append(append(r.text, []rune(line)...), '\n')
	}
	var columns []column
	for r.skip(); r.pos < len(r.text) && !r.failed; r.skip() {
		col := r.column()
		if r.failed {
			return nil
		}
		for i := range columns {
			if columns[i].name == col.name {
				r.fail(col.at, "", "the column %s stands in line %d already", shown(col.name), columns[i].at.line)
				return nil
			}
		}
		if columns = append(columns, col); len(columns) > columnsMax {
			r.fail(col.at, "", "more than %d columns", columnsMax)
			return nil
		}
		r.take(',')
	}
	if len(columns) == 0 && !r.failed {
		r.fail(c.at, "", "the schema has no columns")
	}
	return columns
}

func (r *schemaReader) column() (col column) {
	col.at = r.place()
	if col.name = r.name(); r.failed {
		return col
	}
	r.skip()
	if col.typ = r.columnType(); r.failed {
		return col
	}
	for !r.failed {
		r.skip()
		at := r.place()
		if r.pos < len(r.text) && r.text[r.pos] == '`' {
			col.pathAt, col.hasPath = at, true
			col.path = r.path()
			continue
		}
		if r.pos == len(r.text) || r.text[r.pos] == ',' {
			return col
		}
		switch word := strings.ToUpper(r.word()); word {
		case "DEFAULT":
			r.skip()
			col.defaultAt, col.hasDefault = r.place(), true
			col.fallback = r.literal()
		case "CODEC":
			r.parentheses()
		default:
			r.pos -= len(word)
			r.fail(at, "a column is `name` Type `json:$.path`, and DEFAULT or CODEC behind that; a comma ends it", "%s is not understood here", r.next())
		}
	}
	return col
}

// name reads the name of a column, in backticks or not.
func (r *schemaReader) name() string {
	at := r.place()
	if rest := string(r.text[r.pos:min(r.pos+2, len(r.text))]); rest == "--" || strings.HasPrefix(rest, "#") {
		r.fail(at, "take it out", "a schema has no comments")
		return ""
	}
	var name string
	if r.pos < len(r.text) && r.text[r.pos] == '`' {
		name = r.quoted('`')
	} else {
		name = r.word()
	}
	if name == "" {
		r.fail(at, "", "%s where the name of a column is expected", r.next())
	}
	return name
}

// columnType reads a type and takes Nullable and LowCardinality off it.
func (r *schemaReader) columnType() (t columnType) {
	at := r.place()
	if t.name, t.at = r.word(), at; t.name == "" {
		r.fail(at, "", "%s where the type of a column is expected", r.next())
		return t
	}
	if r.pos < len(r.text) && r.text[r.pos] == '(' {
		switch t.name {
		case "Nullable", "LowCardinality":
			nullable := t.name == "Nullable"
			r.pos++
			r.skip()
			if t = r.columnType(); r.failed {
				return t
			}
			t.nullable = t.nullable || nullable
			if r.skip(); !r.take(')') {
				r.fail(r.place(), "", "%s where a parenthesis is to be closed", r.next())
			}
		default:
			t.args = r.parentheses()
		}
	}
	return t
}

// path reads `json:$.a.b`.
func (r *schemaReader) path() []string {
	at := r.place()
	text := r.quoted('`')
	if r.failed {
		return nil
	}
	path, ok := strings.CutPrefix(text, "json:$")
	if !ok {
		r.fail(at, "write the path as `json:$.a.b`", "%s is no path", shown(text))
		return nil
	}
	if path == "" {
		return nil
	}
	if strings.Contains(path, "[") {
		r.fail(at, "an event has one value in each column", "%s leads to the elements of an array", shown(text))
		return nil
	}
	members := strings.Split(strings.TrimPrefix(path, "."), ".")
	for _, member := range members {
		if path[0] != '.' || member == "" {
			r.fail(at, "write the path as `json:$.a.b`", "%s is no path", shown(text))
			return nil
		}
	}
	return members
}

// literal reads the value of a DEFAULT: a text in quotes, or a number.
func (r *schemaReader) literal() string {
	at := r.place()
	if r.pos < len(r.text) && r.text[r.pos] == '\'' {
		return r.quoted('\'')
	}
	from := r.pos
	for r.pos < len(r.text) && (isWord(r.text[r.pos]) || strings.ContainsRune("+-.", r.text[r.pos])) {
		r.pos++
	}
	text := string(r.text[from:r.pos])
	if text == "" || r.pos < len(r.text) && r.text[r.pos] == '(' || !strings.ContainsAny(text[:1], "+-.0123456789") {
		r.fail(at, "write a text in quotes, or a number", "a default is a value that does not change")
	}
	return text
}

// parentheses reads what stands in parentheses, with those inside, and returns it.
func (r *schemaReader) parentheses() string {
	at, from, depth := r.place(), r.pos+1, 0
	for r.skip(); r.pos < len(r.text); r.pos++ {
		switch r.text[r.pos] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			break
		}
	}
	if depth != 0 || r.pos == len(r.text) || r.text[r.pos] != ')' {
		r.fail(at, "", "a parenthesis is not closed")
		return ""
	}
	r.pos++
	return strings.TrimSpace(string(r.text[from : r.pos-1]))
}

// quoted reads up to the closing quote. Two quotes, and a backslash with the one behind it, stand for a quote.
func (r *schemaReader) quoted(quote rune) string {
	at := r.place()
	var b strings.Builder
	for r.pos++; r.pos < len(r.text) && r.text[r.pos] != '\n'; r.pos++ {
		c := r.text[r.pos]
		behind := r.pos+1 < len(r.text) && r.text[r.pos+1] == quote
		switch {
		case c == quote && !behind:
			r.pos++
			return b.String()
		case c == quote, c == '\\' && behind:
			r.pos++
			c = quote
		}
		b.WriteRune(c)
	}
	r.fail(at, "", "the quote is not closed")
	return ""
}

func isWord(c rune) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (r *schemaReader) word() string {
	from := r.pos
	for r.pos < len(r.text) && isWord(r.text[r.pos]) {
		r.pos++
	}
	return string(r.text[from:r.pos])
}

func (r *schemaReader) skip() {
	for r.pos < len(r.text) && strings.ContainsRune(" \t\n", r.text[r.pos]) {
		r.pos++
	}
}

func (r *schemaReader) take(c rune) bool {
	if r.pos == len(r.text) || r.text[r.pos] != c {
		return false
	}
	r.pos++
	return true
}

// next shows what stands at the place.
func (r *schemaReader) next() string {
	if r.pos == len(r.text) {
		return "the end of the block"
	}
	rest, _, _ := strings.Cut(string(r.text[r.pos:]), "\n")
	first, _, _ := strings.Cut(rest, " ")
	return shown(first)
}

func (r *schemaReader) place() place {
	n := 0
	for n+1 < len(r.starts) && r.starts[n+1] <= min(r.pos, len(r.text)-1) {
		n++
	}
	if len(r.starts) == 0 {
		return place{r.line - 1, 1}
	}
	return place{r.line + n, r.pos - r.starts[n] + 1}
}

func (r *schemaReader) fail(at place, advice, format string, args ...any) {
	if !r.failed {
		r.file.fail(at, advice, "%s", fmt.Sprintf(format, args...))
	}
	r.failed = true
}
