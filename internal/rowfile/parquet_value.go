package rowfile

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/residualdb/residual/internal/jsontext"
	"github.com/residualdb/residual/internal/parquet"
)

// timeLayout is how a timestamp stands in a row.
const timeLayout = "2006-01-02 15:04:05.000"

// isNaN tells whether a value is a number that is none, which is how many programs write that it is not known.
func isNaN(n *parquet.Node, v parquet.Value) bool {
	f, ok := floating(n, v)
	return ok && math.IsNaN(f)
}

// floating returns a value that is a float.
func floating(n *parquet.Node, v parquet.Value) (f float64, ok bool) {
	switch {
	case n.Type == parquet.Float:
		return float64(v.Float()), true
	case n.Type == parquet.Double:
		return v.Double(), true
	case n.Meaning == parquet.Float16 && len(v.Bytes()) == 2:
		return half(binary.LittleEndian.Uint16(v.Bytes())), true
	}
	return 0, false
}

// half returns a float of 16 bits.
func half(bits uint16) float64 {
	const fractions = 1 << 10
	exponent, fraction := int(bits>>10&31), float64(bits&(fractions-1))
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction/fractions, -14)
	case 31:
		if f = math.Inf(1); fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1+fraction/fractions, exponent-15)
	}
	if bits>>15 != 0 {
		f = -f
	}
	return f
}

// appendCell appends a value of a column of some kind as JSON. A type that says what its bytes stand for is followed: integers that
// are decimals or have no sign are other numbers than their bits. What is not of the kind stays what it is, and the decoder says so;
// but a whole number is taken for the text of a name, as programs write ids and versions so.
func appendCell(dst []byte, n *parquet.Node, v parquet.Value, kind Kind) []byte {
	if at, ok := timestamp(n, v); ok {
		return append(at.AppendFormat(append(dst, '"'), timeLayout), '"')
	}
	if f, ok := floating(n, v); ok {
		switch {
		case math.IsNaN(f):
			return append(dst, notANumber...)
		case math.IsInf(f, -1):
			return append(dst, "-"+infinity...)
		case math.IsInf(f, 1):
			return append(dst, infinity...)
		}
		return jsontext.AppendFloat(dst, f)
	}
	whole := kind == Text && n.Meaning != parquet.Decimal && (n.Type == parquet.Int32 || n.Type == parquet.Int64)
	if whole {
		dst = append(dst, '"')
	}
	dst, ok := appendPlain(dst, n, v)
	if !ok && kind == Object {
		return appendObject(dst, v.Bytes())
	}
	if !ok {
		return jsontext.AppendQuoted(dst, v.Bytes())
	}
	if whole {
		dst = append(dst, '"')
	}
	return dst
}

// appendPart appends a value inside of a document as JSON. Numbers that JSON has no word for are null, and bytes that are no text are
// base64.
func appendPart(dst []byte, n *parquet.Node, v parquet.Value) []byte {
	if at, ok := timestamp(n, v); ok {
		layout := time.RFC3339Nano
		if n.Meaning == parquet.Date {
			layout = time.DateOnly
		}
		return append(at.AppendFormat(append(dst, '"'), layout), '"')
	}
	if f, ok := floating(n, v); ok {
		switch {
		case math.IsNaN(f) || math.IsInf(f, 0):
			return append(dst, "null"...)
		case n.Type == parquet.Float:
			return appendShort(dst, v.Float())
		}
		return jsontext.AppendFloat(dst, f)
	}
	if dst, ok := appendPlain(dst, n, v); ok {
		return dst
	}
	if b := v.Bytes(); !utf8.Valid(b) {
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
	}
	return jsontext.AppendQuoted(dst, v.Bytes())
}

// appendShort appends the shortest number that reads back as the same float of 32 bits.
func appendShort(dst []byte, f float32) []byte {
	if a := math.Abs(float64(f)); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, float64(f), 'f', -1, 32)
	}
	return strconv.AppendFloat(dst, float64(f), 'e', -1, 32)
}

// appendPlain appends a boolean, a whole number, a decimal or a UUID; ok is false for other values.
func appendPlain(dst []byte, n *parquet.Node, v parquet.Value) (text []byte, ok bool) {
	whole := n.Type == parquet.Int32 || n.Type == parquet.Int64
	switch {
	case n.Meaning == parquet.Decimal:
		return appendDecimal(dst, n, v)
	case n.Meaning == parquet.UUID && len(v.Bytes()) == 16:
		return appendUUID(dst, v.Bytes()), true
	case n.Meaning == parquet.Unsigned && n.Type == parquet.Int32:
		return strconv.AppendUint(dst, uint64(uint32(v.Int())), 10), true
	case n.Meaning == parquet.Unsigned && whole:
		return strconv.AppendUint(dst, uint64(v.Int()), 10), true
	case whole:
		return strconv.AppendInt(dst, v.Int(), 10), true
	case n.Type == parquet.Boolean:
		return strconv.AppendBool(dst, v.Bool()), true
	}
	return dst, false
}

// timestamp returns a value that is a moment, or a day, in UTC. A time without a zone is taken as UTC.
func timestamp(n *parquet.Node, v parquet.Value) (at time.Time, ok bool) {
	switch {
	case n.Type == parquet.Int96 && len(v.Bytes()) == 12:
		return int96Time(v.Bytes()), true
	case n.Type == parquet.Int32 && n.Meaning == parquet.Date:
		return time.Unix(v.Int()*86_400, 0).UTC(), true
	case n.Type != parquet.Int64:
	case n.Meaning == parquet.TimestampMillis:
		return time.UnixMilli(v.Int()).UTC(), true
	case n.Meaning == parquet.TimestampMicros:
		return time.UnixMicro(v.Int()).UTC(), true
	case n.Meaning == parquet.TimestampNanos:
		return time.Unix(0, v.Int()).UTC(), true
	}
	return at, false
}

// int96Time reads a timestamp as old programs write it: nanoseconds of a Julian day.
func int96Time(b []byte) time.Time {
	const unixDay, daySeconds = 2_440_588, 86_400
	day := int64(binary.LittleEndian.Uint32(b[8:]))
	return time.Unix((day-unixDay)*daySeconds, int64(binary.LittleEndian.Uint64(b))).UTC()
}

// decimalBytesMax bounds decimals in bytes: 76 digits. Longer ones would take time to write out.
const decimalBytesMax = 32

// appendDecimal appends a decimal as its digits and an exponent, which stays short whatever the scale.
func appendDecimal(dst []byte, n *parquet.Node, v parquet.Value) (text []byte, ok bool) {
	switch n.Type {
	case parquet.Int32, parquet.Int64:
		dst = strconv.AppendInt(dst, v.Int(), 10)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		digits := v.Bytes() // big-endian, two's complement
		if len(digits) == 0 || len(digits) > decimalBytesMax {
			return dst, false
		}
		i := new(big.Int).SetBytes(digits)
		if digits[0] >= 0x80 {
			i.Sub(i, new(big.Int).Lsh(big.NewInt(1), uint(8*len(digits))))
		}
		dst = i.Append(dst, 10)
	default:
		return dst, false
	}
	return strconv.AppendInt(append(dst, 'e'), -int64(n.Scale), 10), true
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
