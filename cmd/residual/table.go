package main

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"
)

// table is text in columns.
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
	header := make([]string, len(t.columns))
	widths := make([]int, len(t.columns))
	for i, column := range t.columns {
		header[i] = column.name
		widths[i] = utf8.RuneCountInString(column.name)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	out := bufio.NewWriter(w)
	t.writeRow(out, header, widths)
	for _, row := range t.rows {
		t.writeRow(out, row, widths)
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
