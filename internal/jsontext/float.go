package jsontext

import (
	"math"
	"strconv"
)

// AppendFloat writes the shortest text that reads back as f: decimal near one, else with an exponent without zeros.
func AppendFloat(dst []byte, f float64) []byte {
	a := math.Abs(f)
	if n := uint64(a*decimals + 0.5); a < decimalMax && float64(n)/decimals == a {
		return appendDecimal(dst, n, math.Signbit(f))
	}
	if a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); n >= 4 && dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// decimals is what a number of up to four decimals is multiplied by to be whole. Below decimalMax it then has at most 15 digits,
// and so few digits make no number that others of 15 digits make: those that read back as the number are its shortest text.
const (
	decimals   = 1e4
	decimalMax = 1e15 / decimals
)

// appendDecimal writes n / decimals.
func appendDecimal(dst []byte, n uint64, negative bool) []byte {
	if negative {
		dst = append(dst, '-')
	}
	whole, rest := n/decimals, n%decimals
	dst = strconv.AppendUint(dst, whole, 10)
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.', '0'+byte(rest/1000), '0'+byte(rest/100%10), '0'+byte(rest/10%10), '0'+byte(rest%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
