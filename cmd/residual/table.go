package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/residualdb/residual/internal/plaintext"
)

// table is text in columns. What stands in its cells may be data that anybody sent.
type table struct {
	columns []tableColumn
	rows    [][]string
}

type tableColumn struct {
	name string
	// right aligns the column to the right, as numbers are.
	right bool
}

// write writes the table with its header, two spaces between columns.
func (t *table) write(w io.Writer) error {
	widths := make([]int, len(t.columns))
	lines := make([][]string, 1, len(t.rows)+1)
	for _, column := range t.columns {
		lines[0] = append(lines[0], column.name)
	}
	lines = append(lines, t.rows...)
	for _, cells := range lines {
		for i := range cells {
			cells[i] = plaintext.Escape(cells[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[i]))
		}
	}
	out := bufio.NewWriter(w)
	for _, cells := range lines {
		t.writeRow(out, cells, widths)
	}
	return out.Flush()
}

func (t *table) writeRow(out *bufio.Writer, row []string, widths []int) {
	var line strings.Builder
	for i, cell := range row {
		if i > 0 {
			line.WriteString("  ")
		}
		padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if t.columns[i].right {
			line.WriteString(padding + cell)
		} else {
			line.WriteString(cell + padding)
		}
	}
	// The writer keeps its first error for Flush.
	_, _ = out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// answerTable is the part of a JSON answer that a table shows.
type answerTable struct {
	Meta []struct{ Name, Type string }
	Data []map[string]any
}

// writeAnswer writes a JSON answer as a table: numbers with six significant digits, NULL as a dash.
func writeAnswer(out io.Writer, answer []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber()
	var a answerTable
	if err := decoder.Decode(&a); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	var t table
	for _, column := range a.Meta {
		plain := withoutNull(column.Type)
		number := strings.HasPrefix(plain, "Float") || strings.HasPrefix(plain, "UInt")
		name := column.Name
		if name == "drift_percentage" { // which nobody takes for a ratio
			name += " (ratio)"
		}
		t.columns = append(t.columns, tableColumn{name, number})
	}
	for _, values := range a.Data {
		row := make([]string, len(a.Meta))
		for i, column := range a.Meta {
			row[i] = cellText(values[column.Name], column.Type)
		}
		t.rows = append(t.rows, row)
	}
	if len(t.rows) == 0 {
		_, err := fmt.Fprintln(out, "no rows")
		return err
	}
	return t.write(out)
}

func cellText(value any, columnType string) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.HasPrefix(withoutNull(columnType), "Float") {
			return strconv.FormatFloat(f, 'g', 6, 64)
		}
		return v.String()
	case string:
		return v
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = fmt.Sprint(v[i])
		}
		return strings.Join(texts, ", ")
	default:
		return fmt.Sprint(v)
	}
}

// withoutNull is the type of a column's values that are not NULL.
func withoutNull(columnType string) string {
	return strings.TrimPrefix(columnType, "Nullable(")
}

// dashed is the flag for a parameter.
func dashed(parameter string) string { return strings.ReplaceAll(parameter, "_", "-") }
