package encoding

import (
	"encoding/binary"
	"math/bits"

	"github.com/residualdb/residual/internal/columns"
)

// A column of strings is stored in one of these forms: one byte, then
//
//	textConstant    the value of all: length, bytes
//	textDictionary  number of values, each: length, bytes; the number of each row's value as integers
//	textHex       length of the pattern, the pattern, digits packed, see hexPattern
//	textShaped      see shaped.go
//	textPlain       lengths as integers, then all bytes
//	textZstd        lengths as integers, then a zstd frame of all bytes: length, bytes
//
// Columns inside a shaped column are columns of strings again, to a depth of textDepth.
type textForm uint8

const (
	textConstant textForm = iota
	textDictionary
	textHex
	textShaped
	textPlain
	textZstd
)

const (
	textDepth = 2

	// TextBytesMax bounds a column of texts, and so what a stored one makes a reader allocate.
	TextBytesMax = 1 << 22

	dictionaryMax = 256

	// zstdLeast is the size from which on compression is tried.
	zstdLeast = 64
)

// AppendTexts appends t in its cheapest form, or one that is cheap enough to spare trying zstd.
func (e *Encoder) AppendTexts(dst []byte, t *columns.Text) []byte { return e.appendTexts(dst, t, 0) }

// appendTexts appends t, which is a column inside of so many shaped columns.
func (e *Encoder) appendTexts(dst []byte, t *columns.Text, depth int) []byte {
	if constantText(t) {
		dst = append(dst, byte(textConstant))
		return columns.AppendText(dst, string(t.At(0)))
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
		e.packed = zstdEncoder.EncodeAll(t.Bytes, e.packed[:0])
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
		dst = append(dst, byte(textHex))
		dst = columns.AppendText(dst, string(pattern.template))
		return appendHex(dst, t, pattern)
	}
	dst = e.appendLengths(append(dst, byte(textPlain)), t)
	return append(dst, t.Bytes...)
}

// manyHexes tells, from the first values, whether t is hexadecimal digits that no numbers could be made of.
func manyHexes(t *columns.Text) bool {
	p, ok := hexPatternOf(t, min(t.Len(), 16))
	return ok && p.digits > numeralDigits
}

func (e *Encoder) appendLengths(dst []byte, t *columns.Text) []byte {
	lengths := columns.Resize(&e.lengths, t.Len())
	for i := range lengths {
		lengths[i] = int64(t.Size(i, i+1))
	}
	return e.AppendInts(dst, lengths)
}

func constantText(t *columns.Text) bool {
	for i := 1; i < t.Len(); i++ {
		if string(t.At(i)) != string(t.At(0)) {
			return false
		}
	}
	return t.Len() > 0
}

// appendDictionary appends t by numbers of its distinct values if that takes at most limit bytes or so. It gives up
// early where values hardly repeat.
func (e *Encoder) appendDictionary(dst []byte, t *columns.Text, limit int) ([]byte, bool) {
	clear(e.dictionary)
	numbers := columns.Resize(&e.lengths, t.Len())
	e.packed = e.packed[:0]
	for i := range numbers {
		n, ok := e.dictionary[string(t.At(i))]
		if !ok {
			n = int64(len(e.dictionary))
			e.dictionary[string(t.At(i))] = n
			e.packed = columns.AppendText(e.packed, string(t.At(i)))
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
	return e.AppendInts(dst, numbers), true
}

// DecodeTexts sets dst to n values from the front of c.
func (d *Decoder) DecodeTexts(c *columns.Cursor, dst *columns.Text, n int) {
	dst.Reset()
	d.decodeTexts(c, dst, n, 0)
}

// decodeTexts appends n values to dst from the front of c.
func (d *Decoder) decodeTexts(c *columns.Cursor, dst *columns.Text, n, depth int) {
	switch form := textForm(c.Uint8()); form {
	case textConstant:
		v := c.Text()
		if n*len(v) > TextBytesMax {
			c.Fail("text too long")
			return
		}
		for range n {
			dst.Append(v)
		}
	case textDictionary:
		d.decodeDictionary(c, dst, n)
	case textHex:
		p := hexPattern{template: c.Text()}
		for _, b := range p.template {
			if b == 0 {
				p.digits++
			}
		}
		packed := c.Bytes((p.digits*n + 1) / 2)
		if len(p.template) > hexLenMax {
			c.Fail("hexadecimal text")
		}
		if c.Err == nil {
			decodeHex(dst, packed, n, p)
		}
	case textShaped:
		if depth == textDepth {
			c.Fail("shapes too deep")
			return
		}
		d.decodeShaped(c, dst, n, depth)
	case textPlain, textZstd:
		total := d.decodeLengths(c, dst, n)
		if form == textPlain {
			dst.Bytes = append(dst.Bytes, c.Bytes(total)...)
			return
		}
		if packed := c.Text(); c.Err == nil {
			dst.Bytes = d.inflate(c, dst.Bytes, packed, total)
		}
	default:
		c.Fail("form of text")
	}
}

func (d *Decoder) decodeDictionary(c *columns.Cursor, dst *columns.Text, n int) {
	values := &d.dictionary
	values.Reset()
	for range min(c.Count(1, "values"), dictionaryMax) {
		values.Append(c.Text())
	}
	numbers := columns.Resize(&d.ints, n)
	DecodeInts(c, numbers)
	for _, v := range numbers {
		if c.Err != nil || uint64(v) >= uint64(values.Len()) || len(dst.Bytes) > TextBytesMax {
			c.Fail("number of a value")
			return
		}
		dst.Append(values.At(int(v)))
	}
}

// decodeLengths adds n ends to dst and returns the number of bytes that are to follow.
func (d *Decoder) decodeLengths(c *columns.Cursor, dst *columns.Text, n int) int {
	lengths := columns.Resize(&d.ints, n)
	DecodeInts(c, lengths)
	total, end := 0, len(dst.Bytes)
	for _, l := range lengths {
		if l < 0 || l > TextBytesMax-int64(total) {
			c.Fail("text too long")
			return 0
		}
		total += int(l)
		dst.Ends = append(dst.Ends, uint32(end+total))
	}
	return total
}

// inflate appends exactly n bytes from a zstd frame.
func (d *Decoder) inflate(c *columns.Cursor, dst, packed []byte, n int) []byte {
	out, err := d.zstdDecoder().DecodeAll(packed, columns.Resize(&d.inflated, n)[:0])
	if err != nil || len(out) != n {
		c.Fail("compressed text")
		return dst
	}
	return append(dst, out...)
}
