package segment

import "strconv"

// numeralDigits bounds the digits of a numeral, so that it fits in an int64.
const numeralDigits = 18

// numeral is a number as it is written: [-]digits[.digits]. It is mantissa / 10^places.
type numeral struct {
	mantissa int64
	places   uint8
	length   uint8
	plain    bool // can be written again from mantissa and places and nothing else, but for leading zeros
	padded   bool // has leading zeros
	trailing bool // has places and ends with 0
}

// scanNumeral reads the longest number at the front of b, with an exponent if there is one. length is 0 if there is no number.
func scanNumeral(b []byte) (n numeral, length int) {
	i, negative := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, negative = 1, true
	}
	first, m := i, uint64(0)
	for i < len(b) && b[i]-'0' <= 9 {
		m = m*10 + uint64(b[i]-'0')
		i++
	}
	digits := i - first
	if digits == 0 {
		return numeral{}, 0
	}
	n.padded = digits > 1 && b[first] == '0'
	if i+1 < len(b) && b[i] == '.' && b[i+1]-'0' <= 9 {
		point := i
		for i++; i < len(b) && b[i]-'0' <= 9; i++ {
			m = m*10 + uint64(b[i]-'0')
		}
		n.places = uint8(min(i-point-1, numeralDigits+1))
		n.trailing = b[i-1] == '0'
		digits += i - point - 1
	}
	n.plain = digits <= numeralDigits && !(negative && m == 0)
	if end := scanExponent(b, i); end > i {
		i, n.plain = end, false
	}
	n.length = uint8(min(i, 255))
	n.mantissa = int64(m)
	if negative {
		n.mantissa = -n.mantissa
	}
	return n, i
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
	digits := j
	for j < len(b) && b[j]-'0' <= 9 {
		j++
	}
	if j == digits {
		return i
	}
	return j
}

// numeralStyle is how all numerals of a column are written: with places decimals, of which zeros at the end are left out down to least; or, if width is
// not zero, as integers filled up with zeros on the left.
type numeralStyle struct {
	places, least, width uint8
}

// numeralColumn collects the numerals of a column and finds their common style.
type numeralColumn struct {
	mantissas []int64
	places    []uint8

	plain, padded, negative bool
	low, high               uint8 // places
	trailing                uint8 // most places of a numeral with a zero at its end
	short, long             uint8 // length
}

func (c *numeralColumn) reset() {
	*c = numeralColumn{mantissas: c.mantissas[:0], places: c.places[:0], plain: true, low: 255, short: 255}
}

func (c *numeralColumn) add(n numeral) {
	c.mantissas = append(c.mantissas, n.mantissa)
	c.places = append(c.places, n.places)
	c.plain = c.plain && n.plain
	c.padded = c.padded || n.padded
	c.negative = c.negative || n.mantissa < 0
	c.low, c.high = min(c.low, n.places), max(c.high, n.places)
	c.short, c.long = min(c.short, n.length), max(c.long, n.length)
	if n.trailing {
		c.trailing = max(c.trailing, n.places)
	}
}

// style returns the style in which all numerals come out as they were written, and brings the mantissas to its places. ok is false if there is none.
func (c *numeralColumn) style() (s numeralStyle, ok bool) {
	if !c.plain || c.trailing > c.low {
		return s, false
	}
	if c.padded {
		return numeralStyle{width: c.long}, c.high == 0 && !c.negative && c.short == c.long
	}
	s = numeralStyle{places: c.high, least: c.low}
	if c.low == c.high {
		return s, true
	}
	for i, m := range c.mantissas {
		up := powersOfTen64[c.high-c.places[i]]
		if limit := powersOfTen64[numeralDigits] / up; m > limit || m < -limit {
			return s, false
		}
		c.mantissas[i] = m * up
	}
	return s, true
}

// powersOfTen64 holds 10^k.
var powersOfTen64 = [numeralDigits + 1]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
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
	var digits [20]byte
	least := max(int(s.width), int(s.places)+1)
	at := len(digits)
	for ; u > 0 || len(digits)-at < least; u /= 10 {
		at--
		digits[at] = byte('0' + u%10)
	}
	if s.width > 0 {
		return append(dst, digits[at:]...)
	}
	point, end := len(digits)-int(s.places), len(digits)
	for end > point+int(s.least) && digits[end-1] == '0' {
		end--
	}
	dst = append(dst, digits[at:point]...)
	if end == point {
		return dst
	}
	return append(append(dst, '.'), digits[point:end]...)
}
