package encode

import (
	"time"
	"unsafe"

	"github.com/residualdb/residual/internal/columns"
)

// Kind is the type of a column.
type Kind uint8

// The types that columns can have.
const (
	String Kind = iota
	Float64
	UInt64
	DateTime
	DateTime64      // to the millisecond
	NullableString  // empty stands for NULL
	Strings         // an array of at most one string; empty stands for none
	NullableFloat64 // NaN stands for NULL
	Status          // a string, one of the column's States
	NullableDateTime
	Int64
	Date // as text like DateTime, without the time of the day
	kindCount
)

// kindNames are the names of the types in ClickHouse.
var kindNames = [kindCount]string{
	"String", "Float64", "UInt64", "DateTime", "DateTime64(3)", "Nullable(String)", "Array(String)", "Nullable(Float64)", "String",
	"Nullable(DateTime)", "Int64", "Date",
}

func (k Kind) String() string { return kindNames[k] }

// Column is one column of an answer.
type Column struct {
	Name string
	Kind Kind
	// States are the values that a column of the kind Status can have.
	States []string
	// Few is set where many rows have the same value.
	Few bool
	// Type, unless it is empty, is what the type is called in the place of the kind's name.
	Type string
	// Optional is set where a cell may be [NullCell], in a column of the kinds String, Float64, UInt64, Int64, Date, DateTime and DateTime64.
	Optional bool
}

// typeName is the name of the column's type in ClickHouse.
func (c *Column) typeName() string {
	if c.Type != "" {
		return c.Type
	}
	return c.Kind.String()
}

// Fraction tells whether the values are numbers that need not be whole.
func (c *Column) Fraction() bool { return c.Kind == Float64 || c.Kind == NullableFloat64 }

// stateLabel is the label by which the samples of a column of states differ.
func (c *Column) stateLabel() string {
	if c.Name == "state" {
		return c.Name
	}
	return "status"
}

// Cell is one value: text for the kinds made of strings, number for those of Float64, whole for UInt64 and, as Unix
// milliseconds, for times.
type Cell struct {
	text   string
	number float64
	whole  int64
	null   bool
}

// NullCell is NULL in a column that is optional.
func NullCell() Cell { return Cell{null: true} }

// Text is a cell of the kinds made of strings.
func Text(s string) Cell { return Cell{text: s} }

// Number is a cell of the kinds Float64 and NullableFloat64.
func Number(f float64) Cell { return Cell{number: f} }

// noMoment stands for NULL in a column of the kind NullableDateTime.
const noMoment = -1

// MomentOrNull is a cell of the kind NullableDateTime: NULL for the zero time.
func MomentOrNull(t time.Time) Cell {
	if t.IsZero() {
		return Cell{whole: noMoment}
	}
	return Moment(t)
}

// Signed is a cell of the kind Int64.
func Signed(n int64) Cell { return Cell{whole: n} }

// Milli is a cell of the kinds Date, DateTime and DateTime64, of Unix milliseconds.
func Milli(ms int64) Cell { return Cell{whole: ms} }

// Whole is a cell of the kind UInt64.
func Whole(n uint64) Cell { return Cell{whole: int64(n)} }

// Moment is a cell of the kind DateTime.
func Moment(t time.Time) Cell { return Cell{whole: max(t.Unix(), 0) * 1000} }

// Vector is the values of one column in the rows of a batch. Texts are either texts, or those of the arena, or, where there
// are codes, one of texts for each.
type Vector struct {
	texts   []string
	codes   []uint32
	arena   *columns.Text
	numbers []float64
	wholes  []int64
	// nulls are of an optional column: which rows are NULL.
	nulls []bool
}

// Texts is a vector of the kind String.
func Texts(t *columns.Text) Vector { return Vector{arena: t} }

// Coded is a vector of the kind String, in which row i has the text texts[codes[i]].
func Coded(texts []string, codes []uint32) Vector { return Vector{texts: texts, codes: codes} }

// Numbers is a vector of the kinds Float64 and NullableFloat64.
func Numbers(values []float64) Vector { return Vector{numbers: values} }

// Moments is a vector of the kind DateTime64, of Unix milliseconds.
func Moments(times []int64) Vector { return Vector{wholes: times} }

func (v *Vector) cell(k Kind, row int) (c Cell) {
	c.null = v.null(row)
	switch k {
	case Float64, NullableFloat64:
		c.number = v.numbers[row]
	case UInt64, DateTime, DateTime64, NullableDateTime, Int64, Date:
		c.whole = v.wholes[row]
	default:
		c.text = v.text(row)
	}
	return c
}

// null tells whether a row is NULL. What is there of an earlier table, whose column was optional, is empty.
func (v *Vector) null(row int) bool { return row < len(v.nulls) && v.nulls[row] }

func (v *Vector) text(row int) string {
	switch {
	case v.codes != nil:
		return v.texts[v.codes[row]]
	case v.arena != nil:
		text := v.arena.At(row)
		return unsafe.String(unsafe.SliceData(text), len(text)) // the arena stays as it is as long as the batch is there
	}
	return v.texts[row]
}

func (v *Vector) add(column *Column, c Cell) {
	if column.Optional {
		v.nulls = append(v.nulls, c.null)
	}
	switch k := column.Kind; k {
	case Float64, NullableFloat64:
		v.numbers = append(v.numbers, c.number)
	case UInt64, DateTime, DateTime64, NullableDateTime, Int64, Date:
		v.wholes = append(v.wholes, c.whole)
	default:
		v.texts = append(v.texts, c.text)
	}
}

// append adds copies of the values of o, and returns how many bytes of texts it copied.
func (v *Vector) append(k Kind, o *Vector, rows int) (copied int) {
	v.nulls = append(v.nulls, o.nulls...)
	switch {
	case k == Float64 || k == NullableFloat64:
		v.numbers = append(v.numbers, o.numbers...)
	case k == UInt64 || k == DateTime || k == DateTime64 || k == NullableDateTime || k == Int64 || k == Date:
		v.wholes = append(v.wholes, o.wholes...)
	case o.arena != nil:
		all := string(o.arena.Bytes)
		for i, end := range o.arena.Ends {
			v.texts = append(v.texts, all[o.arena.Start(i):end])
		}
		copied = len(all)
	default:
		for i := range rows {
			v.texts = append(v.texts, o.text(i))
		}
	}
	return copied
}

// reset empties the vector and keeps its memory, but no text.
func (v *Vector) reset() {
	clear(v.texts)
	v.texts, v.numbers, v.wholes, v.nulls = v.texts[:0], v.numbers[:0], v.wholes[:0], v.nulls[:0]
}

func (v *Vector) capacity() int { return max(cap(v.texts), cap(v.numbers), cap(v.wholes)) }
