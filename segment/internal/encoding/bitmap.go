package encoding

import (
	"encoding/binary"

	"github.com/residualdb/residual/internal/columns"
)

// A bitmap of a block's rows is stored as one byte, and for bitsSome its words of 8 bytes.
const (
	bitsNone = iota
	bitsAll
	bitsSome
)

// AppendBitmap appends a bitmap of so many rows, of which set are set.
func AppendBitmap(dst []byte, b columns.Bitmap, set, rows int) []byte {
	switch set {
	case 0:
		return append(dst, bitsNone)
	case rows:
		return append(dst, bitsAll)
	}
	dst = append(dst, bitsSome)
	for _, w := range b {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

// DecodeBitmap sets b to a bitmap of n rows and returns the number of bits set.
func DecodeBitmap(c *columns.Cursor, b *columns.Bitmap, n int) int {
	m := columns.Resize(b, (n+63)/64)
	clear(m)
	switch c.Uint8() {
	case bitsNone:
	case bitsAll:
		for i := range m {
			m[i] = ^uint64(0)
		}
		if n&63 != 0 {
			m[n>>6] = 1<<(n&63) - 1
		}
	case bitsSome:
		for i := range m {
			m[i] = c.Uint64()
		}
		if n&63 != 0 && m[n>>6]>>(n&63) != 0 {
			c.Fail("bits beyond the rows")
		}
	default:
		c.Fail("form of a bitmap")
	}
	return m.Count()
}
