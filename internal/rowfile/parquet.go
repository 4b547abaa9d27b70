package rowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/residualdb/residual/internal/jsontext"
)

// rowBytesMin is less than any row takes as a line of JSON: a file cannot hold more rows than its limit divided by it.
const rowBytesMin = 64

type parquetRows struct {
	file    *parquet.File
	columns []*parquet.Column
	sparse  []bool // of each column
	groups  []parquet.RowGroup
	rows    parquet.Rows // of the group being read
	batch   [64]parquet.Row
	have    []parquet.Row
	// check is made of each group before it is read; nil where all have passed it.
	check *parquetCheck
}

// Parquet reads a Parquet file of flat columns, with pages that come to bytesMax at most once decompressed. All of it is checked
// before the first row.
func Parquet(file io.Reader, columns []Column, bytesMax int64) (rows io.Reader, err error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	defer recoverParquet(&err)
	check := &parquetCheck{data: data, size: int64(len(data)), rowsMax: bytesMax / rowBytesMin, bytesLeft: bytesMax}
	r, err := openParquet(bytes.NewReader(data), check, columns)
	if err != nil {
		return nil, err
	}
	for n := range r.groups {
		if err := check.group(r.file, n); err != nil {
			return nil, err
		}
	}
	return &rowReader{next: r.next}, nil
}

// ParquetFile reads a Parquet file of flat columns, however long: of one row group after the other, each of which is checked before
// it is read. It takes as much memory as the file's pages ask for.
func ParquetFile(file io.ReaderAt, size int64, columns []Column) (rows io.Reader, err error) {
	defer recoverParquet(&err)
	check := &parquetCheck{file: file, size: size, rowsMax: math.MaxInt32, bytesLeft: math.MaxInt64}
	r, err := openParquet(file, check, columns)
	if err != nil {
		return nil, err
	}
	r.check = check
	return &rowReader{next: r.next}, nil
}

// openParquet opens a file and checks what it says of itself.
func openParquet(file io.ReaderAt, check *parquetCheck, columns []Column) (*parquetRows, error) {
	if !hasFooter(file, check.size) {
		return nil, brokenParquet()
	}
	opened, err := parquet.OpenFile(file, check.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, brokenParquet()
	}
	if err := check.columns(opened); err != nil {
		return nil, err
	}
	r := &parquetRows{file: opened, columns: opened.Root().Columns(), groups: opened.RowGroups()}
	for _, column := range r.columns {
		r.sparse = append(r.sparse, slices.ContainsFunc(columns, func(c Column) bool { return c.Sparse && c.Name == column.Name() }))
	}
	return r, nil
}

// hasFooter reports whether a file ends in a footer that lies inside it; the library allocates whatever its length
// says.
func hasFooter(data io.ReaderAt, size int64) bool {
	const magic = "PAR1"
	var tail [4 + len(magic)]byte
	end := size - int64(len(tail))
	if end < int64(len(magic)) {
		return false
	}
	if _, err := data.ReadAt(tail[:], end); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return string(tail[4:]) == magic && int64(binary.LittleEndian.Uint32(tail[:])) <= end-int64(len(magic))
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
		if r.check != nil {
			all := r.file.Metadata().RowGroups
			if err := r.check.group(r.file, len(all)-len(r.groups)); err != nil {
				return err
			}
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
