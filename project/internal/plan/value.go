package plan

import (
	"cmp"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/internal/jsontext"
)

// Value is a value of an answer.
type Value = endpoint.Value

// Type is the type of one.
type Type = endpoint.Type

var (
	stringType   = Type{Kind: endpoint.String}
	floatType    = Type{Kind: endpoint.Float, Bits: 64}
	countType    = Type{Kind: endpoint.UInt, Bits: 64}
	boolType     = Type{Kind: endpoint.UInt, Bits: 8}
	dateType     = Type{Kind: endpoint.Date}
	timeType     = Type{Kind: endpoint.DateTime}
	time64Type   = Type{Kind: endpoint.DateTime64}
	arrayType    = Type{Kind: endpoint.Array}
	nothingType  = Type{Kind: endpoint.Nothing, Nullable: true}
	null         = Value{Null: true}
	dayMillis    = int64(24 * time.Hour / time.Millisecond)
	secondMillis = int64(1000)
	timeKinds    = [...]endpoint.Kind{endpoint.Date, endpoint.DateTime, endpoint.DateTime64}
	timeLayouts  = [...]string{"2006-01-02 15:04:05", "2006-01-02", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05Z07:00"}
	boolOf       = map[bool]Value{true: {Whole: 1}}
)

func number(f float64) Value { return Value{Number: f} }

func whole(n int64) Value { return Value{Whole: n} }

func text(s string) Value { return Value{Text: s} }

func isInt(t Type) bool { return t.Kind == endpoint.Int || t.Kind == endpoint.UInt }

func isNumber(t Type) bool { return isInt(t) || t.Kind == endpoint.Float }

func isTime(t Type) bool {
	return t.Kind == timeKinds[0] || t.Kind == timeKinds[1] || t.Kind == timeKinds[2]
}

func nullable(t Type) Type {
	t.Nullable = true
	return t
}

func notNull(t Type) Type {
	t.Nullable = false
	return t
}

// float is a number as one with a fraction.
func float(v Value, t Type) float64 {
	switch t.Kind {
	case endpoint.Float:
		return v.Number
	case endpoint.UInt:
		return float64(uint64(v.Whole))
	default:
		return float64(v.Whole)
	}
}

// truth tells whether a condition holds.
func truth(v Value, t Type) bool {
	return !v.Null && (v.Whole != 0 || t.Kind == endpoint.Float && v.Number != 0)
}

// compare orders two values that are not NULL and of types that compare. What is not a number comes after all others.
func compare(a Value, at Type, b Value, bt Type) int {
	switch {
	case at.Kind == endpoint.String:
		return strings.Compare(a.Text, b.Text)
	case at.Kind == endpoint.Float || bt.Kind == endpoint.Float:
		x, y := float(a, at), float(b, bt)
		if nx, ny := math.IsNaN(x), math.IsNaN(y); nx || ny {
			return cmp.Compare(boolOf[nx].Whole, boolOf[ny].Whole)
		}
		return cmp.Compare(x, y)
	case at.Kind == endpoint.UInt && bt.Kind == endpoint.UInt:
		return cmp.Compare(uint64(a.Whole), uint64(b.Whole))
	case at.Kind == endpoint.UInt && bt.Kind == endpoint.Int && (a.Whole < 0 || b.Whole < 0):
		return 1
	case at.Kind == endpoint.Int && bt.Kind == endpoint.UInt && (a.Whole < 0 || b.Whole < 0):
		return -1
	}
	return cmp.Compare(a.Whole, b.Whole)
}

// compatible tells whether values of two types compare.
func compatible(a, b Type) bool {
	return a.Kind == b.Kind || isNumber(a) && isNumber(b) || isTime(a) && isTime(b) || a.Kind == endpoint.Nothing || b.Kind == endpoint.Nothing
}

// supertype is the type that has the values of both.
func supertype(a, b Type) (t Type, ok bool) {
	n := a.Nullable || b.Nullable
	switch {
	case a.Kind == endpoint.Nothing:
		return nullable(b), true
	case b.Kind == endpoint.Nothing:
		return nullable(a), true
	case a.Kind == b.Kind && a.Bits == b.Bits:
		t = a
		t.Bool = a.Bool && b.Bool
	case a.Kind == endpoint.Float && isInt(b) && b.Bits <= 32, b.Kind == endpoint.Float && isInt(a) && a.Bits <= 32:
		t = floatType
	case a.Kind == b.Kind && isInt(a):
		t = Type{Kind: a.Kind, Bits: max(a.Bits, b.Bits)}
	case isInt(a) && isInt(b): // one has a sign
		signed, unsigned := a, b
		if a.Kind == endpoint.UInt {
			signed, unsigned = b, a
		}
		if unsigned.Bits == 64 {
			return t, false
		}
		t = Type{Kind: endpoint.Int, Bits: max(signed.Bits, 2*unsigned.Bits)}
	case isTime(a) && isTime(b):
		t = timeType
		if a.Kind == endpoint.DateTime64 || b.Kind == endpoint.DateTime64 {
			t = time64Type
		}
	default:
		return t, false
	}
	t.Nullable = n
	return t, true
}

// convert makes a value of one type one of another, as a supertype needs it.
func convert(v Value, from, to Type) Value {
	if !v.Null && to.Kind == endpoint.Float && from.Kind != endpoint.Float {
		return number(float(v, from))
	}
	return v
}

// show is a value as toString writes it.
func show(v Value, t Type) string {
	switch t.Kind {
	case endpoint.String:
		return v.Text
	case endpoint.Float:
		switch {
		case math.IsNaN(v.Number):
			return "nan"
		case math.IsInf(v.Number, 1):
			return "inf"
		case math.IsInf(v.Number, -1):
			return "-inf"
		}
		return strings.Replace(string(jsontext.AppendFloat(nil, v.Number)), "e+", "e", 1)
	case endpoint.Int:
		return strconv.FormatInt(v.Whole, 10)
	case endpoint.UInt:
		if t.Bool {
			return strconv.FormatBool(v.Whole != 0)
		}
		return strconv.FormatUint(uint64(v.Whole), 10)
	case endpoint.Date:
		return time.UnixMilli(v.Whole).UTC().Format(time.DateOnly)
	case endpoint.DateTime:
		return time.UnixMilli(v.Whole).UTC().Format(time.DateTime)
	case endpoint.DateTime64:
		return time.UnixMilli(v.Whole).UTC().Format("2006-01-02 15:04:05.000")
	default:
		return ""
	}
}

// moment reads a time.
func moment(s string) (ms int64, ok bool) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil && t.Unix() >= 0 && t.Unix() <= math.MaxUint32 {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// appendKey appends a value so that equal ones of a type, and no others, have equal bytes.
func appendKey(dst []byte, v Value, t Type) []byte {
	switch {
	case v.Null:
		return append(dst, 0)
	case t.Kind == endpoint.String:
		dst = binary.AppendUvarint(append(dst, 1), uint64(len(v.Text)))
		return append(dst, v.Text...)
	case t.Kind == endpoint.Float:
		f := v.Number
		if f == 0 {
			f = 0 // one zero
		}
		if math.IsNaN(f) {
			f = math.NaN()
		}
		return binary.LittleEndian.AppendUint64(append(dst, 1), math.Float64bits(f))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 1), uint64(v.Whole))
}
