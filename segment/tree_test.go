package segment

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// TestTreeCoversBlocksOnce expands the nodes of a cover down to their blocks.
func TestTreeCoversBlocksOnce(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(2000) {
		e := seriesEntry{blockCount: 1 + r.Uint32N(3000), firstBlock: r.Uint32N(10), firstNode: 5000, firstSketch: 7}
		for _, base := range []level{e.aggregates(), e.sketches()} {
			from := r.Uint32N(base.n + 1)
			to := from + r.Uint32N(base.n-from+1)
			covered, nodes := make([]int, base.n), 0
			for l, at := range base.cover(from, to) {
				first, size := at, uint32(1)
				for range l.height {
					first, size = first*base.fan, size*base.fan
				}
				for i := first; i < min(first+size, base.n); i++ {
					covered[i]++
				}
				nodes++
			}
			for i, n := range covered {
				require.Equal(t, uint32(i) >= from && uint32(i) < to, n == 1, "block %d of [%d, %d), %d times", i, from, to, n)
			}
			require.LessOrEqual(t, nodes, int(2*base.fan)*5)
			if from < to {
				steps := uint32(0)
				for l, at := range base.path(from) {
					require.Less(t, at, l.n)
					steps++
				}
				top := base
				for ; top.n > 1; top = top.above() {
					steps--
				}
				require.Equal(t, uint32(1), steps)
			}
		}
	}
}
