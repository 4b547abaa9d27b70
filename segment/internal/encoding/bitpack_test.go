package encoding

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// unpackRef is unpack bit by bit.
func unpackRef(dst []int64, src []byte, width uint, base int64) {
	for i := range dst {
		v := uint64(0)
		for b := range width {
			at := uint(i)*width + b
			v |= uint64(src[at>>3]>>(at&7)&1) << b
		}
		dst[i] = int64(v) + base
	}
}

// unpackLoopRef is the obvious loop that unpack has to beat.
func unpackLoopRef(dst []int64, src []byte, width uint, base int64) {
	word, have := uint64(0), uint(0)
	for i := range dst {
		for have < width {
			word |= uint64(src[0]) << have
			src = src[1:]
			have += 8
		}
		dst[i] = int64(word&(1<<width-1)) + base
		word >>= width
		have -= width
	}
}

func packedWidths() []uint {
	var widths []uint
	for n := range 65 {
		if w := packWidth(n); len(widths) == 0 || widths[len(widths)-1] != w {
			widths = append(widths, w)
		}
	}
	return widths
}

func TestUnpack(t *testing.T) {
	r := random.Rand(t)
	for _, width := range packedWidths() {
		for _, n := range lengths {
			values := make([]uint64, n)
			for i := range values {
				values[i] = r.Uint64() & (1<<width - 1)
			}
			b := appendPacked(nil, values, width)
			require.Len(t, b, packedLen(n, width))
			got, want := make([]int64, n), make([]int64, n)
			for _, behind := range []int{0, 1, 7, 8, 100} {
				base := int64(r.Uint64())
				src := slices.Concat(b, make([]byte, behind))
				unpack(got, src, width, base)
				unpackRef(want, src, width, base)
				require.Equal(t, want, got, "width %d, %d values", width, n)
				for i, v := range values {
					if got[i] != int64(v)+base {
						t.Fatalf("width %d: value %d of %d is %d", width, i, n, got[i])
					}
				}
			}
		}
	}
}

func BenchmarkUnpack(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	dst := make([]int64, 1024)
	for _, width := range []uint{1, 7, 8, 10, 14, 16, 21, 30, 32, 45} {
		values := make([]uint64, 1024)
		for i := range values {
			values[i] = r.Uint64() & (1<<width - 1)
		}
		src := append(appendPacked(nil, values, width), make([]byte, 8)...)
		for name, kernel := range map[string]func([]int64, []byte, uint, int64){"unpack": unpack, "ref": unpackLoopRef} {
			b.Run(fmt.Sprintf("width=%d/kernel=%s", width, name), func(b *testing.B) {
				b.SetBytes(8 * 1024)
				for b.Loop() {
					kernel(dst, src, width, 5)
				}
			})
		}
	}
	b.Run("memcpy", func(b *testing.B) {
		src := make([]int64, 1024)
		b.SetBytes(8 * 1024)
		for b.Loop() {
			copy(dst, src)
		}
	})
}
