package event

import (
	"math"
	"math/bits"
	"strconv"
)

// digitsMax is how many decimal digits always fit a uint64.
const digitsMax = 19

// exactMax is the largest power of ten that a float64 holds exactly.
const exactMax = 22

var tens = [exactMax + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// readFloat reads the JSON number at i if it is of the common kind: at most
// digitsMax digits that count, an exponent of at most two, and a value that one of the two
// exact methods below can tell. It returns false for any other text, sound or
// not. Equivalent: scanNumber and parseFloat.
func readFloat(b []byte, i int) (v float64, end int, ok bool) {
	if v, end, ok = readShortFloat(b, i); ok {
		return v, end, true
	}
	return readLongFloat(b, i)
}

// readShortFloat is readFloat for at most eight digits, and a point and at most
// seven behind it or none. It does not branch on how many there are.
func readShortFloat(b []byte, i int) (v float64, end int, ok bool) {
	if i >= len(b) {
		return 0, i, false
	}
	end = i
	negative := uint64(0)
	if b[i] == '-' {
		negative = 1 << 63
		end++
	}
	w := load(b, end) ^ lanes*'0'
	digits := firstLane(notDigits(w))
	if digits == 0 || digits > 1 && byte(w) == 0 {
		return 0, i, false
	}
	end += digits
	mantissa := firstDigits(w, digits)
	decimals := 0
	if end < len(b) && b[end] == '.' {
		w = load(b, end+1) ^ lanes*'0'
		decimals = firstLane(notDigits(w))
		if decimals == 0 || decimals == 8 {
			return 0, i, false
		}
		end += 1 + decimals
		mantissa = mantissa*wholeTens[decimals] + firstDigits(w, decimals)
	}
	if end >= len(b) || !endsNumber(b[end]) {
		return 0, i, false
	}
	// Both are exact, so one rounding makes the nearest.
	v = float64(int64(mantissa)) / tens[decimals]
	return math.Float64frombits(math.Float64bits(v) | negative), end, true
}

// readLongFloat is readFloat for whatever number.
func readLongFloat(b []byte, i int) (v float64, end int, ok bool) {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	first := i
	i, mantissa := readDigits(b, i, 0)
	digits := i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return 0, start, false
	}
	exponent := 0
	if i < len(b) && b[i] == '.' {
		point := i
		i, mantissa = readDigits(b, i+1, mantissa)
		exponent = point + 1 - i
		if exponent == 0 {
			return 0, start, false
		}
		digits -= exponent
	}
	if digits > digitsMax && digits-leadingZeros(b[first:i]) > digitsMax {
		return 0, start, false
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		var power int
		if i, power, ok = readExponent(b, i+1); !ok {
			return 0, start, false
		}
		exponent += power
	}
	if i < len(b) && !endsNumber(b[i]) {
		return 0, start, false
	}
	if v, ok = scale(mantissa, exponent); !ok {
		return 0, start, false
	}
	if b[start] == '-' {
		v = -v
	}
	return v, i, true
}

// leadingZeros returns how many digits of a number come before one that counts.
func leadingZeros(number []byte) int {
	n := 0
	for _, c := range number {
		switch c {
		case '0':
			n++
		case '.':
		default:
			return n
		}
	}
	return n
}

// readDigits reads the decimal digits at i behind those that made up value, eight
// at a time. Beyond digitsMax digits that count the value is meaningless.
func readDigits(b []byte, i int, value uint64) (int, uint64) {
	for i < len(b) {
		w := load(b, i) ^ lanes*'0'
		n := 8
		if marks := notDigits(w); marks != 0 {
			n = firstLane(marks)
		}
		n = min(n, len(b)-i)
		if n < 8 {
			return i + n, value*wholeTens[n&7] + eightDigits(w<<(64-8*n))
		}
		value = value*1e8 + eightDigits(w)
		i += 8
	}
	return i, value
}

// readExponent reads an optional sign and one or two digits.
func readExponent(b []byte, i int) (end, power int, ok bool) {
	negative := false
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		negative = b[i] == '-'
		i++
	}
	first := i
	for i < len(b) && b[i]-'0' <= 9 && i-first < 2 {
		power = 10*power + int(b[i]-'0')
		i++
	}
	if negative {
		power = -power
	}
	return i, power, i > first
}

var wholeTens = [8]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// scanDigits returns the index of the first byte at or after i that is no decimal
// digit, or len(b). Equivalent: skipDigits, which is faster on short runs whose
// length can be foretold.
func scanDigits(b []byte, i int) int {
	for i < len(b) {
		if marks := notDigits(load(b, i) ^ lanes*'0'); marks != 0 {
			return min(i+firstLane(marks), len(b))
		}
		i += 8
	}
	return len(b)
}

// scale returns the float64 nearest to mantissa * 10^exponent, or false if it
// cannot tell. Where both factors are exact, one rounding makes the nearest
// (Clinger, 1990); otherwise 128 bits of the product nearly always decide.
func scale(mantissa uint64, exponent int) (float64, bool) {
	if mantissa < 1<<53 {
		switch v := float64(mantissa); {
		case exponent == 0 || mantissa == 0:
			return v, true
		case 0 < exponent && exponent <= exactMax:
			return v * tens[exponent], true
		case -exactMax <= exponent && exponent < 0:
			return v / tens[-exponent], true
		}
	}
	if exponent < powerFirst || exponent > powerLast {
		return 0, false
	}
	return scaleWide(mantissa, exponent)
}

// scaleWide multiplies by the 128 bits of the power and rounds to nearest even;
// it gives up where the bits cut off the power could change the result (Lemire,
// Number parsing at a gigabyte per second, 2021). The mantissa is not zero, and
// 2^64 * 10^powerLast is far from overflow as 10^powerFirst is from subnormal.
func scaleWide(mantissa uint64, exponent int) (float64, bool) {
	power := &powers[exponent-powerFirst]
	shift := bits.LeadingZeros64(mantissa)
	mantissa <<= shift
	hi, lo := bits.Mul64(mantissa, power.hi)
	if hi&0x1FF == 0x1FF && lo+mantissa < lo {
		// The lower half of the power may carry into the bits that count.
		carry, rest := bits.Mul64(mantissa, power.lo)
		var c uint64
		lo, c = bits.Add64(lo, carry, 0)
		hi += c
		if hi&0x1FF == 0x1FF && lo == math.MaxUint64 && rest+mantissa < rest {
			return 0, false
		}
	}
	top := hi >> 63
	fraction := hi >> (top + 9) // 54 bits, one to round by
	if lo == 0 && hi&0x1FF == 0 && fraction&3 == 1 {
		return 0, false // half-way, or so near to it that the cut bits decide
	}
	// floor(log2(10^exponent)) is 217706*exponent>>16 in this range.
	exp2 := uint64(217706*exponent>>16+1023+64) - uint64(shift) - (1 - top)
	fraction = (fraction + fraction&1) >> 1
	if fraction>>53 != 0 {
		fraction >>= 1
		exp2++
	}
	return math.Float64frombits(exp2<<52 | fraction&(1<<52-1)), true
}

// parseFloat returns the float64 nearest to a number that passed [scanNumber],
// or faultOverflow.
func parseFloat(text []byte) (float64, fault) {
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, faultOverflow
	}
	return v, faultNone
}
