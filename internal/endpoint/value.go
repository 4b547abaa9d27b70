package endpoint

import "strconv"

// Kind is a kind of values.
type Kind uint8

// The kinds.
const (
	// Nothing has NULL alone.
	Nothing Kind = iota
	String
	Float
	Int
	UInt
	Date
	DateTime
	// DateTime64 is a time to the millisecond.
	DateTime64
	// Interval is a length of time in some unit. No column has it.
	Interval
	// Array is some values of one type. No column has it.
	Array
)

// Type is the type of a column.
type Type struct {
	Kind Kind
	// Bits is the width of the kinds Float, Int and UInt: 8 to 64.
	Bits     uint8
	Nullable bool
	// Bool is set for a UInt of 8 bits that is called Bool.
	Bool bool
}

// String is the type's name in ClickHouse.
func (t Type) String() string {
	name := ""
	switch t.Kind {
	case Nothing:
		return "Nullable(Nothing)"
	case String:
		name = "String"
	case Float:
		name = "Float" + strconv.Itoa(int(t.Bits))
	case Int:
		name = "Int" + strconv.Itoa(int(t.Bits))
	case UInt:
		name = "UInt" + strconv.Itoa(int(t.Bits))
		if t.Bool {
			name = "Bool"
		}
	case Date:
		name = "Date"
	case DateTime:
		name = "DateTime"
	case DateTime64:
		name = "DateTime64(3)"
	case Interval:
		return "Interval"
	case Array:
		return "Array"
	}
	if t.Nullable {
		return "Nullable(" + name + ")"
	}
	return name
}

// Column is a column of an answer.
type Column struct {
	Name string
	Type Type
}

// Value is a value of a column, by the kind of its type.
type Value struct {
	// Null is set for NULL, and the rest is then zero.
	Null bool
	// Text is that of the kind String.
	Text string
	// Number is that of the kind Float.
	Number float64
	// Whole is that of Int, of UInt as the same bits, and of times in Unix milliseconds.
	Whole int64
	// Values are those of an Array.
	Values []Value
}
