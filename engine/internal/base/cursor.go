package base

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Cursor reads fields off a byte slice. The first field that does not fit latches the error; every later read
// returns a zero value, so that a decoder checks once at its end.
type Cursor struct {
	Rest []byte
	Err  error
}

func (c *Cursor) Fail(what string) {
	if c.Err == nil {
		c.Err = fmt.Errorf("%w: %s does not fit in the %d bytes left", ErrCorrupt, what, len(c.Rest))
	}
	c.Rest = nil
}

// Bytes returns the next n bytes, aliasing the input.
func (c *Cursor) Bytes(n uint64, what string) []byte {
	if c.Err != nil || n > uint64(len(c.Rest)) {
		c.Fail(what)
		return nil
	}
	b := c.Rest[:n]
	c.Rest = c.Rest[n:]
	return b
}

func (c *Cursor) Uvarint(what string) uint64 {
	v, n := binary.Uvarint(c.Rest)
	if n <= 0 {
		c.Fail(what)
		return 0
	}
	c.Rest = c.Rest[n:]
	return v
}

func (c *Cursor) Uvarint32(what string) uint32 {
	v := c.Uvarint(what)
	if v > math.MaxUint32 {
		c.Fail(what)
		return 0
	}
	return uint32(v)
}

func (c *Cursor) Varint(what string) int64 {
	v, n := binary.Varint(c.Rest)
	if n <= 0 {
		c.Fail(what)
		return 0
	}
	c.Rest = c.Rest[n:]
	return v
}

// Count reads a number of elements of at least size bytes each, so that it can be allocated for.
func (c *Cursor) Count(size int, what string) int {
	n := c.Uvarint(what)
	if n > uint64(len(c.Rest)/size) {
		c.Fail(what)
		return 0
	}
	return int(n)
}

func (c *Cursor) Text(what string) []byte { return c.Bytes(c.Uvarint(what), what) }

func (c *Cursor) Uint8(what string) uint8 {
	if b := c.Bytes(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (c *Cursor) Uint32(what string) uint32 {
	if b := c.Bytes(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *Cursor) Uint64(what string) uint64 {
	if b := c.Bytes(8, what); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// End returns the first error, or one for bytes left over.
func (c *Cursor) End(what string) error {
	if c.Err == nil && len(c.Rest) > 0 {
		c.Err = fmt.Errorf("%w: %d bytes behind the end of %s", ErrCorrupt, len(c.Rest), what)
	}
	return c.Err
}

func AppendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}
