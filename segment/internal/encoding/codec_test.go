package encoding

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/random"
)

// codec is one way of storing a column, for the contract that all keep: what was stored is read back to the bit,
// nothing behind it is touched, and bytes cut short or damaged give errCorrupt or other values, never a panic.
type codec struct {
	encode func(dst []byte, n int) []byte
	// decode reads n rows and tells whether they are those encoded last.
	decode func(c *columns.Cursor, n int) bool
}

var lengths = []int{0, 1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025}

func intCodec(draw func(i int) int64) codec {
	e := NewEncoder()
	var v []int64
	return codec{
		encode: func(dst []byte, n int) []byte {
			v = v[:0]
			for i := range n {
				v = append(v, draw(i))
			}
			return e.AppendInts(dst, v)
		},
		decode: func(c *columns.Cursor, n int) bool {
			got, front := make([]int64, n), *c
			DecodeInts(c, got)
			for _, part := range rowRanges(n) {
				if c.Err != nil {
					break
				}
				again, in := make([]int64, n), front
				DecodeIntsRange(&in, again, part[0], part[1])
				if !slices.Equal(again[part[0]:part[1]], got[part[0]:part[1]]) || len(in.Rest) != len(c.Rest) {
					return false
				}
			}
			return fmt.Sprint(got) == fmt.Sprint(v)
		},
	}
}

// rowRanges are ranges of n rows.
func rowRanges(n int) [][2]int {
	return [][2]int{{0, 0}, {0, n / 3}, {n / 3, n / 2}, {n / 2, n}, {n, n}}
}

// floatCodec stores two columns, the second against the first.
func floatCodec(draw func(i int) (p, q float64)) codec {
	e := NewEncoder()
	var d Decoder
	var p, q []float64
	same := func(v, w []float64) bool {
		for i := range v {
			if math.Float64bits(v[i]) != math.Float64bits(w[i]) {
				return false
			}
		}
		return len(v) == len(w)
	}
	return codec{
		encode: func(dst []byte, n int) []byte {
			p, q = p[:0], q[:0]
			for i := range n {
				v, w := draw(i)
				p, q = append(p, v), append(q, w)
			}
			dst = e.appendFloats(dst, p, &e.predicted.decimals, nil)
			e.predicted.values = p
			return e.appendFloats(dst, q, &e.actual, &e.predicted)
		},
		decode: func(c *columns.Cursor, n int) bool {
			decode := func(c *columns.Cursor, from, to int) (v, w []float64) {
				v, w = make([]float64, n), make([]float64, n)
				decodeFloats(c, v, span{from, to}, &d.predicted.decimals, nil)
				d.predicted.values, d.predicted.from, d.predicted.to = v, from, to
				decodeFloats(c, w, span{from, to}, &d.actual, &d.predicted)
				return v[from:to], w[from:to]
			}
			front := *c
			v, w := decode(c, 0, n)
			for _, part := range rowRanges(n) {
				in, from, to := front, part[0], part[1]
				if c.Err != nil {
					break
				}
				if x, y := decode(&in, from, to); !same(v[from:to], x) || !same(w[from:to], y) || len(in.Rest) != len(c.Rest) {
					return false
				}
			}
			return same(p, v) && same(q, w)
		},
	}
}

func textCodec(draw func(i int) string) codec {
	e := NewEncoder()
	var d Decoder
	var text columns.Text
	return codec{
		encode: func(dst []byte, n int) []byte {
			text.Reset()
			for i := range n {
				text.Append([]byte(draw(i)))
			}
			return e.appendTexts(dst, &text, 0)
		},
		decode: func(c *columns.Cursor, n int) bool {
			var got columns.Text
			d.decodeTexts(c, &got, n, 0)
			return c.Err == nil && text.Equal(&got)
		},
	}
}

// codecs are all encodings, each over data that it is for and data that it is not for.
func codecs(r *rand.Rand) map[string]codec {
	walk := int64(0)
	clock := int64(1_700_000_000_000)
	edges := random.Extremes()
	decimal := func(places int) float64 { return math.Round(r.Float64()*1e6) / math.Pow10(places) }
	hex := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = hexDigits[r.IntN(16)]
		}
		return string(b)
	}
	return map[string]codec{
		"ints/constant":    intCodec(func(int) int64 { return -7 }),
		"ints/progression": intCodec(func(i int) int64 { return 1000 + 250*int64(i) }),
		"ints/small":       intCodec(func(int) int64 { return r.Int64N(100) }),
		"ints/scaled":      intCodec(func(int) int64 { return r.Int64N(100) * 1000 }),
		"ints/clock":       intCodec(func(int) int64 { clock += 200 + r.Int64N(50); return clock }),
		"ints/gaps": intCodec(func(int) int64 {
			if clock += r.Int64N(50); r.IntN(100) == 0 {
				clock += 1e9
			}
			return clock
		}),
		"ints/walk":     intCodec(func(int) int64 { walk += r.Int64N(9) - 4; return walk }),
		"ints/outliers": intCodec(func(int) int64 { return r.Int64N(8) + r.Int64N(20)/19<<50 }),
		"ints/any":      intCodec(func(int) int64 { return int64(r.Uint64()) >> r.IntN(64) }),
		"ints/edges":    intCodec(func(int) int64 { return []int64{math.MinInt64, math.MaxInt64, 0, -1, 1}[r.IntN(5)] }),

		"floats/cents":    floatCodec(func(int) (float64, float64) { p := decimal(2); return p, math.Round(p*100+r.NormFloat64()*10) / 100 }),
		"floats/places":   floatCodec(func(int) (float64, float64) { return decimal(4), decimal(1) }),
		"floats/mixed":    floatCodec(func(int) (float64, float64) { return decimal(r.IntN(5)), decimal(r.IntN(12)) }),
		"floats/wholes":   floatCodec(func(int) (float64, float64) { return float64(r.IntN(100)), 1e9 * float64(r.IntN(1000)) }),
		"floats/constant": floatCodec(func(int) (float64, float64) { return 0.5, math.Pi }),
		"floats/doubles":  floatCodec(func(int) (float64, float64) { p := r.NormFloat64(); return p, p + r.NormFloat64()/1000 }),
		"floats/singles":  floatCodec(func(int) (float64, float64) { return float64(r.Float32()), decimal(2) }),
		"floats/zeros":    floatCodec(func(int) (float64, float64) { return math.Copysign(0, r.Float64()-0.5), float64(r.IntN(2)) }),
		"floats/large":    floatCodec(func(int) (float64, float64) { return 17e9 + decimal(2), 17e9 + decimal(2) }),
		"floats/edges":    floatCodec(func(int) (float64, float64) { return edges[r.IntN(len(edges))], edges[r.IntN(len(edges))] }),
		"floats/any": floatCodec(func(int) (float64, float64) {
			return math.Float64frombits(r.Uint64()), math.Float64frombits(r.Uint64())
		}),
		"floats/exception": floatCodec(func(i int) (float64, float64) { return decimal(2) * float64(min(r.IntN(30), 1)), math.Inf(i%3 - 1) }),

		"texts/empty":      textCodec(func(int) string { return "" }),
		"texts/constant":   textCodec(func(int) string { return `{"a":1}` }),
		"texts/dictionary": textCodec(func(int) string { return []string{"red", "green", "blue", ""}[r.IntN(4)] }),
		"texts/sequence":   textCodec(func(i int) string { return fmt.Sprintf("pred_%d", 95+i) }),
		"texts/padded":     textCodec(func(i int) string { return fmt.Sprintf("pred-%09d-x", 1000*i) }),
		"texts/numbers":    textCodec(func(int) string { return strconv.FormatUint(r.Uint64()>>r.IntN(64), 10) }),
		"texts/uuids":      textCodec(func(int) string { return hex(8) + "-" + hex(4) + "-4" + hex(3) + "-" + hex(4) + "-" + hex(12) }),
		"texts/hash":       textCodec(func(int) string { return "sha:" + hex(33) }),
		"texts/zero bytes": textCodec(func(int) string { return "\x00" + hex(30) + string(rune(r.IntN(2))) }),
		"texts/lists":      textCodec(func(int) string { return strings.Repeat(strconv.Itoa(r.IntN(500))+",", 1+r.IntN(5)) + hex(1) }),
		"texts/json": textCodec(func(int) string {
			return fmt.Sprintf(`{"a":%d,"b":%v,"c":"%s","d":%v,"e":[%.2f,%.3f]}`, r.IntN(100), decimal(3), hex(2), r.IntN(2) == 0, r.Float64(), -r.Float64())
		}),
		"texts/optional keys": textCodec(func(int) string {
			return []string{`{"a":%d}`, `{"b":"x\"%d","c":null}`, `{ "d" : -%d.50 }`}[r.IntN(3)][:5] + strconv.Itoa(r.IntN(50)) + "}"
		}),
		"texts/odd numbers": textCodec(func(int) string {
			return []string{"-0", "007", "1e5", "-1.50", "0.", ".5", "1.2.3", "--4", "12345678901234567890", "0.12345678901234567", "-", "1-2", "a1b2"}[r.IntN(13)]
		}),
		"texts/prose": textCodec(func(int) string {
			return []string{"the quick ", "brown fox ", "jumps over ", "the lazy dog"}[r.IntN(4)] + []string{"with ", "without ", ""}[r.IntN(3)] + strconv.Itoa(r.IntN(1e6)) + hex(r.IntN(9))
		}),
		"texts/any": textCodec(func(int) string {
			b := make([]byte, r.IntN(20))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return string(b)
		}),
	}
}

func TestCodecRoundTrip(t *testing.T) {
	for name, codec := range codecs(random.Rand(t)) {
		t.Run(name, func(t *testing.T) {
			for _, n := range lengths {
				b := codec.encode([]byte("before"), n)
				require.Equal(t, "before", string(b[:6]))
				c := columns.NewCursor(append(b[6:], "behind"...), errCorrupt)
				require.True(t, codec.decode(&c, n), "%d rows", n)
				require.NoError(t, c.Err)
				require.Equal(t, "behind", string(c.Rest))
			}
		})
	}
}

func TestCodecDamage(t *testing.T) {
	r := random.Rand(t)
	for name, codec := range codecs(r) {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 9, 65} {
				b := codec.encode(nil, n)
				for cut := range b {
					c := columns.NewCursor(bytes.Clone(b[:cut]), errCorrupt)
					codec.decode(&c, n)
					require.ErrorIs(t, c.Err, errCorrupt)
				}
				for range 200 {
					c := columns.NewCursor(bytes.Clone(b), errCorrupt)
					c.Rest[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
					codec.decode(&c, n)
					require.True(t, c.Err == nil || errors.Is(c.Err, errCorrupt))
				}
			}
		})
	}
}
