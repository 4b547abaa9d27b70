package encode

import (
	"math"
	"strconv"
)

// DigitsMax is how many significant digits tell every float64 from all others.
const DigitsMax = 17

const (
	// exactPower is the largest power of ten that a float64 holds.
	exactPower = 22
	// A number of up to fewDigits before its point is rounded by far less than tie when it comes out of a product.
	fewDigits = 12
	tie       = 1e-3
)

var powers = func() (list [exactPower + 1]float64) {
	list[0] = 1
	for i := 1; i <= exactPower; i++ {
		list[i] = 10 * list[i-1]
	}
	return list
}()

// significant returns the float64 nearest to f rounded to so many significant decimal digits, as strconv rounds.
func significant(f float64, digits int) float64 {
	size := math.Abs(f)
	if digits >= DigitsMax || f == 0 || !(size <= math.MaxFloat64) {
		return f
	}
	// A whole number of the unit of the last digit, over a power of ten or times one, is rounded once where both are exact.
	_, exponent := math.Frexp(size)
	places := digits - 1 - (exponent-1)*1233>>12 // 1233/4096 is log10(2), so that it is right or one too many
	if places >= 0 && places <= exactPower && size*powers[places] >= powers[digits] || places < 0 && -places <= exactPower && size/powers[-places] >= powers[digits] {
		places--
	}
	if digits <= fewDigits && places >= -exactPower && places <= exactPower {
		scaled := size
		if places >= 0 {
			scaled *= powers[places]
		} else {
			scaled /= powers[-places]
		}
		whole := math.Floor(scaled + 0.5)
		if whole >= powers[digits-1] && whole < powers[digits] && math.Abs(scaled-math.Floor(scaled)-0.5) > tie {
			if places >= 0 {
				whole /= powers[places]
			} else {
				whole *= powers[-places]
			}
			return math.Copysign(whole, f)
		}
	}
	var text [32]byte
	rounded, _ := strconv.ParseFloat(string(strconv.AppendFloat(text[:0], f, 'e', digits-1, 64)), 64)
	return rounded
}
