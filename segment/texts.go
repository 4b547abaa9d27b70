package segment

import (
	"encoding/binary"
	"math/bits"
)

// A column of strings is stored in one of these forms: one byte, then
//
//	textConstant    the value of all: length, bytes
//	textDictionary  number of values, each: length, bytes; the number of each row's value as integers
//	textHexes       length of the pattern, the pattern, digits packed, see hexPattern
//	textShaped      see shaped.go
//	textPlain       lengths as integers, then all bytes
//	textZstd        lengths as integers, then a zstd frame of all bytes: length, bytes
//
// Columns inside a shaped column are columns of strings again, to a depth of textDepth.
type textForm uint8

const (
	textConstant textForm = iota
	textDictionary
	textHexes
	textShaped
	textPlain
	textZstd
)

const (
	textDepth = 2

	dictionaryMax = 256

	// zstdLeast is the size from which on compression is tried.
	zstdLeast = 64
)

// appendTexts appends t in its cheapest form, or one that is cheap enough to spare trying zstd.
func (e *encoder) appendTexts(dst []byte, t *Text, depth int) []byte {
	if constantText(t) {
		dst = append(dst, byte(textConstant))
		return appendString(dst, string(t.At(0)))
	}
	start, plain := len(dst), len(t.Bytes)+t.Len()/2
	if dst, ok := e.appendDictionary(dst, t, plain/2); ok {
		return dst
	}
	shaped := false
	if !manyHexes(t) {
		if dst, shaped = e.appendShaped(dst, t, depth); shaped && len(dst)-start <= plain/4 {
			return dst
		}
	}
	least := plain
	pattern, hexes := hexPatternOf(t, t.Len())
	if hexes {
		least = min(least, len(pattern.template)+(pattern.digits*t.Len()+1)/2)
	}
	if size := len(dst) - start; shaped && size <= least {
		least = size
	} else {
		dst, shaped = dst[:start], false
	}
	if least > plain*5/8 && len(t.Bytes) >= zstdLeast {
		e.packed = e.zstd.EncodeAll(t.Bytes, e.packed[:0])
		if len(e.packed)+t.Len()/2 < least {
			dst = e.appendLengths(append(dst[:start], byte(textZstd)), t)
			dst = binary.AppendUvarint(dst, uint64(len(e.packed)))
			return append(dst, e.packed...)
		}
	}
	switch {
	case shaped:
		return dst
	case hexes && least < plain:
		dst = append(dst, byte(textHexes))
		dst = appendString(dst, string(pattern.template))
		return appendHexes(dst, t, pattern)
	}
	dst = e.appendLengths(append(dst, byte(textPlain)), t)
	return append(dst, t.Bytes...)
}

// manyHexes tells, from the first values, whether t is hexadecimal digits that no numbers could be made of.
func manyHexes(t *Text) bool {
	p, ok := hexPatternOf(t, min(t.Len(), 16))
	return ok && p.digits > numeralDigits
}

func (e *encoder) appendLengths(dst []byte, t *Text) []byte {
	lengths := grow(&e.lengths, t.Len())
	for i := range lengths {
		lengths[i] = int64(t.size(i, i+1))
	}
	return e.appendInts(dst, lengths, planInts(lengths))
}

func constantText(t *Text) bool {
	for i := 1; i < t.Len(); i++ {
		if string(t.At(i)) != string(t.At(0)) {
			return false
		}
	}
	return t.Len() > 0
}

// appendDictionary appends t by numbers of its distinct values if that takes at most limit bytes or so. It gives up
// early where values hardly repeat.
func (e *encoder) appendDictionary(dst []byte, t *Text, limit int) ([]byte, bool) {
	clear(e.dictionary)
	numbers := grow(&e.lengths, t.Len())
	e.packed = e.packed[:0]
	for i := range numbers {
		n, ok := e.dictionary[string(t.At(i))]
		if !ok {
			n = int64(len(e.dictionary))
			e.dictionary[string(t.At(i))] = n
			e.packed = appendString(e.packed, string(t.At(i)))
			if n > int64(16+i/4) || n == dictionaryMax {
				return dst, false
			}
		}
		numbers[i] = n
	}
	n := len(e.dictionary)
	if len(e.packed)+packedLen(t.Len(), uint(bits.Len(uint(n-1)))) > limit {
		return dst, false
	}
	dst = binary.AppendUvarint(append(dst, byte(textDictionary)), uint64(n))
	dst = append(dst, e.packed...)
	return e.appendInts(dst, numbers, planInts(numbers)), true
}

// decodeTexts appends n values to dst from the front of c.
func (sc *Scratch) decodeTexts(c *cursor, dst *Text, n, depth int) {
	switch form := textForm(c.byte()); form {
	case textConstant:
		v := c.block()
		if n*len(v) > textBytesMax {
			c.fail("text too long")
			return
		}
		for range n {
			dst.Append(v)
		}
	case textDictionary:
		sc.decodeDictionary(c, dst, n)
	case textHexes:
		p := hexPattern{template: c.block()}
		for _, b := range p.template {
			if b == 0 {
				p.digits++
			}
		}
		packed := c.bytes((p.digits*n + 1) / 2)
		if len(p.template) > hexLenMax {
			c.fail("hexadecimal text")
		}
		if c.err == nil {
			decodeHexes(dst, packed, n, p)
		}
	case textShaped:
		if depth == textDepth {
			c.fail("shapes too deep")
			return
		}
		sc.decodeShaped(c, dst, n, depth)
	case textPlain, textZstd:
		total := sc.decodeLengths(c, dst, n)
		if form == textPlain {
			dst.Bytes = append(dst.Bytes, c.bytes(total)...)
			return
		}
		if packed := c.block(); c.err == nil {
			dst.Bytes = sc.inflate(c, dst.Bytes, packed, total)
		}
	default:
		c.fail("form of text")
	}
}

func (sc *Scratch) decodeDictionary(c *cursor, dst *Text, n int) {
	values := &sc.dictionary
	values.Reset()
	for range min(c.count("values"), dictionaryMax) {
		values.Append(c.block())
	}
	numbers := grow(&sc.ints, n)
	decodeInts(c, numbers)
	for _, v := range numbers {
		if c.err != nil || uint64(v) >= uint64(values.Len()) || len(dst.Bytes) > textBytesMax {
			c.fail("number of a value")
			return
		}
		dst.Append(values.At(int(v)))
	}
}

// decodeLengths adds n ends to dst and returns the number of bytes that are to follow.
func (sc *Scratch) decodeLengths(c *cursor, dst *Text, n int) int {
	lengths := grow(&sc.ints, n)
	decodeInts(c, lengths)
	total, end := 0, len(dst.Bytes)
	for _, l := range lengths {
		if l < 0 || l > textBytesMax-int64(total) {
			c.fail("text too long")
			return 0
		}
		total += int(l)
		dst.Ends = append(dst.Ends, uint32(end+total))
	}
	return total
}

// inflate appends exactly n bytes from a zstd frame.
func (sc *Scratch) inflate(c *cursor, dst, packed []byte, n int) []byte {
	out, err := sc.zstdDecoder().DecodeAll(packed, grow(&sc.inflated, n)[:0])
	if err != nil || len(out) != n {
		c.fail("compressed text")
		return dst
	}
	return append(dst, out...)
}
