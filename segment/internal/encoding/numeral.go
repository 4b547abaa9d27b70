package encoding

import (
	"encoding/binary"
	"strconv"

	"github.com/residualdb/residual/internal/digits"
)

// numeralDigits bounds the digits of a numeral, so that it fits in an int64.
const numeralDigits = 18

// numeral is a number as it is written: [-]digits[.digits]. It is mantissa / 10^places.
type numeral struct {
	mantissa int64
	form     numeralForm
}

// numeralForm is what a numeral has beside its mantissa: places in the low byte, length in the next, and flags.
type numeralForm uint32

const (
	numeralOdd      numeralForm = 1 << (16 + iota) // cannot be written again from mantissa and places
	numeralPadded                                  // has leading zeros
	numeralTrailing                                // has places and ends with 0
	numeralNegative
)

func (f numeralForm) places() uint8 { return uint8(f) }
func (f numeralForm) length() uint8 { return uint8(f >> 8) }

// scanNumeral reads the longest number at the front of b, with an exponent if there is one. length is 0 if there is no
// number.
func scanNumeral(b []byte) (n numeral, length int) {
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i, n.form = 1, numeralNegative
	}
	m, count := scanDigits(b[i:], 0)
	if count == 0 {
		return numeral{}, 0
	}
	if b[i] == '0' && count > 1 {
		n.form |= numeralPadded
	}
	i += count
	if i+1 < len(b) && b[i] == '.' && b[i+1]-'0' <= 9 {
		var places int
		m, places = scanDigits(b[i+1:], m)
		i += 1 + places
		count += places
		n.form |= numeralForm(min(places, numeralDigits+1))
		if b[i-1] == '0' {
			n.form |= numeralTrailing
		}
	}
	if count > numeralDigits || m == 0 && n.form&numeralNegative != 0 {
		n.form |= numeralOdd
	}
	if end := scanExponent(b, i); end > i {
		i, n.form = end, n.form|numeralOdd
	}
	n.form |= numeralForm(min(i, 255)) << 8
	n.mantissa = int64(m)
	if n.form&numeralNegative != 0 {
		n.mantissa = -n.mantissa
	}
	return n, i
}

// scanDigits reads the digits at the front of b as the digits after those of m. Eight at a time without a branch for
// each, since the number of digits is what varies most and is guessed wrong most.
func scanDigits(b []byte, m uint64) (value uint64, n int) {
	for len(b)-n >= 8 {
		word := binary.LittleEndian.Uint64(b[n:])
		count := digits.Count(word)
		m = m*digits.Tens[count] + digits.Value(word, count)
		if n += count; count < 8 {
			return m, n
		}
	}
	for ; n < len(b) && b[n]-'0' <= 9; n++ {
		m = m*10 + uint64(b[n]-'0')
	}
	return m, n
}

// scanExponent returns the position behind the exponent at i, i if there is none.
func scanExponent(b []byte, i int) int {
	if i+1 >= len(b) || b[i]|0x20 != 'e' {
		return i
	}
	j := i + 1
	if b[j] == '+' || b[j] == '-' {
		j++
	}
	first := j
	for j < len(b) && b[j]-'0' <= 9 {
		j++
	}
	if j == first {
		return i
	}
	return j
}

// numeralStyle is how all numerals of a column are written: with places decimals, of which zeros at the end are left
// out down to least; or, if width is not zero, as integers filled up with zeros on the left.
type numeralStyle struct {
	places, least, width uint8
}

// commonStyle returns the style in which all numerals of a column come out as they were written, and brings the
// mantissas to its places. ok is false if there is none.
func commonStyle(mantissas []int64, forms []numeralForm) (s numeralStyle, ok bool) {
	some, all := numeralForm(0), ^numeralForm(0) // the bits that some have, and those that all have
	for _, f := range forms {
		some |= f
		all &= f
	}
	if some&(numeralOdd|numeralPadded|numeralTrailing) == 0 && some.places() == all.places() {
		return numeralStyle{places: some.places(), least: some.places()}, true
	}
	return mixedStyle(mantissas, forms)
}

// mixedStyle is commonStyle for numerals that differ in more than digits.
func mixedStyle(mantissas []int64, forms []numeralForm) (s numeralStyle, ok bool) {
	var all numeralForm
	least, places, trailing := uint8(255), uint8(0), uint8(0)
	short, long := uint8(255), uint8(0)
	for _, f := range forms {
		all |= f
		least, places = min(least, f.places()), max(places, f.places())
		short, long = min(short, f.length()), max(long, f.length())
		if f&numeralTrailing != 0 {
			trailing = max(trailing, f.places())
		}
	}
	switch {
	case all&numeralOdd != 0 || trailing > least:
		return s, false
	case all&numeralPadded != 0:
		return numeralStyle{width: long}, places == 0 && all&numeralNegative == 0 && short == long
	}
	s = numeralStyle{places: places, least: least}
	if least == places {
		return s, true
	}
	for i, m := range mantissas {
		up := int64(digits.Tens[places-forms[i].places()])
		if limit := int64(digits.Tens[numeralDigits]) / up; m > limit || m < -limit {
			return s, false
		}
		mantissas[i] = m * up
	}
	return s, true
}

// valid tells whether the style is one that an encoder writes.
func (s numeralStyle) valid() bool {
	return s.places <= numeralDigits && s.least <= s.places && s.width <= numeralDigits && (s.width == 0 || s.places == 0)
}

// append appends the numeral of m.
func (s numeralStyle) append(dst []byte, m int64) []byte {
	u := uint64(m)
	if m < 0 {
		dst, u = append(dst, '-'), -u
	}
	if s.width == 0 && s.places == 0 {
		return strconv.AppendUint(dst, u, 10)
	}
	var text [20]byte
	least := max(int(s.width), int(s.places)+1)
	at := len(text)
	for ; u > 0 || len(text)-at < least; u /= 10 {
		at--
		text[at] = byte('0' + u%10)
	}
	if s.width > 0 {
		return append(dst, text[at:]...)
	}
	point, end := len(text)-int(s.places), len(text)
	for end > point+int(s.least) && text[end-1] == '0' {
		end--
	}
	dst = append(dst, text[at:point]...)
	if end == point {
		return dst
	}
	return append(append(dst, '.'), text[point:end]...)
}
