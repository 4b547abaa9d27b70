package encode

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/klauspost/compress/s2"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/snappy"
)

// parquetNodes are the Parquet types of the columns. Times are timestamps in milliseconds, UTC.
var parquetNodes = [kindCount]parquet.Node{
	String:          parquet.String(),
	Status:          parquet.String(),
	Float64:         parquet.Leaf(parquet.DoubleType),
	UInt64:          parquet.Uint(64),
	DateTime:        parquet.Timestamp(parquet.Millisecond),
	DateTime64:      parquet.Timestamp(parquet.Millisecond),
	NullableString:  parquet.Optional(parquet.String()),
	Strings:         parquet.Repeated(parquet.String()),
	NullableFloat64: parquet.Optional(parquet.Leaf(parquet.DoubleType)),

	NullableDateTime: parquet.Optional(parquet.Timestamp(parquet.Millisecond)),
	Int64:            parquet.Int(64),
	Date:             parquet.Timestamp(parquet.Millisecond),
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
		node := parquetNodes[column.Kind]
		if column.Optional {
			node = parquet.Optional(node)
		}
		if column.Few && column.Kind == String {
			node = parquet.Encoded(node, &parquet.RLEDictionary)
		}
		group.Group[column.Name] = node
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

// groupSize bounds a row group, which a writer holds until it is whole.
type groupSize struct {
	// rows and bytes of their texts end a group.
	rows, bytes int
	// holds is what it takes with its encoded pages.
	holds int64
}

var (
	smallGroups = groupSize{rows: 2 << 10, bytes: 512 << 10, holds: 3 << 20}
	// largeGroups are what readers like: of 10 million rows the file has 153.
	largeGroups = groupSize{rows: 64 << 10, bytes: 8 << 20, holds: 14 << 20}
)

const (
	// parquetRows and parquetRowsBytes bound what goes to a column at one time, because a page ends after it.
	parquetRows, parquetRowsBytes = 1 << 10, 256 << 10
	// parquetCopies is how many times a long text is there.
	parquetCopies = 12
)

// fastSnappy is Snappy as parquet has it, but for the speed.
type fastSnappy struct{ snappy.Codec }

// Encode implements compress.Codec. The codec of parquet looks for shorter forms with tables of 300 KB, many of which are garbage
// when its goroutine has moved on.
func (*fastSnappy) Encode(dst, src []byte) ([]byte, error) {
	return s2.EncodeSnappy(dst[:cap(dst)], src), nil
}

// writeParquet writes one Parquet file, compressed with Snappy, which every reader has. Its row groups are written as
// they become whole.
func writeParquet(o *Output, t *Table) error {
	options := []parquet.WriterOption{parquetSchema(t.Name, t.shown()), parquet.Compression(&fastSnappy{})}
	group := parquetGroup{table: t, size: smallGroups}
	if t.Bulk {
		group.size = largeGroups
	}
	for i, column := range t.shown() {
		if column.Kind == String || column.Kind == NullableString || column.Kind == Strings {
			// The bounds of every page are as long as the texts are: the writer keeps them until the end, and each page has them
			// four times.
			options = append(options, parquet.SkipPageBounds(column.Name), parquet.SkipPageStatistics(column.Name))
			if !column.Few {
				group.texts = append(group.texts, t.place(i))
			}
		}
	}
	file := parquet.NewGenericWriter[any](o, options...)
	group.columns = file.ColumnWriters()
	for t.fill() {
		err := group.add()
		if err == nil && group.whole() {
			err = file.Flush()
			group.rows, group.bytes = 0, 0
		}
		if err != nil {
			return fmt.Errorf("write parquet: %w", err)
		}
	}
	err := o.ended(t)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

// parquetGroup is the row group that is being written.
type parquetGroup struct {
	table   *Table
	size    groupSize
	columns []*parquet.ColumnWriter
	values  []parquet.Value
	// texts are the columns of texts that have no dictionary.
	texts []int
	// rows and bytes of texts are how much there is of it.
	rows, bytes int
}

func (g *parquetGroup) whole() bool {
	return g.rows >= g.size.rows || g.bytes >= g.size.bytes
}

// add adds rows of the table's batch, at least one.
func (g *parquetGroup) add() error {
	t := g.table
	from, bytes := t.next, 0
	for t.next < t.rows && t.next-from < parquetRows && g.rows < g.size.rows && bytes < parquetRowsBytes {
		for _, j := range g.texts {
			bytes += len(t.vectors[j].text(t.next))
		}
		t.next++
		g.rows++
	}
	g.bytes += bytes
	for i, column := range g.columns {
		j := t.place(i)
		g.values = appendValues(g.values[:0], t.Columns[j].Kind, &t.vectors[j], from, t.next)
		if t.Columns[j].Optional {
			for k := range g.values {
				if g.values[k] = g.values[k].Level(0, 1, 0); t.vectors[j].null(from + k) {
					g.values[k] = parquet.NullValue()
				}
			}
		}
		if t.Digits > 0 && t.Columns[j].Fraction() {
			for k, v := range g.values {
				if !v.IsNull() {
					g.values[k] = parquet.DoubleValue(significant(v.Double(), t.Digits)).Level(0, v.DefinitionLevel(), 0)
				}
			}
		}
		if _, err := column.WriteRowValues(g.values); err != nil {
			return err
		}
	}
	return nil
}

// appendValues adds the values of rows. A definition level says of a value that may be absent that it is there.
func appendValues(values []parquet.Value, k Kind, v *Vector, from, to int) []parquet.Value {
	switch k {
	case Float64:
		for _, f := range v.numbers[from:to] {
			values = append(values, parquet.DoubleValue(f))
		}
	case NullableFloat64:
		for _, f := range v.numbers[from:to] {
			value := parquet.NullValue()
			if !math.IsNaN(f) {
				value = parquet.DoubleValue(f).Level(0, 1, 0)
			}
			values = append(values, value)
		}
	case UInt64, DateTime, DateTime64, Int64, Date:
		for _, n := range v.wholes[from:to] {
			values = append(values, parquet.Int64Value(n))
		}
	case NullableDateTime:
		for _, n := range v.wholes[from:to] {
			value := parquet.NullValue()
			if n != noMoment {
				value = parquet.Int64Value(n).Level(0, 1, 0)
			}
			values = append(values, value)
		}
	case NullableString, Strings:
		for i := from; i < to; i++ {
			value := parquet.NullValue()
			if text := v.text(i); text != "" {
				value = parquetText(text).Level(0, 1, 0)
			}
			values = append(values, value)
		}
	default:
		for i := from; i < to; i++ {
			values = append(values, parquetText(v.text(i)))
		}
	}
	return values
}

// parquetText is a text that is there until its row was added.
func parquetText(s string) parquet.Value {
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}
