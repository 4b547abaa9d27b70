package event

import (
	"flag"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/race"
)

var floatsFlag = flag.Int("event.floats", race.Cases(50_000), "how many numbers the randomised tests of floats try")

// requireFloat requires of a JSON number what strconv.ParseFloat makes of it, to the bit.
func requireFloat(t *testing.T, text string) {
	t.Helper()
	b := make([]byte, len(text)+1, len(text)+1+slack)
	b[copy(b, text)] = ','
	copy(b[len(b):cap(b)], "12345678901234567890123456789")
	want, err := strconv.ParseFloat(text, 64)
	_, end, f := scanNumber(b, 0)
	if f != faultNone || end != len(text) {
		t.Fatalf("scanNumber(%s) = %d, %s", text, end, f.reason())
	}
	for _, b := range [][]byte{b, b[:len(text)]} {
		got, end, f := readFloat(b, 0)
		if (f != faultNone) != (err != nil) || f == faultNone && (math.Float64bits(got) != math.Float64bits(want) || end != len(text)) {
			t.Fatalf("readFloat(%s) = %x, %d, %s; want %x, %v", text, got, end, f.reason(), want, err)
		}
	}
}

// The cases that break converters: around halves, powers of two, the ends of the
// range, and many digits.
func TestHardFloats(t *testing.T) {
	cases := []string{
		"0", "-0", "0.0", "0e0", "0e999999999999", "-0.000", "1", "-1", "10", "1e0", "1e22", "1e23", "8.5e22", "1e-22", "1e-23",
		"9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "9007199254740995",
		"9007199254740993.0", "9007199254740993.00000000000000000000000000000001", "9007199254740992.99999999999999999999999999",
		"1.00000000000000011102230246251565404", "1.00000000000000011102230246251565405",
		"1.00000000000000011102230246251565403", "1.00000000000000033306690738754696212708950042724609375",
		"2.2250738585072011e-308", "2.2250738585072012e-308", "2.2250738585072014e-308", "2.225073858507201136057409796709131975934819546351645648023426109724822222021076945516529523908135087914149158913039621106870086438694594645527657207407820621743379988141063267329253552286881372149012981122451451889849057222307285255133155755015914397476397983411801999323962548289017107081850690630666655994938275772572015763062690663332647565300009245888316433037779791869612049497390377829704905051080609940730262937128958950003583799967207254304360284078895771796150945516748243471030702609144621572289880258182545180325707018860872113128079512233426288368622321503775666622503982534335974568884423900265498198385487948292206894721689831099698365846814022854243330660339850886445804001034933970427567186443383770486037861622771738545623065874679014086723327636718751234567890123456789012345678901e-308",
		"4.9406564584124654e-324", "4.9406564584124653e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.4703282292062329e-324", "1e-323", "1e-324",
		"1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1.797693134862315807e308", "1.797693134862315808e308",
		"179769313486231570000000000000000000000000000000000000e255", "1e308", "1e309", "1e400", "-1e400", "1e99999999999999999999",
		"0." + strings.Repeat("0", 400) + "1e401", "1" + strings.Repeat("0", 400) + "e-400", strings.Repeat("9", 400) + "e-400", strings.Repeat("123456789", 90),
		"6.0221407623e23", "1.602176634e-19", "123456789012345678", "1234567890123456789", "12345678901234567890", "18446744073709551615", "18446744073709551616",
		"0.1234567890123456789", "0.12345678901234567890", "0.123456789012345678901", "0.9999999999999999999", "9999999999999999999", "99999999999999999999",
		"7.2057594037927933e16", "72057594037927933", "72057594037927928", "3.5844466002796428e298", "8.41e21", "9.5e-64", "9.9e63", "1e64", "1e-65", "123456789e55",
		"0." + strings.Repeat("0", 2010) + "1e20000", "0." + strings.Repeat("0", 10_000) + "1e10001", "1" + strings.Repeat("0", 10_000) + "e-10000",
		"4503599627475353.5", "4503599627475352.5", "2251799813685248.25", "2251799813685248.75", "1125899906842624.125", "1125899906842624.375",
	}
	for _, text := range cases {
		requireFloat(t, text)
		requireFloat(t, "-"+strings.TrimPrefix(text, "-"))
		if !strings.ContainsAny(text, ".e") {
			requireFloat(t, text+".5")
			requireFloat(t, text+"e-5")
		}
	}
}

// Every point halfway between two floats, and its neighbours in the last digit,
// at any number of digits.
func TestHalfwayFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range *floatsFlag / 100 {
		v := math.Float64frombits(r.Uint64() &^ (1 << 63))
		switch r.IntN(4) {
		case 0:
			v = math.Float64frombits(r.Uint64() & (1<<52 - 1)) // subnormal
		case 1:
			v = math.Ldexp(1+r.Float64(), r.IntN(120)-60)
		case 2:
			v = math.Ldexp(1, r.IntN(2046)-1022)
		}
		if next := math.Nextafter(v, math.Inf(1)); !math.IsInf(next, 0) && !math.IsNaN(v) {
			half := new(big.Float).SetPrec(2000).SetFloat64(v)
			half.Add(half, new(big.Float).SetPrec(2000).SetFloat64(next))
			half.Quo(half, big.NewFloat(2))
			for _, digits := range []int{-1, 15, 16, 17, 18, 19, 20, 25, 40} {
				text := half.Text('e', digits)
				requireFloat(t, text)
				mantissa, exponent, _ := strings.Cut(text, "e")
				requireFloat(t, mantissa+"1e"+exponent)
				requireFloat(t, mantissa+"0000000000000000001e"+exponent)
				if last := mantissa[len(mantissa)-1]; last >= '1' && last <= '9' {
					requireFloat(t, mantissa[:len(mantissa)-1]+string(last-1)+"9e"+exponent)
				}
			}
		}
	}
}

// Random numbers in every notation. Nearly all that models send are read without strconv.
func TestFloatsAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	scaled, usual := 0, 0
	for range *floatsFlag {
		v := math.Float64frombits(r.Uint64())
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		requireFloat(t, strconv.FormatFloat(v, 'e', -1, 64))
		requireFloat(t, strconv.FormatFloat(v, 'e', r.IntN(30), 64))
		requireFloat(t, strconv.FormatUint(r.Uint64(), 10)+"e"+strconv.Itoa(r.IntN(700)-350))
		requireFloat(t, strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)+"."+strconv.FormatUint(r.Uint64()>>r.IntN(64), 10))
		requireFloat(t, strconv.FormatFloat(r.NormFloat64(), 'f', 1+r.IntN(30), 64))
		requireFloat(t, strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)+"e"+strconv.Itoa(r.IntN(136)-68))

		v = r.NormFloat64() * math.Pow(10, float64(r.IntN(30)-15))
		for _, format := range []byte{'g', 'e'} {
			text := strconv.FormatFloat(v, format, -1, 64)
			requireFloat(t, text)
			n, _, f := scanNumber(append(make([]byte, 0, len(text)+slack), text...), 0)
			require.Equal(t, faultNone, f)
			if _, ok := scale(n.mantissa, n.exponent); ok && n.exact {
				scaled++
			}
			usual++
		}
	}
	require.Greater(t, float64(scaled), 0.995*float64(usual))
}

// Each power of the table with mantissas of every length.
func TestScale(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for exponent := powerFirst - 2; exponent <= powerLast+2; exponent++ {
		for shift := range 64 {
			mantissa := r.Uint64()>>shift | 1
			got, ok := scale(mantissa, exponent)
			if exponent < powerFirst || exponent > powerLast {
				require.False(t, ok && mantissa >= 1<<53)
				continue
			}
			want, err := strconv.ParseFloat(strconv.FormatUint(mantissa, 10)+"e"+strconv.Itoa(exponent), 64)
			require.NoError(t, err)
			if ok && math.Float64bits(got) != math.Float64bits(want) {
				t.Fatalf("%de%d: %x, want %x", mantissa, exponent, got, want)
			}
		}
	}
}
