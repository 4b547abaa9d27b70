package jsontext_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/jsontext"
)

func TestFloats(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		require.Equal(t, want, string(jsontext.AppendFloat(nil, v)))
	}
	f(0, "0")
	f(math.Copysign(0, -1), "-0")
	f(1e-6, "0.000001")
	f(1e-7, "1e-7")
	f(999999999999999900000, "999999999999999900000")
	f(1e21, "1e+21")
	f(-1.5e300, "-1.5e+300")
	f(0.1, "0.1")
	f(-12.3456, "-12.3456")
	f(99999999999.9999, "99999999999.9999")
	f(1e11, "100000000000")
	f(0.30000000000000004, "0.30000000000000004")
	const seed = 1
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range 200_000 {
		v := math.Float64frombits(random.Uint64())
		if i%2 == 0 { // decimals, and their neighbours
			v = math.Round(random.NormFloat64()*math.Pow10(random.IntN(20))) / math.Pow10(random.IntN(8))
			v = math.Float64frombits(math.Float64bits(v) + uint64(random.IntN(3)))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		text := string(jsontext.AppendFloat(nil, v))
		back, err := strconv.ParseFloat(text, 64)
		if err != nil || back != v || !json.Valid([]byte(text)) {
			t.Fatalf("%x is written %s", v, text)
		}
		if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1e21 {
			require.Equal(t, strconv.FormatFloat(v, 'f', -1, 64), text)
		}
	}
}

// FuzzStrings reads strings back.
func FuzzStrings(f *testing.F) {
	for _, s := range []string{"", "a\"b\\c\n\r\t\x00\x1f", "é€😀", "\xff\xc2", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		require.NoError(t, json.Unmarshal(jsontext.AppendString(nil, s), &back))
		if utf8.ValidString(s) {
			require.Equal(t, s, back)
			require.Equal(t, jsontext.AppendString(nil, s), jsontext.AppendQuoted(nil, s))
		}
	})
}

// TestSkip finds where values end, as the decoder of encoding/json does.
func TestSkip(t *testing.T) {
	whole := func(value string) {
		t.Helper()
		for _, behind := range []string{"", ",", " ", "]", "}", "\n1", `,"x":1}`} {
			end, ok := jsontext.SkipValue([]byte("  "+value+behind), 2)
			require.True(t, ok, value+behind)
			require.Equal(t, 2+len(value), end, value+behind)
		}
		decoder := json.NewDecoder(strings.NewReader(value + ",1"))
		var raw json.RawMessage
		require.NoError(t, decoder.Decode(&raw))
		require.Equal(t, value, string(raw))
	}
	whole(`1`)
	whole(`-1.5e+300`)
	whole(`null`)
	whole(`""`)
	whole(`"a\"b\\"`)
	whole(`"{[,"`)
	whole(`{}`)
	whole(`[[],{"a":[1,{"b":"]"}]}]`)
	whole(`{"a" : "}\"" , "b":[ ]}`)

	open := func(text string) {
		t.Helper()
		_, ok := jsontext.SkipValue([]byte(text), 0)
		require.False(t, ok, text)
	}
	open(``)
	open(`"`)
	open(`"a\"`)
	open(`"a\`)
	open(`{`)
	open(`{"a":"}`)
	open(`[[]`)

	end, ok := jsontext.SkipValue([]byte(`,1`), 0) // no value begins there
	require.True(t, ok)
	require.Zero(t, end)

	for c := range 256 {
		require.Equal(t, strings.IndexByte(" \t\n\r", byte(c)) >= 0, jsontext.IsSpace(byte(c)), c)
	}
	require.Equal(t, 4, jsontext.SkipSpace([]byte(" \n\t\rx"), 0))
	require.Equal(t, 2, jsontext.SkipSpace([]byte("  "), 0))
}
