package encoding

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

func TestScanNumeral(t *testing.T) {
	f := func(text string, length int, mantissa int64, form numeralForm) {
		t.Helper()
		for _, behind := range []string{"", ",", "}          ", "x.5"} {
			n, l := scanNumeral([]byte(text + behind))
			require.Equal(t, length, l, text)
			if form&numeralOdd == 0 {
				require.Equal(t, mantissa, n.mantissa, text)
			}
			require.Equal(t, form, n.form&^0xff00, text)
			require.Equal(t, uint8(length), n.form.length())
		}
	}
	f("0", 1, 0, 0)
	f("7", 1, 7, 0)
	f("-12", 3, -12, numeralNegative)
	f("12345678", 8, 12345678, 0)
	f("123456789", 9, 123456789, 0)
	f("123456789012345678", 18, 123456789012345678, 0)
	f("1234567890123456789", 19, 0, numeralOdd)
	f("12.34", 5, 1234, 2)
	f("12.50", 5, 1250, 2|numeralTrailing)
	f("0.12345678901234567", 19, 12345678901234567, 17)
	f("-0.5", 4, -5, 1|numeralNegative)
	f("-0", 2, 0, numeralNegative|numeralOdd)
	f("007", 3, 7, numeralPadded)
	f("1e5", 3, 0, numeralOdd)
	f("1.5E-7", 6, 0, 1|numeralOdd)
	f("1.", 1, 1, 0)
	f("1e", 1, 1, 0)
	for _, text := range []string{"", "-", "x", ".5", "+1", "-x"} {
		_, l := scanNumeral([]byte(text))
		require.Zero(t, l, text)
	}
}

// TestCommonStyle writes every column of numerals again, or refuses it.
func TestCommonStyle(t *testing.T) {
	f := func(want numeralStyle, ok bool, texts ...string) {
		t.Helper()
		var mantissas []int64
		var forms []numeralForm
		for _, text := range texts {
			n, length := scanNumeral([]byte(text))
			require.Equal(t, len(text), length)
			mantissas, forms = append(mantissas, n.mantissa), append(forms, n.form)
		}
		style, got := commonStyle(mantissas, forms)
		require.Equal(t, ok, got, "%q", texts)
		if !ok {
			return
		}
		require.Equal(t, want, style, "%q", texts)
		require.True(t, style.valid())
		for i, m := range mantissas {
			require.Equal(t, texts[i], string(style.append(nil, m)))
		}
	}
	f(numeralStyle{}, true, "1", "-2", "300", "0")
	f(numeralStyle{places: 2, least: 2}, true, "1.25", "-2.50", "0.00")
	f(numeralStyle{places: 2}, true, "1.25", "2.5", "3", "-0.05")
	f(numeralStyle{places: 2, least: 1}, true, "1.25", "2.5", "3.0", "-0.1")
	f(numeralStyle{width: 4}, true, "0012", "9999", "0000")
	f(numeralStyle{places: 17, least: 16}, true, "0.1234567890123456", "0.12345678901234567")
	f(numeralStyle{}, false, "1.250", "2.5")
	f(numeralStyle{}, false, "1.0", "2")
	f(numeralStyle{}, false, "007", "08")
	f(numeralStyle{}, false, "007", "-08")
	f(numeralStyle{}, false, "1e3")
	f(numeralStyle{}, false, "-0.0")
	f(numeralStyle{}, false, "123456789012345678", "0.5")
}

func TestScanDigits(t *testing.T) {
	r := random.Rand(t)
	for range 5000 {
		text := strings.Repeat("0", r.IntN(3)) + string(randomDigits(r, r.IntN(16)))
		behind := []string{"", ".", "e", "\xff\xff\xff", "abcdefgh", "/:"}[r.IntN(6)]
		value, n := scanDigits([]byte(text+behind), 3)
		want := uint64(3)
		for _, c := range text {
			want = want*10 + uint64(c-'0')
		}
		require.Equal(t, len(text), n)
		require.Equal(t, want, value, text+behind)
	}
}

func randomDigits(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return b
}
