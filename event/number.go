package event

import (
	"bytes"
	"math"
	"math/big"
	"math/bits"
	"strconv"

	"github.com/residualdb/residual/internal/digits"
	"github.com/residualdb/residual/internal/jsontext"
)

// digitsMax is how many decimal digits always fit a uint64.
const digitsMax = 19

// number is a JSON number without its sign as it was read: mantissa * 10^exponent if exact is set; another has more than
// digitsMax digits that count. It has no more fields than fit registers.
type number struct {
	mantissa uint64
	exponent int
	exact    bool
}

// scanNumber reads the JSON number at i and returns the index behind it. Anything that looks like a number and is none
// (+1, 01, .5, 0x10, 1.e5, NaN, Infinity) is faultNumber; what begins no value at all is faultToken. b has slack, and i
// is inside it. Up to seven digits on either side of the point are read in place, more by a call: calls for all would
// take 4 % of the time of a decoder.
func scanNumber(b []byte, i int) (n number, end int, f fault) {
	start := i
	if b[i] == '-' {
		i++
	}
	first := i
	w := load(b, i)
	count := min(digits.Count(w), len(b)-i)
	i, n.mantissa = i+count, digits.Value(w, count)
	if count == 8 {
		i, n.mantissa = readDigits(b, i, n.mantissa)
		count = i - first
	}
	if count == 0 {
		return n, i, notNumber(b, start)
	}
	if count > 1 && b[first] == '0' {
		return n, i, faultNumber
	}
	if i < len(b) && b[i] == '.' {
		point := i + 1
		w = load(b, point)
		decimals := min(digits.Count(w), len(b)-point)
		i, n.mantissa = point+decimals, n.mantissa*digits.Tens[decimals]+digits.Value(w, decimals)
		if decimals == 8 {
			i, n.mantissa = readDigits(b, i, n.mantissa)
			decimals = i - point
		}
		if decimals == 0 {
			return n, i, endOr(b, i, faultNumber)
		}
		n.exponent = -decimals
		count += decimals
	}
	n.exact = count <= digitsMax || count-leadingZeros(b[first:i]) <= digitsMax
	if i < len(b) && b[i]|0x20 == 'e' {
		var power int
		if i, power = readExponent(b, i+1); b[i-1]-'0' > 9 {
			return n, i, endOr(b, i, faultNumber)
		}
		n.exponent += power
	}
	if i < len(b) && !endsNumber(b[i]) {
		return n, i, faultNumber
	}
	return n, i, faultNone
}

// readFloat reads the JSON number at i as the float64 nearest to it.
func readFloat(b []byte, i int) (v float64, end int, f fault) {
	if i >= len(b) {
		return 0, i, faultEnd
	}
	n, end, f := scanNumber(b, i)
	if f != faultNone {
		return 0, i, f
	}
	v, ok := scale(n.mantissa, n.exponent)
	if !ok || !n.exact {
		if v, err := strconv.ParseFloat(string(b[i:end]), 64); err == nil {
			return v, end, faultNone
		}
		return 0, i, faultOverflow
	}
	if b[i] == '-' {
		v = -v
	}
	return v, end, faultNone
}

// wholeNumber returns how many digits the number at the beginning of w has, if it is a whole one without sign and
// exponent, and ends in w; otherwise 0.
func wholeNumber(w uint64) int {
	n := digits.Count(w)
	after := byte(w >> (8 * n))
	if n == 8 || after == '.' || after|0x20 == 'e' || n > 1 && byte(w) == '0' {
		return 0
	}
	return n
}

// scale returns the float64 nearest to mantissa * 10^exponent, or false if it cannot tell. Where both factors are
// exact, one rounding makes the nearest (Clinger, 1990); otherwise 128 bits of the product nearly always decide.
func scale(mantissa uint64, exponent int) (float64, bool) {
	if mantissa < 1<<53 {
		if uint(-exponent) < uint(len(digits.FloatTens)) {
			return float64(int64(mantissa)) / digits.FloatTens[-exponent], true
		}
		if uint(exponent) < uint(len(digits.FloatTens)) {
			return float64(int64(mantissa)) * digits.FloatTens[exponent], true
		}
	}
	if mantissa == 0 || exponent < powerFirst || exponent > powerLast {
		return 0, mantissa == 0
	}
	return scaleWide(mantissa, exponent)
}

// The powers of ten that have an entry in powers: they cover what models predict.
const (
	powerFirst = -64
	powerLast  = 63
)

// power is the upper 128 bits of the binary expansion of a power of ten, truncated, the top bit set.
type power struct{ hi, lo uint64 }

var powers = func() (table [powerLast - powerFirst + 1]power) {
	const precision = 512 // more than 10^64 has
	for i := range table {
		exponent := int64(powerFirst + i)
		q := new(big.Int).Exp(big.NewInt(10), big.NewInt(max(exponent, -exponent)), nil)
		if exponent < 0 {
			q.Quo(new(big.Int).Lsh(big.NewInt(1), precision), q)
		} else {
			q.Lsh(q, precision)
		}
		q.Rsh(q, uint(q.BitLen()-128))
		table[i] = power{hi: new(big.Int).Rsh(q, 64).Uint64(), lo: q.Uint64()}
	}
	return table
}()

// scaleWide saves 11 % of the processor time of a load whose numbers have all the digits of a float64, over strconv. It
// multiplies by the 128 bits of the power and rounds to nearest even; it gives up where the bits cut off the power
// could change the result (Lemire, Number parsing at a gigabyte per second, 2021). The mantissa is not zero, and 2^64 *
// 10^powerLast is far from overflow as 10^powerFirst is from subnormal.
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

// readDigits reads the decimal digits at i behind those that made up value. Beyond digitsMax digits that count the
// value is meaningless.
func readDigits(b []byte, i int, value uint64) (int, uint64) {
	for {
		w := load(b, i)
		n := min(digits.Count(w), len(b)-i)
		value = value*digits.Tens[n] + digits.Value(w, n)
		if i += n; n < 8 {
			return i, value
		}
	}
}

// readExponent reads an optional sign and digits. A power too large to make up for the decimals of a line comes out
// smaller, and is so still.
func readExponent(b []byte, i int) (end, power int) {
	negative := false
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		negative = b[i] == '-'
		i++
	}
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if power < 100*LineBytesMax {
			power = 10*power + int(b[i]-'0')
		}
	}
	if negative {
		power = -power
	}
	return i, power
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

// endsNumber tells whether c may stand right behind a number.
func endsNumber(c byte) bool { return c == ',' || c == '}' || c == ']' || jsontext.IsSpace(c) }

// notNumber returns the fault of a value that begins at i with neither a digit nor anything else that begins a value.
func notNumber(b []byte, i int) fault {
	at := i
	if b[i] == '-' || b[i] == '+' {
		at++
	}
	switch rest := b[at:]; {
	case bytes.HasPrefix(rest, []byte("NaN")), bytes.HasPrefix(rest, []byte("Infinity")):
		return faultNaN
	case b[i] == '-':
		return endOr(b, i+1, faultNumber)
	case b[i] == '+', b[i] == '.', b[i] == 'N', b[i] == 'I':
		return faultNumber
	}
	return faultToken
}

// endOr returns faultEnd if i is the end of b, and f otherwise.
func endOr(b []byte, i int, f fault) fault {
	if i >= len(b) {
		return faultEnd
	}
	return f
}
