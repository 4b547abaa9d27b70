package parquet

import "encoding/binary"

// compact reads Thrift's compact protocol. After a failure it reads zeros, and nothing more.
type compact struct {
	data []byte
	at   int
	// ended is set where it failed because more bytes are needed.
	failed, ended bool
	depth         int
}

// The kinds of fields.
const (
	kindTrue   = 1
	kindFalse  = 2
	kindByte   = 3
	kindInt64  = 6
	kindDouble = 7
	kindBinary = 8
	kindList   = 9
	kindSet    = 10
	kindMap    = 11
	kindStruct = 12
)

// depthMax bounds structures in structures.
const depthMax = 32

func (c *compact) fail() { c.failed = true }

func (c *compact) byte() byte {
	if c.failed || c.at >= len(c.data) {
		c.ended = c.ended || !c.failed
		c.fail()
		return 0
	}
	c.at++
	return c.data[c.at-1]
}

func (c *compact) uvarint() uint64 {
	if c.failed {
		return 0
	}
	n, size := binary.Uvarint(c.data[c.at:])
	if size <= 0 {
		c.ended = size == 0
		c.fail()
		return 0
	}
	c.at += size
	return n
}

// number reads an integer of a kind.
func (c *compact) number(kind byte) int64 {
	switch {
	case kind == kindByte:
		return int64(int8(c.byte()))
	case kind > kindByte && kind <= kindInt64:
		n := c.uvarint()
		return int64(n>>1) ^ -int64(n&1)
	}
	c.fail()
	return 0
}

// truth reads a boolean field, which is its kind.
func (c *compact) truth(kind byte) bool {
	if kind != kindTrue && kind != kindFalse {
		c.fail()
	}
	return kind == kindTrue
}

// bytes reads binary, which stays where it is.
func (c *compact) bytes(kind byte) []byte {
	if kind != kindBinary {
		c.fail()
	}
	n := c.uvarint()
	if c.failed || n > uint64(len(c.data)-c.at) {
		c.ended = c.ended || !c.failed
		c.fail()
		return nil
	}
	c.at += int(n)
	return c.data[c.at-int(n) : c.at]
}

// structure reads a structure. field reads the fields that it knows, and returns false for others.
func (c *compact) structure(kind byte, field func(id int16, kind byte) bool) {
	if kind != kindStruct || c.depth == depthMax {
		c.fail()
	}
	c.depth++
	defer func() { c.depth-- }()
	id := int16(0)
	for {
		head := c.byte()
		if c.failed || head == 0 {
			return
		}
		kind := head & 15
		if delta := head >> 4; delta != 0 {
			id += int16(delta)
		} else {
			id = int16(c.number(kindByte + 1))
		}
		if !field(id, kind) {
			c.skip(kind)
		}
	}
}

// list reads a list element by element.
func (c *compact) list(kind byte, element func(kind byte)) {
	if kind != kindList && kind != kindSet || c.depth == depthMax {
		c.fail()
	}
	c.depth++
	defer func() { c.depth-- }()
	head := c.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = c.uvarint()
	}
	for ; n > 0 && !c.failed; n-- { // each takes a byte at least
		element(head & 15)
	}
}

// skip reads a field that nobody asked for.
func (c *compact) skip(kind byte) {
	switch kind {
	case kindTrue, kindFalse:
	case kindDouble:
		if len(c.data)-c.at < 8 {
			c.ended = true
			c.fail()
			return
		}
		c.at += 8
	case kindBinary:
		c.bytes(kind)
	case kindList, kindSet:
		c.list(kind, c.skipElement)
	case kindMap:
		n := c.uvarint()
		kinds := byte(0)
		if n > 0 {
			kinds = c.byte()
		}
		for ; n > 0 && !c.failed; n-- {
			c.skipElement(kinds >> 4)
			c.skipElement(kinds & 15)
		}
	case kindStruct:
		c.structure(kind, func(int16, byte) bool { return false })
	default:
		c.number(kind)
	}
}

// skipElement is skip for what is in a list or a map, where a boolean takes a byte.
func (c *compact) skipElement(kind byte) {
	if kind == kindTrue || kind == kindFalse {
		c.byte()
		return
	}
	c.skip(kind)
}
