package encoding

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/random"
)

// kernel is a step of decoding beside the obvious loop that it stands for. Both write what result returns.
type kernel struct {
	name        string
	kernel, ref func()
	result      func() any
	// bytes is the size of what it writes.
	bytes int
}

// kernels returns those that work on n random rows and have no test of their own.
func kernels(r *rand.Rand, n int) []kernel {
	steps, more := make([]int64, n), make([]int64, n)
	exponents, fractions, values := make([]int64, n), make([]int64, n), make([]float64, n)
	for i := range n {
		steps[i], more[i] = r.Int64N(5000)-100, int64(r.Uint64())
		b := math.Float64bits(random.Float(r))
		exponents[i], fractions[i] = int64(b>>fracBits&expMask<<1|b>>63), int64(b&fracMask)
	}
	ints, floats := make([]int64, n), make([]float64, n)
	intsOf := func() any { return ints }
	floatsOf := func() any { return floats }

	all := []kernel{
		{"prefixSum", func() { copy(ints, steps); prefixSum(ints, 7) }, func() { prefixSumRef(ints, steps, 7) }, intsOf, 8 * n},
		{"addInts", func() { copy(ints, steps); addInts(ints, more) }, func() {
			for i, v := range steps {
				ints[i] = v + more[i]
			}
		}, intsOf, 8 * n},
		{"fromSplit", func() { fromSplit(floats, exponents, fractions) }, func() {
			for i, x := range exponents {
				f := math.Ldexp(float64(fractions[i])+0x1p52, int(x>>1)-1075)
				if x>>1 == 0 {
					f = math.Ldexp(float64(fractions[i]), -1074)
				}
				floats[i] = f * float64(1-x&1*2)
				if f == 0 && x&1 != 0 {
					floats[i] = math.Copysign(0, -1)
				}
			}
		}, floatsOf, 8 * n},
	}
	return append(append(all, textKernels(r, n)...), actualsKernel(r, values, floats))
}

func prefixSumRef(dst, steps []int64, first int64) {
	sum := first
	for i, s := range steps {
		dst[i] = sum
		sum += s
	}
}

// actualsKernel puts the values of the rows that have one in their places, as Decoder.DecodePair does.
func actualsKernel(r *rand.Rand, values, dst []float64) kernel {
	var known columns.Bitmap
	for i := range values {
		values[i] = r.Float64()
		known.Append(i, r.IntN(20) > 0)
	}
	spread := func() {
		clear(dst)
		compact := values
		for i, j := known.Run(0, len(dst)); i < j; i, j = known.Run(j, len(dst)) {
			compact = compact[copy(dst[i:j], compact):]
		}
	}
	ref := func() {
		next := 0
		for i := range dst {
			dst[i] = 0
			if known.Get(i) {
				dst[i] = values[next]
				next++
			}
		}
	}
	return kernel{"known", spread, ref, func() any { return dst }, 8 * len(dst)}
}

// textKernels write texts of n rows: UUIDs from digits, words of a dictionary, texts by their lengths, numerals.
func textKernels(r *rand.Rand, n int) []kernel {
	var dst, uuids, words columns.Text
	numbers, numerals := make([]int64, n), make([]int64, n)
	for i := range n {
		id := make([]byte, 16)
		for j := range id {
			id[j] = byte(r.Uint32())
		}
		h := hex.EncodeToString(id)
		uuids.Append([]byte(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]))
		numbers[i], numerals[i] = r.Int64N(40), r.Int64N(100_000)
	}
	for i := range 40 {
		words.Append([]byte(strings.Repeat("w", 1+i%12)))
	}
	pattern, ok := hexPatternOf(&uuids, n)
	if !ok {
		panic("BUG: UUIDs without a pattern")
	}
	packed := appendHex(nil, &uuids, pattern)

	e, d := NewEncoder(), new(Decoder)
	var column columns.Text
	for _, v := range numbers {
		column.Append(words.At(int(v)))
	}
	dictionary, _ := e.appendDictionary(nil, &column, math.MaxInt)
	lengths := e.appendLengths(nil, &column)
	texts := func() any { return [2]any{string(dst.Bytes), fmt.Sprint(dst.Ends)} }
	style := numeralStyle{places: 2, least: 2}
	return []kernel{
		{"hexes", func() { dst.Reset(); decodeHex(&dst, packed, n, pattern) }, func() {
			dst.Reset()
			digit := 0
			for range n {
				for _, b := range pattern.template {
					if b == 0 {
						b = strconv.FormatUint(uint64(packed[digit/2]>>(4*(digit%2))&15), 16)[0]
						digit++
					}
					dst.Bytes = append(dst.Bytes, b)
				}
				dst.Ends = append(dst.Ends, uint32(len(dst.Bytes)))
			}
		}, texts, len(uuids.Bytes)},
		{"dictionary", func() {
			dst.Reset()
			c := columns.NewCursor(dictionary[1:], errCorrupt)
			d.decodeDictionary(&c, &dst, n)
		}, func() {
			dst.Reset()
			for _, v := range numbers {
				dst.Append([]byte(string(words.At(int(v)))))
			}
		}, texts, len(column.Bytes)},
		{"lengths", func() {
			dst.Reset()
			c := columns.NewCursor(lengths, errCorrupt)
			d.decodeLengths(&c, &dst, n)
			dst.Bytes = append(dst.Bytes, column.Bytes...)
		}, func() {
			dst.Reset()
			for i := range n {
				dst.Append(column.At(i))
			}
		}, texts, len(column.Bytes)},
		{"numerals", func() {
			dst.Reset()
			for _, v := range numerals {
				dst.Bytes = style.append(dst.Bytes, v)
				dst.Ends = append(dst.Ends, uint32(len(dst.Bytes)))
			}
		}, func() {
			dst.Reset()
			for _, v := range numerals {
				dst.Append(fmt.Appendf(nil, "%d.%02d", v/100, v%100))
			}
		}, texts, 6 * n},
	}
}

func TestKernels(t *testing.T) {
	r := random.Rand(t)
	for _, n := range []int{10, 11, 12, 63, 64, 65, 127, 1023, 1024} {
		for _, k := range kernels(r, n) {
			k.ref()
			want := fmt.Sprint(k.result())
			k.kernel()
			require.Equal(t, want, fmt.Sprint(k.result()), "%s of %d", k.name, n)
		}
	}
}

// BenchmarkKernels times each kernel, its obvious loop, and a copy of as many bytes.
func BenchmarkKernels(b *testing.B) {
	for _, k := range kernels(rand.New(rand.NewPCG(1, 2)), 1024) {
		from, to := make([]byte, k.bytes), make([]byte, k.bytes)
		for _, way := range []struct {
			name string
			run  func()
		}{{"kernel", k.kernel}, {"ref", k.ref}, {"memcpy", func() { copy(to, from) }}} {
			b.Run(k.name+"/"+way.name, func(b *testing.B) {
				b.SetBytes(int64(k.bytes))
				for b.Loop() {
					way.run()
				}
			})
		}
	}
}
