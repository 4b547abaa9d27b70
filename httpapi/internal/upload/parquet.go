package upload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/residualdb/residual/internal/jsontext"
)

// rowBytesMin is less than any row takes as a line of JSON: a file cannot hold more rows than its limit divided by it.
const rowBytesMin = 64

type parquetRows struct {
	columns []*parquet.Column
	sparse  []bool // of each column
	groups  []parquet.RowGroup
	rows    parquet.Rows // of the group being read
	batch   [64]parquet.Row
	have    []parquet.Row
}

// Parquet reads a Parquet file of flat columns, with pages that come to bytesMax at most once decompressed.
func Parquet(file io.Reader, columns []Column, bytesMax int64) (rows io.Reader, err error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	if !hasFooter(data) {
		return nil, brokenParquet()
	}
	defer recoverParquet(&err)
	opened, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, brokenParquet()
	}
	check := parquetCheck{data: data, rowsMax: bytesMax / rowBytesMin, bytesLeft: bytesMax}
	if err := check.file(opened); err != nil {
		return nil, err
	}
	r := &parquetRows{columns: opened.Root().Columns(), groups: opened.RowGroups()}
	for _, column := range r.columns {
		r.sparse = append(r.sparse, sparse(columns, column.Name()))
	}
	return &rowReader{next: r.next}, nil
}

// hasFooter reports whether a file ends in a footer that lies inside it; the library allocates whatever its length
// says.
func hasFooter(data []byte) bool {
	const magic = "PAR1"
	end := len(data) - len(magic) - 4
	return end >= len(magic) && string(data[end+4:]) == magic &&
		int64(binary.LittleEndian.Uint32(data[end:])) <= int64(end-len(magic))
}

// recoverParquet turns a panic over a hostile file into its answer: the library trusts more of a file than parquetCheck
// can vouch for.
func recoverParquet(err *error) {
	if recover() != nil {
		*err = brokenParquet()
	}
}

func brokenParquet() error { return &Error{Text: "the Parquet file is broken"} }

// next appends one row as a line of JSON.
func (r *parquetRows) next(dst []byte) (line []byte, err error) {
	defer recoverParquet(&err)
	for len(r.have) == 0 {
		if err := r.fill(); err != nil {
			return dst, err
		}
	}
	row := r.have[0]
	r.have = r.have[1:]
	dst = append(dst, '{')
	for _, value := range row {
		column := r.columns[value.Column()]
		if value.IsNull() && r.sparse[value.Column()] {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendQuoted(dst, column.Name()), ':')
		dst = appendParquetValue(dst, column, value)
	}
	return append(dst, "}\n"...), nil
}

// fill reads the next rows of the file.
func (r *parquetRows) fill() error {
	if r.rows == nil {
		if len(r.groups) == 0 {
			return io.EOF
		}
		r.rows = r.groups[0].Rows()
		r.groups = r.groups[1:]
	}
	n, err := r.rows.ReadRows(r.batch[:])
	r.have = r.batch[:n]
	switch {
	case errors.Is(err, io.EOF):
		err = r.rows.Close()
		r.rows = nil
	case err == nil && n == 0:
		err = io.ErrNoProgress
	}
	if err != nil {
		return brokenParquet()
	}
	return nil
}
