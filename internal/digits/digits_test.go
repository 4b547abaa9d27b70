package digits_test

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/digits"
)

func TestTens(t *testing.T) {
	power := big.NewInt(1)
	for i := range digits.FloatTens {
		if i < len(digits.Tens) {
			require.Equal(t, power.Uint64(), digits.Tens[i])
		}
		v, exact := new(big.Float).SetInt(power).Float64()
		require.Equal(t, big.Exact, exact)
		require.Equal(t, v, digits.FloatTens[i])
		power.Mul(power, big.NewInt(10))
		if i == len(digits.Tens)-1 {
			require.Positive(t, power.Cmp(new(big.Int).SetUint64(math.MaxUint64)))
		}
	}
	_, exact := new(big.Float).SetInt(power).Float64()
	require.NotEqual(t, big.Exact, exact)
}

// Words of bytes that matter, and of any bytes, against the obvious loop.
func TestWords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		var text [8]byte
		for i := range text {
			switch r.IntN(8) {
			case 0:
				text[i] = "\x00/:;@.eE\x7F\x80\xB0\xB9\xFF"[r.IntN(13)]
			case 1:
				text[i] = byte(r.Uint32())
			default:
				text[i] = byte('0' + r.IntN(10))
			}
		}
		word := binary.LittleEndian.Uint64(text[:])
		n, value := 0, uint64(0)
		for n < len(text) && '0' <= text[n] && text[n] <= '9' {
			if got := digits.Value(word, n); got != value {
				t.Fatalf("%d of %q: %d", n, text, got)
			}
			value = 10*value + uint64(text[n]-'0')
			n++
		}
		if digits.Count(word) != n || digits.Value(word, n) != value {
			t.Fatalf("%q: %d, %d", text, digits.Count(word), digits.Value(word, n))
		}
	}
}
