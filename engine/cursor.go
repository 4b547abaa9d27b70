package engine

import (
	"encoding/binary"
	"fmt"
	"math"
)

// cursor reads fields off a byte slice. The first field that does not fit latches the error; every later read
// returns a zero value, so that a decoder checks once at its end.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s does not fit in the %d bytes left", ErrCorrupt, what, len(c.rest))
	}
	c.rest = nil
}

// bytes returns the next n bytes, aliasing the input.
func (c *cursor) bytes(n uint64, what string) []byte {
	if c.err != nil || n > uint64(len(c.rest)) {
		c.fail(what)
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) uvarint(what string) uint64 {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.fail(what)
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *cursor) uvarint32(what string) uint32 {
	v := c.uvarint(what)
	if v > math.MaxUint32 {
		c.fail(what)
		return 0
	}
	return uint32(v)
}

func (c *cursor) varint(what string) int64 {
	v, n := binary.Varint(c.rest)
	if n <= 0 {
		c.fail(what)
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// count reads a number of elements of at least size bytes each, so that it can be allocated for.
func (c *cursor) count(size int, what string) int {
	n := c.uvarint(what)
	if n > uint64(len(c.rest)/size) {
		c.fail(what)
		return 0
	}
	return int(n)
}

func (c *cursor) text(what string) []byte { return c.bytes(c.uvarint(what), what) }

func (c *cursor) uint8(what string) uint8 {
	if b := c.bytes(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint32(what string) uint32 {
	if b := c.bytes(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64(what string) uint64 {
	if b := c.bytes(8, what); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// end returns the first error, or one for bytes left over.
func (c *cursor) end(what string) error {
	if c.err == nil && len(c.rest) > 0 {
		c.err = fmt.Errorf("%w: %d bytes behind the end of %s", ErrCorrupt, len(c.rest), what)
	}
	return c.err
}

func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}
