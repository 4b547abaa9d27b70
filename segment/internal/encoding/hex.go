package encoding

import (
	"bytes"

	"github.com/residualdb/residual/internal/columns"
)

// hexPattern is a common form of texts of one length: each byte is either the same in all, or a lower-case hexadecimal
// digit. UUIDs and hashes have it.
type hexPattern struct {
	template []byte // zero where a digit stands
	digits   int
}

// hexLenMax bounds the texts that are tried.
const hexLenMax = 256

// hexPatternOf returns the pattern of the first n values of t. ok is false if there is none.
func hexPatternOf(t *columns.Text, n int) (p hexPattern, ok bool) {
	first := t.At(0)
	if len(first) == 0 || len(first) > hexLenMax || len(t.Bytes) != len(first)*t.Len() {
		return p, false
	}
	if bytes.IndexByte(first, 0) >= 0 {
		return p, false
	}
	p.template = append(p.template, first...)
	for i := 1; i < n; i++ {
		v := t.At(i)
		if len(v) != len(first) {
			return p, false
		}
		for j, b := range p.template {
			if b == v[j] || b == 0 && isHexDigit(v[j]) {
				continue
			}
			if b == 0 || !isHexDigit(b) || !isHexDigit(v[j]) {
				return p, false
			}
			p.template[j] = 0
		}
	}
	for _, b := range p.template {
		if b == 0 {
			p.digits++
		}
	}
	return p, p.digits > 0
}

const hexDigits = "0123456789abcdef"

func isHexDigit(b byte) bool { return b-'0' < 10 || b-'a' < 6 }

// hexValue returns the value of a digit: letters alone have bit 6, and their low bits count from 1.
func hexValue(b byte) byte { return b&15 + b>>6*9 }

// appendHex appends the digits of all values, four bits each, the first in the low ones.
func appendHex(dst []byte, t *columns.Text, p hexPattern) []byte {
	low, half := byte(0), false
	for i := range t.Len() {
		for j, b := range t.At(i) {
			if p.template[j] != 0 {
				continue
			}
			if half {
				dst = append(dst, low|hexValue(b)<<4)
			} else {
				low = hexValue(b)
			}
			half = !half
		}
	}
	if half {
		dst = append(dst, low)
	}
	return dst
}

// decodeHex appends n values to dst from packed digits.
func decodeHex(dst *columns.Text, packed []byte, n int, p hexPattern) {
	at := 0
	for range n {
		for _, b := range p.template {
			if b == 0 {
				b = hexDigits[packed[at>>1]>>(at&1*4)&15]
				at++
			}
			dst.Bytes = append(dst.Bytes, b)
		}
		dst.Ends = append(dst.Ends, uint32(len(dst.Bytes)))
	}
}
