package encode

import (
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go"
)

// parquetNodes are the Parquet types of the columns. A DateTime is a timestamp in milliseconds, UTC.
var parquetNodes = [kindCount]parquet.Node{
	String:          parquet.String(),
	Status:          parquet.String(),
	Float64:         parquet.Leaf(parquet.DoubleType),
	UInt64:          parquet.Uint(64),
	DateTime:        parquet.Timestamp(parquet.Millisecond),
	NullableString:  parquet.Optional(parquet.String()),
	Strings:         parquet.Repeated(parquet.String()),
	NullableFloat64: parquet.Optional(parquet.Leaf(parquet.DoubleType)),
}

// orderedGroup is a group whose fields keep the order of the columns; a bare parquet.Group sorts them by name.
type orderedGroup struct {
	parquet.Group

	fields []parquet.Field
}

// Fields implements parquet.Node.
func (g orderedGroup) Fields() []parquet.Field { return g.fields }

func parquetSchema(name string, columns []Column) *parquet.Schema {
	group := orderedGroup{Group: parquet.Group{}}
	for _, column := range columns {
		group.Group[column.Name] = parquetNodes[column.Kind]
	}
	byName := map[string]parquet.Field{}
	for _, field := range group.Group.Fields() {
		byName[field.Name()] = field
	}
	for _, column := range columns {
		group.fields = append(group.fields, byName[column.Name])
	}
	return parquet.NewSchema(name, group)
}

const (
	// parquetGroupRows and parquetGroupBytes bound a row group, which a writer holds until it is whole: rows, and bytes
	// of their texts.
	parquetGroupRows, parquetGroupBytes = 2 << 10, 512 << 10
	// parquetRows is how many rows go to the writer at one time.
	parquetRows = 64
	// parquetBytes is what a row group takes with its encoded pages, and parquetCopies how many times a long text is there.
	parquetBytes, parquetCopies = 3 << 20, 12
)

// writeParquet writes one Parquet file, compressed with Snappy, which every reader has. Its row groups are written as
// they become whole.
func writeParquet(o *Output, t *Table) error {
	options := []parquet.WriterOption{parquetSchema(t.Name, t.Columns), parquet.Compression(&parquet.Snappy)}
	for _, column := range t.Columns {
		if column.Kind == String || column.Kind == NullableString || column.Kind == Strings {
			// The writer keeps the bounds of every page until the end, as long as the texts are.
			options = append(options, parquet.SkipPageBounds(column.Name))
		}
	}
	file := parquet.NewGenericWriter[any](o, options...)
	rows := make([]parquet.Row, 0, parquetRows)
	var groupRows, groupBytes int
	write := func() error {
		_, err := file.WriteRows(rows)
		rows = rows[:0]
		return err
	}
	for t.step() {
		var row parquet.Row
		for j, cell := range t.current() {
			groupBytes += len(cell.text)
			row = append(row, parquetValue(t.Columns[j].Kind, cell, j))
		}
		rows = append(rows, row)
		groupRows++
		whole := groupRows == parquetGroupRows || groupBytes >= parquetGroupBytes
		var err error
		if whole || len(rows) == cap(rows) {
			err = write()
		}
		if whole && err == nil {
			err = file.Flush()
			groupRows, groupBytes = 0, 0
		}
		if err != nil {
			return fmt.Errorf("write parquet: %w", err)
		}
	}
	err := o.ended(t)
	if err == nil {
		err = write()
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func parquetValue(k Kind, c Cell, column int) parquet.Value {
	switch k {
	case Float64:
		return parquet.DoubleValue(c.number).Level(0, 0, column)
	case NullableFloat64:
		if math.IsNaN(c.number) {
			return parquet.NullValue().Level(0, 0, column)
		}
		return parquet.DoubleValue(c.number).Level(0, 1, column)
	case UInt64:
		return parquet.Int64Value(int64(c.whole)).Level(0, 0, column)
	case DateTime:
		return parquet.Int64Value(int64(c.whole)*1000).Level(0, 0, column)
	case NullableString, Strings:
		if c.text == "" {
			return parquet.NullValue().Level(0, 0, column)
		}
		return parquet.ByteArrayValue([]byte(c.text)).Level(0, 1, column)
	default:
		return parquet.ByteArrayValue([]byte(c.text)).Level(0, 0, column)
	}
}
