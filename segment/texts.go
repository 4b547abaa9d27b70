package segment

import "encoding/binary"

// textKind is how a column of strings is stored: one byte in front of it.
type textKind uint8

const (
	textConstant textKind = iota // one value for all: its length, its bytes
	textPlain                    // lengths as integers, then all bytes
	textZstd                     // lengths as integers, then a zstd frame of all bytes: its length, its bytes
)

// zstdLeast is the size from which on compression is tried.
const zstdLeast = 64

// appendTexts appends t in its cheapest form.
func (e *encoder) appendTexts(dst []byte, t *Text) []byte {
	if constantText(t) {
		dst = append(dst, byte(textConstant))
		dst = binary.AppendUvarint(dst, uint64(len(t.At(0))))
		return append(dst, t.At(0)...)
	}
	lengths := grow(&e.lengths, t.Len())
	for i := range lengths {
		lengths[i] = int64(len(t.At(i)))
	}
	if len(t.Bytes) >= zstdLeast {
		e.packed = e.zstd.EncodeAll(t.Bytes, e.packed[:0])
		if len(e.packed) < len(t.Bytes) {
			dst = e.appendInts(append(dst, byte(textZstd)), lengths, planInts(lengths))
			dst = binary.AppendUvarint(dst, uint64(len(e.packed)))
			return append(dst, e.packed...)
		}
	}
	dst = e.appendInts(append(dst, byte(textPlain)), lengths, planInts(lengths))
	return append(dst, t.Bytes...)
}

func constantText(t *Text) bool {
	for i := 1; i < t.Len(); i++ {
		if string(t.At(i)) != string(t.At(0)) {
			return false
		}
	}
	return t.Len() > 0
}

// decodeTexts appends n values to dst from the front of c.
func (sc *Scratch) decodeTexts(c *cursor, dst *Text, n int) {
	kind := textKind(c.byte())
	if kind == textConstant {
		v := c.block()
		if n*len(v) > textBytesMax {
			c.fail("text too long")
			return
		}
		for range n {
			dst.Append(v)
		}
		return
	}
	lengths := grow(&sc.ints, n)
	decodeInts(c, lengths)
	total, end := 0, len(dst.Bytes)
	for _, l := range lengths {
		if l < 0 || l > textBytesMax-int64(total) {
			c.fail("text too long")
			return
		}
		total += int(l)
		dst.Ends = append(dst.Ends, uint32(end+total))
	}
	switch kind {
	case textPlain:
		dst.Bytes = append(dst.Bytes, c.bytes(total)...)
	case textZstd:
		packed := c.block()
		if c.err == nil {
			dst.Bytes = sc.inflate(c, dst.Bytes, packed, total)
		}
	default:
		c.fail("unknown kind of text")
	}
}

// inflate appends exactly n bytes from a zstd frame.
func (sc *Scratch) inflate(c *cursor, dst, packed []byte, n int) []byte {
	out, err := sc.zstdDecoder().DecodeAll(packed, grow(&sc.inflated, n)[:0])
	if err != nil || len(out) != n {
		c.fail("compressed text")
		return dst
	}
	sc.inflated = out
	return append(dst, out...)
}
