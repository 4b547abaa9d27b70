package segment

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// cursor reads a byte slice from the front. The first fault latches in err: from then on every read returns zeros.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrCorrupt, what)
	}
	c.rest = nil
}

// bytes returns the next n bytes, which alias the slice read.
func (c *cursor) bytes(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.fail("truncated")
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) uvarint() uint64 {
	if len(c.rest) > 0 && c.rest[0] < 0x80 { // nearly always
		v := uint64(c.rest[0])
		c.rest = c.rest[1:]
		return v
	}
	if len(c.rest) >= 8 { // up to eight bytes at once, as most are that are not of one
		v := binary.LittleEndian.Uint64(c.rest)
		if end := ^v & 0x8080808080808080; end != 0 {
			n := bits.TrailingZeros64(end)/8 + 1
			v &= end ^ (end - 1)
			if v>>(8*n-8) != 0 {
				c.rest = c.rest[n:]
				v = v&0x007f007f007f007f | v&0x7f007f007f007f00>>1
				v = v&0x00003fff00003fff | v&0x3fff00003fff0000>>2
				return v&0x000000000fffffff | v&0x0fffffff00000000>>4
			}
		}
	}
	v, n := binary.Uvarint(c.rest)
	if n <= 0 || n > 1 && c.rest[n-1] == 0 {
		c.fail("malformed varint")
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *cursor) varint() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads a number of things that take at least one byte each.
func (c *cursor) count(what string) int {
	v := c.uvarint()
	if v > uint64(len(c.rest)) {
		c.fail("too many " + what)
		return 0
	}
	return int(v)
}

// block reads a length and that many bytes.
func (c *cursor) block() []byte {
	return c.bytes(c.count("bytes"))
}

// finish takes over the fault of a part of what c reads, of which nothing may be left.
func (c *cursor) finish(part *cursor) {
	if err := part.end(); err != nil && c.err == nil {
		c.err, c.rest = err, nil
	}
}

// end returns the error, which for bytes left over is ErrCorrupt too.
func (c *cursor) end() error {
	if c.err == nil && len(c.rest) > 0 {
		c.fail("trailing bytes")
	}
	return c.err
}
