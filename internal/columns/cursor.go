package columns

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Cursor reads fields off the front of a byte slice. The first field that does not fit latches Err; from then on Rest
// is empty and every read returns a zero value, so that a decoder checks Err once at its end. Integers of fixed width
// are little-endian.
type Cursor struct {
	// Rest is what was not read yet.
	Rest []byte

	// Err is the first fault. It wraps the error that the cursor was made with.
	Err error

	corrupt error
}

// NewCursor returns a cursor at the beginning of b. Its faults wrap corrupt.
func NewCursor(b []byte, corrupt error) Cursor {
	return Cursor{Rest: b, corrupt: corrupt}
}

// Fail latches a fault, unless there is one.
func (c *Cursor) Fail(what string) {
	if c.Err == nil {
		c.Err = fmt.Errorf("%w: %s", c.corrupt, what)
	}
	c.Rest = nil
}

// Bytes returns the next n bytes, which alias the slice that is read.
func (c *Cursor) Bytes(n int) []byte {
	if n < 0 || n > len(c.Rest) {
		c.Fail("truncated")
		return nil
	}
	b := c.Rest[:n:n]
	c.Rest = c.Rest[n:]
	return b
}

// Text returns the bytes that [AppendText] wrote, which alias the slice that is read.
func (c *Cursor) Text() []byte { return c.Bytes(c.Count(1, "bytes")) }

// Uint8 reads one byte.
func (c *Cursor) Uint8() uint8 {
	if b := c.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint32 reads four bytes.
func (c *Cursor) Uint32() uint32 {
	if b := c.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads eight bytes.
func (c *Cursor) Uint64() uint64 {
	if b := c.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Uvarint reads a number that binary.AppendUvarint wrote. One of more bytes than it needs is a fault.
func (c *Cursor) Uvarint() uint64 {
	if len(c.Rest) > 0 && c.Rest[0] < 0x80 { // nearly always
		v := uint64(c.Rest[0])
		c.Rest = c.Rest[1:]
		return v
	}
	if len(c.Rest) >= 8 { // up to eight bytes at once, as most are that are not of one
		v := binary.LittleEndian.Uint64(c.Rest)
		if end := ^v & 0x8080808080808080; end != 0 {
			n := bits.TrailingZeros64(end)/8 + 1
			v &= end ^ (end - 1)
			if v>>(8*n-8) != 0 {
				c.Rest = c.Rest[n:]
				v = v&0x007f007f007f007f | v&0x7f007f007f007f00>>1
				v = v&0x00003fff00003fff | v&0x3fff00003fff0000>>2
				return v&0x000000000fffffff | v&0x0fffffff00000000>>4
			}
		}
	}
	v, n := binary.Uvarint(c.Rest)
	if n <= 0 || n > 1 && c.Rest[n-1] == 0 {
		c.Fail("malformed varint")
		return 0
	}
	c.Rest = c.Rest[n:]
	return v
}

// Uvarint32 is [Cursor.Uvarint] for a number of at most 32 bits.
func (c *Cursor) Uvarint32() uint32 {
	v := c.Uvarint()
	if v > math.MaxUint32 {
		c.Fail("more than 32 bits")
		return 0
	}
	return uint32(v)
}

// Varint reads a number that binary.AppendVarint wrote. One of more bytes than it needs is a fault.
func (c *Cursor) Varint() int64 {
	u := c.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Count reads a number of elements that take at least size bytes each, so that the caller can allocate for them.
func (c *Cursor) Count(size int, elements string) int {
	n := c.Uvarint()
	if n > uint64(len(c.Rest)/size) {
		c.Fail("too many " + elements)
		return 0
	}
	return int(n)
}

// Finish takes over the fault of a cursor over a part of what c reads. Bytes that the part has left are a fault.
func (c *Cursor) Finish(part *Cursor) {
	if err := part.End(); err != nil && c.Err == nil {
		c.Err, c.Rest = err, nil
	}
}

// End returns the first fault. Bytes that are left are one.
func (c *Cursor) End() error {
	if c.Err == nil && len(c.Rest) > 0 {
		c.Fail("trailing bytes")
	}
	return c.Err
}

// AppendText appends the length of s as a varint, and s.
func AppendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
