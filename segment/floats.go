package segment

import (
	"math"
	"slices"
)

// floatKind is how a column of float64 is stored: one byte in front of it.
type floatKind uint8

const (
	floatBits floatKind = iota // the bit patterns as integers
)

// appendFloats appends v in its cheapest form, bit for bit.
func (e *encoder) appendFloats(dst []byte, v []float64) []byte {
	e.ints = slices.Grow(e.ints[:0], len(v))[:len(v)]
	for i, f := range v {
		e.ints[i] = int64(math.Float64bits(f))
	}
	return e.appendInts(append(dst, byte(floatBits)), e.ints, planInts(e.ints))
}

// decodeFloats fills dst from the front of c.
func (sc *Scratch) decodeFloats(c *cursor, dst []float64) {
	if kind := floatKind(c.byte()); kind != floatBits {
		c.fail("unknown kind of floats")
	}
	ints := grow(&sc.ints, len(dst))
	decodeInts(c, ints)
	for i, x := range ints {
		dst[i] = math.Float64frombits(uint64(x))
	}
}
