package simdisk

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImageModel holds images against byte slices over random writes and cuts, and holds that no image ever changes.
func TestImageModel(t *testing.T) {
	const size = 5 * leafPages * pageBytes
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		model := make([]byte, size)
		var m image
		type past struct {
			image
			model []byte
		}
		var pasts []past
		for step := range 60 {
			off := rng.IntN(size)
			if rng.IntN(5) == 0 {
				m = m.cut(int64(off))
				clear(model[off:])
			} else {
				n := min(1+rng.IntN([]int{10, 600, 3 * pageBytes}[rng.IntN(3)]), size-off)
				p := make([]byte, n)
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
				m = m.writeAt(p, int64(off))
				copy(model[off:], p)
			}
			if step%20 == 0 {
				pasts = append(pasts, past{m, bytes.Clone(model)})
			}
		}
		pasts = append(pasts, past{m, model})
		got := make([]byte, size)
		for i, p := range pasts {
			p.readAt(got, 0)
			require.True(t, bytes.Equal(p.model, got), "seed %d, image %d", seed, i)
			s := rng.IntN(size / sectorBytes)
			want := p.model[s*sectorBytes:][:sectorBytes]
			sector := p.sector(int64(s))
			if sector == nil {
				sector = make([]byte, sectorBytes)
			}
			require.True(t, bytes.Equal(want, sector), "seed %d, image %d, sector %d", seed, i, s)
		}
	}
}

func TestImageReadsZerosBeyondItsEnd(t *testing.T) {
	p := fillBytes(7, 100)
	image{}.readAt(p, 1<<40)
	require.Equal(t, make([]byte, 100), p)
	require.Nil(t, image{}.sector(1<<40))
}

func fillBytes(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
