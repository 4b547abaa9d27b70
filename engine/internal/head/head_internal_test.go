package head

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

// TestFullHead adds rows one by one, each in a batch of its own: a head is full at the rows of a segment, not earlier.
func TestFullHead(t *testing.T) {
	h := New(1, new(Staging))
	for row := range int64(sealRows) {
		require.False(t, h.Full())
		o := Batch{Times: []int64{row}, Predicted: []float64{1}, Actual: []float64{1}, Known: []bool{true}, Lags: []int64{0}}
		o.addTexts("id", "{}")
		h.Add(h.Of(0, base.MinMilli), &o, 0, 1)
	}
	require.True(t, h.Full())
	require.Equal(t, sealRows, h.Rows)
}

// TestManyChangesOfALeaf changes every row of a head, and deletes some: a leaf is summed anew once for all of them, in a
// frozen head it is copied once, and what a sealer reads of it stays as it is.
func TestManyChangesOfALeaf(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		t.Run(fmt.Sprint("frozen ", frozen), func(t *testing.T) {
			const rows = 3 * leafRows
			var o Batch
			for row := range int64(rows) {
				o.Times, o.Predicted = append(o.Times, row), append(o.Predicted, 3)
				o.Actual, o.Known = append(o.Actual, 1), append(o.Known, true)
				o.addTexts(fmt.Sprint(row), "{}")
			}
			h := New(1, new(Staging))
			s := h.Of(0, base.MinMilli)
			h.Add(s, &o, 0, rows)
			h.Frozen = frozen
			before, copies := s.Leaves, make(map[*Leaf]bool)

			for row := range int64(rows) {
				c := Change{Kind: ReplaceRow, Predicted: float64(row), Features: []byte("{}")}
				if row%7 == 0 {
					c.Kind = DeleteRow
				}
				at := h.RowsOf(nil, s, row, fmt.Append(nil, row))
				require.Len(t, at, 1)
				h.Change(s, at[0], &c)
			}
			require.Len(t, h.stale, len(before), "each leaf once")
			for _, l := range s.Leaves {
				require.True(t, l.stale)
				copies[l] = true
			}
			h.Sum()
			require.Empty(t, h.stale)

			var sum, want segment.Aggregate
			for _, l := range s.Leaves {
				require.True(t, copies[l])
				sum.Merge(&l.agg)
			}
			for row := range int64(rows) {
				if row%7 != 0 {
					want.Add(row, float64(row), 1, true)
				}
			}
			require.Equal(t, want.MAE(), sum.MAE())
			require.Equal(t, want.Rows, sum.Rows)
			for _, l := range before {
				require.Equal(t, !frozen, copies[l])
				if frozen {
					require.False(t, l.stale)
					require.EqualValues(t, 2, l.agg.MAE())
					require.EqualValues(t, 3, l.predicted[0])
				}
			}
		})
	}
}
