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

// TestGather checks that the rows of a head come out as a plain sort of them would have them, however they came in: in runs
// and late, many at one time, and some removed again.
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
		h := newHead(1)
		var rows []row
		for range 1 + random.IntN(40) {
			var r run
			var texts segment.Columns
			r.text = uint32(h.rows())
			for range 1 + random.IntN(300) {
				one := row{random.Int64N(spread) + int64(len(rows))/2, strconv.Itoa(random.IntN(3000)), random.IntN(9) > 0}
				rows = append(rows, one)
				r.times, r.known = append(r.times, one.ts), append(r.known, one.known)
				r.predicted, r.actual = append(r.predicted, float64(len(rows))), append(r.actual, 7)
				texts.IDs.Append([]byte(one.id))
				texts.Features.Append([]byte(one.id + "f"))
			}
			h.text.appendFrom(&texts.IDs, &texts.Features, 0, texts.IDs.Len())
			h.of(3).add(r)
		}
		if l := h.series[3].leaves[0]; l.len() > 1 {
			gone := l.text[0]
			l.remove(0)
			rows = slices.Delete(slices.Clone(rows), int(gone), int(gone)+1)
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
