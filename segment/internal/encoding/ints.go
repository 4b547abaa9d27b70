package encoding

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/residualdb/residual/internal/columns"
)

// A column of integers is stored as
//
//	flags    1 byte: delta, scaled, patched
//	width    1 byte
//	base     varint
//	first    varint, if delta
//	scale    uvarint, if scaled
//	packed   width bits for each value
//	patches  if patched: count, then for each the distance from the one before and the bits above width, all uvarint
//
// Value i is base + scale*(packed[i] + patch<<width); with delta this is value[i+1]-value[i], value[0] is first, and
// the last packed value is unused and zero. All arithmetic is modulo 2^64, so every int64 has a place. A constant has
// width 0, and so has an arithmetic progression with delta.
const (
	intsDelta = 1 << iota
	intsScaled
	intsPatched

	intsFlags = intsDelta | intsScaled | intsPatched
)

// patchBits estimates what a patch costs beside the bits it saves.
const patchBits = 14

// intPlan is how a column of integers will be stored.
type intPlan struct {
	delta   bool
	base    int64
	width   uint
	patched bool
	bytes   int // about
}

// planInts finds the cheapest way to store v, but for a common divisor.
func planInts(v []int64) intPlan {
	if len(v) == 0 {
		return intPlan{}
	}
	low, high := v[0], v[0]
	var lowStep, highStep int64
	if len(v) > 1 {
		lowStep = v[1] - v[0]
		highStep = lowStep
	}
	for i := 1; i < len(v); i++ {
		low, high = min(low, v[i]), max(high, v[i])
		step := v[i] - v[i-1]
		lowStep, highStep = min(lowStep, step), max(highStep, step)
	}
	plain := intPlan{base: low, width: uint(bits.Len64(uint64(high) - uint64(low)))}
	delta := intPlan{delta: true, base: lowStep, width: uint(bits.Len64(uint64(highStep) - uint64(lowStep)))}
	if plain.width == 0 {
		plain.bytes = 4
		return plain
	}
	// Where steps take more bits than values, values jump about, and differences gain nothing. Where values ascend,
	// outliers among them are outliers among the steps.
	if delta.width > plain.width {
		var lengths [65]int32
		for _, x := range v {
			lengths[bits.Len64(uint64(x)-uint64(low))]++
		}
		plain.patch(len(v), &lengths)
		return plain
	}
	var lengths [65]int32
	for i := 1; i < len(v); i++ {
		lengths[bits.Len64(uint64(v[i])-uint64(v[i-1])-uint64(lowStep))]++
	}
	delta.patch(len(v), &lengths)
	if plain.bytes = 8 + packedLen(len(v), plain.width); plain.bytes <= delta.bytes {
		plain.width = packWidth(int(plain.width))
		return plain
	}
	return delta
}

// patch picks the width at which values and patches together are cheapest, from the number of values of each bit
// length.
func (p *intPlan) patch(n int, lengths *[65]int32) {
	widest := int(p.width)
	best := n * int(packWidth(widest))
	p.width = packWidth(widest)
	above, extra := 0, 0 // values longer than w, and the bits above w they have together
	for w := widest - 1; w >= 0; w-- {
		above += int(lengths[w+1])
		extra += above
		if cost := n*int(packWidth(w)) + above*patchBits + extra; cost < best {
			best, p.width, p.patched = cost, packWidth(w), above > 0
		}
	}
	if p.width == 64 {
		p.patched = false
	}
	p.bytes = 8 + best/8
}

// AppendInts appends v in its cheapest form.
func (e *Encoder) AppendInts(dst []byte, v []int64) []byte { return e.appendInts(dst, v, planInts(v)) }

// appendInts appends v as planned.
func (e *Encoder) appendInts(dst []byte, v []int64, p intPlan) []byte {
	e.words = slices.Grow(e.words[:0], len(v))[:len(v)]
	words := e.words
	if p.delta {
		for i := range v[1:] {
			words[i] = uint64(v[i+1]) - uint64(v[i]) - uint64(p.base)
		}
		words[len(v)-1] = 0
	} else {
		for i, x := range v {
			words[i] = uint64(x) - uint64(p.base)
		}
	}
	scale := commonDivisor(words)
	flags := byte(0)
	if p.delta {
		flags |= intsDelta
	}
	if scale > 1 {
		flags |= intsScaled
		for i := range words {
			words[i] /= scale
		}
		p.repatch(words)
	}
	if p.patched {
		flags |= intsPatched
	}
	dst = append(dst, flags, byte(p.width))
	dst = binary.AppendVarint(dst, p.base)
	if p.delta {
		dst = binary.AppendVarint(dst, v[0])
	}
	if scale > 1 {
		dst = binary.AppendUvarint(dst, scale)
	}
	if !p.patched {
		return appendPacked(dst, words, p.width)
	}
	return e.appendPatched(dst, words, p.width)
}

// repatch plans anew for words that became smaller.
func (p *intPlan) repatch(words []uint64) {
	var lengths [65]int32
	p.width, p.patched = 0, false
	for _, w := range words {
		lengths[bits.Len64(w)]++
		p.width = max(p.width, uint(bits.Len64(w)))
	}
	p.patch(len(words), &lengths)
}

func (e *Encoder) appendPatched(dst []byte, words []uint64, width uint) []byte {
	e.patches = e.patches[:0]
	count, last := 0, 0
	for i, w := range words {
		if high := w >> width; high != 0 {
			e.patches = binary.AppendUvarint(e.patches, uint64(i-last))
			e.patches = binary.AppendUvarint(e.patches, high)
			words[i] &= 1<<width - 1
			count, last = count+1, i
		}
	}
	dst = appendPacked(dst, words, width)
	dst = binary.AppendUvarint(dst, uint64(count))
	return append(dst, e.patches...)
}

// commonDivisor returns the greatest divisor of all words, 1 if all are zero.
func commonDivisor(words []uint64) uint64 {
	g := uint64(0)
	for _, w := range words {
		if w == 0 || g != 0 && w%g == 0 {
			continue
		}
		for g, w = w, g; w != 0; {
			g, w = w, g%w
		}
		if g == 1 {
			break
		}
	}
	return max(g, 1)
}

// span is [from, to).
type span struct{ from, to int }

// DecodeInts fills dst from the front of c.
func DecodeInts(c *columns.Cursor, dst []int64) {
	DecodeIntsRange(c, dst, 0, len(dst))
}

// DecodeIntsRange fills dst[from:to] from the front of c, at which a column of len(dst) integers lies. The rest of dst is
// left undefined.
func DecodeIntsRange(c *columns.Cursor, dst []int64, from, to int) {
	h := decodeIntHeader(c)
	// Eight values begin at a byte, and differences with the first.
	if from &^= 7; h.flags&intsDelta != 0 {
		from = 0
	}
	h.decode(c, dst, from, max(from, to), h.first)
}

// DecodeIntsFrom is DecodeIntsRange for a known value of dst[from]; from is a multiple of 8.
func DecodeIntsFrom(c *columns.Cursor, dst []int64, from, to int, first int64) {
	h := decodeIntHeader(c)
	h.decode(c, dst, from, to, first)
}

// intHeader is what stands before the packed integers.
type intHeader struct {
	flags              byte
	width              uint
	base, first, scale int64
}

func decodeIntHeader(c *columns.Cursor) intHeader {
	h := intHeader{flags: c.Uint8(), width: uint(c.Uint8()), base: c.Varint(), scale: 1}
	if h.flags&intsDelta != 0 {
		h.first = c.Varint()
	}
	if h.flags&intsScaled != 0 {
		h.scale = int64(c.Uvarint())
	}
	if h.flags > intsFlags || h.width > 64 || h.width != packWidth(int(h.width)) {
		c.Fail("integer column header")
	}
	return h
}

// decode fills dst[from:to], from a multiple of 8, and reads the whole column. first is the value at from of a column
// of differences.
func (h *intHeader) decode(c *columns.Cursor, dst []int64, from, to int, first int64) {
	rest := c.Rest
	c.Bytes(packedLen(len(dst), h.width))
	if c.Err != nil {
		return
	}
	part := dst[from:to]
	rest = rest[from/8*int(h.width):]
	if h.flags&(intsScaled|intsPatched) == 0 {
		unpack(part, rest, h.width, h.base)
	} else {
		unpack(part, rest, h.width, 0)
		if h.flags&intsPatched != 0 {
			decodePatches(c, dst, from, to, h.width)
		}
		for i, v := range part {
			part[i] = v*h.scale + h.base
		}
	}
	if h.flags&intsDelta != 0 {
		prefixSum(part, first)
	}
}

// decodePatches reads all patches of a column and applies those of dst[from:to].
func decodePatches(c *columns.Cursor, dst []int64, from, to int, width uint) {
	at := uint64(0)
	for range c.Count(1, "patches") {
		at += c.Uvarint()
		high := c.Uvarint()
		if at >= uint64(len(dst)) {
			c.Fail("patch out of place")
			return
		}
		if i := int(at); i >= from && i < to {
			dst[i] |= int64(high << width)
		}
	}
}
