package segment

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// TestWindowsThatFollowEachOther asks for windows of a few blocks in one scratch, so that blocks are found decoded in
// part.
func TestWindowsThatFollowEachOther(t *testing.T) {
	for name, draw := range drawings() {
		t.Run(name, func(t *testing.T) {
			r := random.Rand(t)
			var c Columns
			draw(r, &c, 3*blockRows)
			rows := sorted(&c)
			s := open(t, build(t, []testSeries{{"v", "e", rows}}))
			var sc Scratch
			for range random.Cases(40) {
				sc.Forget()
				bound := randomBound(r, s, 0, rows)
				for range 1 + r.IntN(4) {
					from := bound
					if bound = randomBound(r, s, 0, rows); r.IntN(3) == 0 {
						from = randomBound(r, s, 0, rows)
					}
					from, to := min(from, bound), max(from, bound)
					want := Want(r.IntN(2)) // of a block, first the one and then the other
					var got Aggregate
					_, err := s.AddWindow(&got, nil, Window{0, from, to, want}, &sc)
					require.NoError(t, err)
					require.Equal(t, windowRef(rows, from, to, want), got)
				}
			}
		})
	}
}
