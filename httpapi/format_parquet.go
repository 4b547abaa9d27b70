package httpapi

import (
	"bytes"
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go"
)

// parquetNodes are the Parquet types of the columns. A DateTime is a timestamp in milliseconds, UTC.
var parquetNodes = [kindCount]parquet.Node{
	kindString:          parquet.String(),
	kindDriftStatus:     parquet.String(),
	kindReportStatus:    parquet.String(),
	kindFloat64:         parquet.Leaf(parquet.DoubleType),
	kindUInt64:          parquet.Uint(64),
	kindDateTime:        parquet.Timestamp(parquet.Millisecond),
	kindNullableString:  parquet.Optional(parquet.String()),
	kindStrings:         parquet.Repeated(parquet.String()),
	kindNullableFloat64: parquet.Optional(parquet.Leaf(parquet.DoubleType)),
}

// orderedGroup is a group whose fields keep the order of the columns; a bare parquet.Group sorts them by name.
type orderedGroup struct {
	parquet.Group

	fields []parquet.Field
}

// Fields implements parquet.Node.
func (g orderedGroup) Fields() []parquet.Field { return g.fields }

func parquetSchema(name string, columns []column) *parquet.Schema {
	group := orderedGroup{Group: parquet.Group{}}
	for _, column := range columns {
		group.Group[column.name] = parquetNodes[column.kind]
	}
	byName := map[string]parquet.Field{}
	for _, field := range group.Group.Fields() {
		byName[field.Name()] = field
	}
	for _, column := range columns {
		group.fields = append(group.fields, byName[column.name])
	}
	return parquet.NewSchema(name, group)
}

// appendParquet writes one Parquet file, compressed with Snappy, which every reader has.
func appendParquet(dst []byte, t *table) ([]byte, error) {
	file := bytes.NewBuffer(dst)
	w := parquet.NewGenericWriter[any](file, parquetSchema(t.pipe, t.columns), parquet.Compression(&parquet.Snappy))
	rows := make([]parquet.Row, t.rows())
	for i := range rows {
		for j, cell := range t.row(i) {
			rows[i] = append(rows[i], parquetValue(t.columns[j].kind, cell, j))
		}
	}
	if _, err := w.WriteRows(rows); err != nil {
		return nil, fmt.Errorf("write parquet: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write parquet: %w", err)
	}
	return file.Bytes(), nil
}

func parquetValue(k kind, c cell, column int) parquet.Value {
	switch k {
	case kindFloat64:
		return parquet.DoubleValue(c.number).Level(0, 0, column)
	case kindNullableFloat64:
		if math.IsNaN(c.number) {
			return parquet.NullValue().Level(0, 0, column)
		}
		return parquet.DoubleValue(c.number).Level(0, 1, column)
	case kindUInt64:
		return parquet.Int64Value(int64(c.whole)).Level(0, 0, column)
	case kindDateTime:
		return parquet.Int64Value(int64(c.whole)*1000).Level(0, 0, column)
	case kindNullableString, kindStrings:
		if c.text == "" {
			return parquet.NullValue().Level(0, 0, column)
		}
		return parquet.ByteArrayValue([]byte(c.text)).Level(0, 1, column)
	default:
		return parquet.ByteArrayValue([]byte(c.text)).Level(0, 0, column)
	}
}
