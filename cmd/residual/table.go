package main

import (
	"bufio"
	"io"
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
