package rowfile

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/residualdb/residual/internal/jsontext"
)

// timeLayout is how a timestamp stands in a row.
const timeLayout = "2006-01-02 15:04:05.000"

// appendParquetValue appends a value as JSON. A type that says what its bytes stand for is followed: integers that are
// decimals or have no sign are other numbers than their bits.
func appendParquetValue(dst []byte, column *parquet.Column, value parquet.Value) []byte {
	if value.IsNull() {
		return append(dst, "null"...)
	}
	if logical := column.Type().LogicalType(); logical != nil {
		if text, ok := appendLogical(dst, logical.Value, value); ok {
			return text
		}
	}
	switch value.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, value.Boolean())
	case parquet.Int32:
		return strconv.AppendInt(dst, int64(value.Int32()), 10)
	case parquet.Int64:
		return strconv.AppendInt(dst, value.Int64(), 10)
	case parquet.Int96:
		return appendTime(dst, int96Time(value.Int96()))
	case parquet.Float, parquet.Double:
		f := value.Double()
		if value.Kind() == parquet.Float {
			f = float64(value.Float())
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return jsontext.AppendQuoted(dst, strconv.FormatFloat(f, 'g', -1, 64))
		}
		return jsontext.AppendFloat(dst, f)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return jsontext.AppendQuoted(dst, string(value.ByteArray()))
	default:
		return jsontext.AppendQuoted(dst, fmt.Sprint(value))
	}
}

// appendLogical appends a value of a type that is not what its bytes are; ok is false for other types.
func appendLogical(dst []byte, logical format.LogicalTypeValue, value parquet.Value) (text []byte, ok bool) {
	switch t := logical.(type) {
	case *format.TimestampType:
		if value.Kind() == parquet.Int64 && t.Unit.Value != nil {
			return appendTime(dst, timeOf(value.Int64(), t.Unit.Value.Duration())), true
		}
	case *format.IntType:
		switch kind := value.Kind(); {
		case !t.IsSigned && kind == parquet.Int32:
			return strconv.AppendUint(dst, uint64(uint32(value.Int32())), 10), true
		case !t.IsSigned && kind == parquet.Int64:
			return strconv.AppendUint(dst, uint64(value.Int64()), 10), true
		}
	case *format.DecimalType:
		return appendDecimal(dst, value, t.Scale)
	case *format.UUIDType:
		if id := value.ByteArray(); value.Kind() == parquet.FixedLenByteArray && len(id) == 16 {
			return appendUUID(dst, id), true
		}
	}
	return dst, false
}

func appendTime(dst []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(dst, '"'), timeLayout), '"')
}

// timeOf reads a timestamp in a unit.
func timeOf(n int64, unit time.Duration) time.Time {
	switch unit {
	case time.Millisecond:
		return time.UnixMilli(n)
	case time.Microsecond:
		return time.UnixMicro(n)
	default:
		return time.Unix(0, n)
	}
}

// int96Time reads a timestamp as old programs write it: nanoseconds of a Julian day.
func int96Time(n deprecated.Int96) time.Time {
	const unixDay, daySeconds = 2_440_588, 86_400
	return time.Unix((int64(n[2])-unixDay)*daySeconds, int64(n[1])<<32|int64(n[0]))
}

// decimalBytesMax bounds decimals in bytes: 76 digits. Longer ones would take time to write out.
const decimalBytesMax = 32

// appendDecimal appends a decimal as its digits and an exponent, which stays short whatever the scale.
func appendDecimal(dst []byte, value parquet.Value, scale int32) (text []byte, ok bool) {
	switch value.Kind() {
	case parquet.Int32:
		dst = strconv.AppendInt(dst, int64(value.Int32()), 10)
	case parquet.Int64:
		dst = strconv.AppendInt(dst, value.Int64(), 10)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		digits := value.ByteArray() // big-endian, two's complement
		if len(digits) == 0 || len(digits) > decimalBytesMax {
			return dst, false
		}
		n := new(big.Int).SetBytes(digits)
		if digits[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(digits))))
		}
		dst = n.Append(dst, 10)
	default:
		return dst, false
	}
	return strconv.AppendInt(append(dst, 'e'), -int64(scale), 10), true
}

func appendUUID(dst, id []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for _, to := range [...]int{4, 6, 8, 10, 16} {
		if from > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[from:to])
		from = to
	}
	return append(dst, '"')
}
