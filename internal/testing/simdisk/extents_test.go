package simdisk

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExtentsModel holds extents against a map of numbers.
func TestExtentsModel(t *testing.T) {
	const size = 64
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		model := make(map[int64]bool)
		var x extents
		for range 40 {
			before, frozen := slices.Clone(x), x
			from := rng.Int64N(size)
			s := span{from, from + rng.Int64N(12)}
			var got, want int64
			if rng.IntN(4) == 0 {
				x, got = x.cut(s.from)
				for i := s.from; i < 2*size; i++ {
					if model[i] {
						want++
					}
					delete(model, i)
				}
			} else {
				x, got = x.add(s)
				for i := s.from; i < s.to; i++ {
					if !model[i] {
						want++
					}
					model[i] = true
				}
			}
			require.Equal(t, want, got, "seed %d", seed)
			require.True(t, slices.Equal(before, frozen), "seed %d: changed in place", seed)
			require.EqualValues(t, len(model), x.count(), "seed %d", seed)
			for i := range int64(2 * size) {
				require.Equal(t, model[i], x.meets(span{i, i + 1}), "seed %d, number %d", seed, i)
			}
			for i := 1; i < len(x); i++ {
				require.Less(t, x[i-1].to, x[i].from, "seed %d: spans touch", seed)
			}
			require.Equal(t, s.from < s.to && anyIn(model, s), x.meets(s), "seed %d", seed)
		}
	}
}

func anyIn(model map[int64]bool, s span) bool {
	for i := s.from; i < s.to; i++ {
		if model[i] {
			return true
		}
	}
	return false
}
