package engine

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/segment"
)

// TestGather checks that the rows of a head come out as a plain sort of them would have them, however they came in: in runs short and
// long and late, many at one time, and some removed again.
func TestGather(t *testing.T) {
	type row struct {
		ts    int64
		id    string
		known bool
	}
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		spread := int64(1 + random.IntN(5000))
		h := newHead(1, new(freshRows))
		var rows []row
		for range 1 + random.IntN(40) {
			var o bySeries
			longest := 2 * freshRunMax
			if random.IntN(2) == 0 {
				longest = 300
			}
			for range 1 + random.IntN(longest) {
				one := row{random.Int64N(spread) + int64(len(rows))/2, strconv.Itoa(random.IntN(3000)), random.IntN(9) > 0}
				rows = append(rows, one)
				o.times, o.known = append(o.times, one.ts), append(o.known, one.known)
				o.predicted, o.actual = append(o.predicted, float64(len(rows))), append(o.actual, 7)
				o.ids.Append([]byte(one.id))
				o.features.Append([]byte(one.id + "f"))
			}
			h.add(3, &o, 0, len(o.times))
		}
		require.Equal(t, len(rows), h.rows)
		s := h.find(3)
		if random.IntN(2) == 0 { // as an edit of a frozen head does
			held := slices.Clone(s.leaves)
			before := make([]int, len(held))
			for i, l := range held {
				before[i] = l.len()
			}
			h.frozen = true
			h.ripen(s)
			for i, l := range held {
				require.Equal(t, before[i], l.len(), "a leaf that a sealer may be reading, seed %d", seed)
			}
		}
		if len(s.leaves) > 0 && s.leaves[0].len() > 1 {
			gone := int(s.leaves[0].predicted[0]) - 1
			s.leaves[0].remove(0)
			rows = slices.Delete(slices.Clone(rows), gone, gone+1)
		}
		want := segment.Columns{}
		slices.SortStableFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.id, b.id)) })
		var got segment.Columns
		gather(&got, []*head{h}, leavesOf([]*head{h}, 3))
		for i, r := range rows {
			actual := 0.0
			if r.known {
				actual = 7
			}
			want.AppendRow(r.ts, got.Predicted[i], actual, r.known, []byte(r.id), []byte(r.id+"f"))
		}
		require.Equal(t, want.Times, got.Times, "seed %d", seed)
		require.True(t, want.IDs.Equal(&got.IDs) && want.Features.Equal(&got.Features))
		require.Equal(t, want.Known, got.Known)
		require.Equal(t, want.Actual, got.Actual)
		require.Equal(t, want.Lags, got.Lags)
		require.Len(t, got.Predicted, len(rows))
	}
}
