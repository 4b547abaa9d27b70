package rowfile

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/residualdb/residual/internal/jsontext"
	"github.com/residualdb/residual/internal/parquet"
	"github.com/residualdb/residual/internal/plaintext"
)

// rowBytesMin is less than any row takes as a line of JSON: a file cannot hold more rows than its limit divided by it.
const rowBytesMin = 64

// Parquet reads a Parquet file, with pages that come to bytesMax at most once decompressed. It holds the file in memory.
func Parquet(file io.Reader, columns []Column, bytesMax int64) (io.Reader, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return openParquet(bytes.NewReader(data), int64(len(data)), columns, parquet.Limits{Bytes: bytesMax, Page: bytesMax, Rows: bytesMax / rowBytesMin})
}

// ParquetFile reads a Parquet file of any length, with pages that come to pageBytesMax at most each once decompressed. It takes as much
// memory as the footer, a page and a dictionary of each column.
func ParquetFile(file io.ReaderAt, size int64, columns []Column, pageBytesMax int64) (io.Reader, error) {
	return openParquet(file, size, columns, parquet.Limits{Bytes: math.MaxInt64, Page: pageBytesMax, Rows: math.MaxInt64})
}

type parquetRows struct {
	columns *parquet.Columns
	cells   []cell
}

// cell is a column of a file that is one of the data source.
type cell struct {
	column *Column
	node   *parquet.Node
	leaves []*parquet.Column
}

func openParquet(file io.ReaderAt, size int64, columns []Column, limits parquet.Limits) (io.Reader, error) {
	opened, err := parquet.Open(file, size, limits)
	if err != nil {
		return nil, parquetError(err)
	}
	cells, err := cellsOf(opened.Root.Children, columns)
	if err != nil {
		return nil, err
	}
	var leaves []*parquet.Node
	for i := range cells {
		leaves = slices.AppendSeq(leaves, cells[i].node.Leaves)
	}
	read, err := opened.Columns(leaves)
	if err != nil {
		return nil, parquetError(err)
	}
	at := 0
	for i := range cells {
		n := at
		for range cells[i].node.Leaves {
			n++
		}
		cells[i].leaves, at = read.All[at:n], n
	}
	rows := &parquetRows{columns: read, cells: cells}
	return &rowReader{next: rows.next}, nil
}

// cellsOf finds the columns of the data source in a file.
func cellsOf(nodes []*parquet.Node, columns []Column) (cells []cell, err error) {
	names := make([]string, len(nodes))
	for i, node := range nodes {
		names[i] = node.Name
	}
	matched, twice := match(names, columns)
	if twice != nil {
		return nil, twice
	}
	for i, column := range matched {
		if column == nil {
			continue
		}
		if err := fits(nodes[i], column); err != nil {
			return nil, err
		}
		cells = append(cells, cell{column: column, node: nodes[i]})
	}
	if cells == nil && len(nodes) > 0 {
		return nil, errorf("the Parquet file has no column of the data source: it has %s; the columns are %s", shownAll(names), namesOf(columns))
	}
	return cells, nil
}

// fits tells whether a column of a file can be one of the data source.
func fits(node *parquet.Node, column *Column) error {
	flat := node.Leaf() && !node.Repeated
	switch {
	case !flat && column.Kind != Document && column.Kind != Object:
		return errorf("the column %s of the Parquet file is %s; %s is needed", shown(node.Name), shapeOf(node), needs[column.Kind])
	case node.Meaning == parquet.Variant:
		return errorf("the column %s of the Parquet file is a VARIANT; a struct, or a text that holds JSON, is needed", shown(node.Name))
	case !flat && hollow(node):
		return errorf("the column %s of the Parquet file has a struct without fields, of which nothing is stored", shown(node.Name))
	}
	return nil
}

var needs = [...]string{Text: "a text", Number: "a number", Time: "a timestamp", Document: "a struct, or a text that holds JSON,", Object: "a struct, or a text that holds JSON,"}

func shapeOf(node *parquet.Node) string {
	switch {
	case node.Meaning == parquet.List || node.Repeated:
		return "a list"
	case node.Meaning == parquet.Map:
		return "a map"
	}
	return "a struct"
}

// hollow tells whether there is a struct without fields in a node.
func hollow(node *parquet.Node) bool {
	return !node.Leaf() && (len(node.Children) == 0 || slices.ContainsFunc(node.Children, hollow))
}

// parquetError turns what is wrong with a Parquet file into an Error.
func parquetError(err error) error {
	if _, ok := errors.AsType[*parquet.ColumnError](err); ok || errors.Is(err, parquet.ErrFile) || errors.Is(err, parquet.ErrTooLarge) {
		return &Error{Text: plaintext.Escape(err.Error()), TooLarge: errors.Is(err, parquet.ErrTooLarge)}
	}
	return err
}

// next appends one row as a line of JSON.
func (r *parquetRows) next(dst []byte) (line []byte, err error) {
	more, err := r.columns.Next()
	if err != nil {
		return dst, parquetError(err)
	}
	if !more {
		return dst, io.EOF
	}
	dst = append(dst, '{')
	for i := range r.cells {
		c := &r.cells[i]
		start := len(dst)
		if dst[start-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendQuoted(dst, c.column.Name), ':')
		appendTo := c.appendDocument
		if c.node.Leaf() && !c.node.Repeated {
			appendTo = c.appendValue
		}
		var given bool
		if dst, given, err = appendTo(dst); err != nil {
			return dst, parquetError(err)
		}
		if !given {
			dst = dst[:start]
		}
	}
	return append(dst, "}\n"...), nil
}

// appendValue appends the value of a flat column; given is false where the row is without it.
func (c *cell) appendValue(dst []byte) (line []byte, given bool, err error) {
	v, null, err := c.leaves[0].Read()
	if err != nil {
		return dst, false, err
	}
	if null || c.column.Kind == Number && c.column.Optional && isNaN(c.node, v) {
		return append(dst, "null"...), !c.column.Sparse, nil
	}
	return appendCell(dst, c.node, v, c.column.Kind), true, nil
}

// appendDocument appends a column that has parts: a struct or a map as the JSON object that it is, a list as a text that holds it.
func (c *cell) appendDocument(dst []byte) (line []byte, given bool, err error) {
	d := document{leaves: c.leaves}
	d.json = dst
	if err := d.node(c.node); err != nil {
		if errors.Is(err, errLevels) {
			err = errorf("the column %s of the Parquet file cannot be read: its levels are broken", shown(c.node.Name))
		}
		return dst, false, err
	}
	if value := d.json[len(dst):]; len(value) > 0 && value[0] == '[' {
		text := string(value)
		return jsontext.AppendQuoted(d.json[:len(dst)], text), true, nil
	}
	return d.json, true, nil
}
