package head

import (
	"fmt"
	"strconv"
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
		o := Batch{Times: []int64{row}, predicted: []float64{1}, actual: []float64{1}, Known: []bool{true}, lags: []int64{0}}
		o.addTexts("id", "{}")
		h.Add(h.Of(0, base.MinMilli), &o, 0, 1)
	}
	require.True(t, h.Full())
	require.Equal(t, sealRows, h.Rows)
}

// TestHeadOfManyBatches gives a head one row of each batch, and the texts of all: it is full before their numbers run
// out.
func TestHeadOfManyBatches(t *testing.T) {
	h := New(1, new(Staging))
	for row := range int64(chunksMax / 2) {
		require.False(t, h.Full())
		o := Batch{Times: []int64{row}, predicted: []float64{1}, actual: []float64{1}, Known: []bool{true}, lags: []int64{0}}
		o.addTexts("id", "{}")
		o.texts.shared = true
		h.Add(h.Of(0, base.MinMilli), &o, 0, 1)
		require.Positive(t, o.SharedBytes())
	}
	require.True(t, h.Full())
	require.Less(t, h.Rows, sealRows)
}

// TestManyChangesOfALeaf changes every row of a head, and deletes some: a leaf is summed anew once for all of them, one that a view
// has is copied once, and what the view sees of it stays as it is.
func TestManyChangesOfALeaf(t *testing.T) {
	for _, viewed := range []bool{false, true} {
		t.Run(fmt.Sprint("viewed ", viewed), func(t *testing.T) {
			const rows = 3 * leafRows
			var o Batch
			for row := range int64(rows) {
				o.Times, o.predicted = append(o.Times, row), append(o.predicted, 3)
				o.actual, o.Known = append(o.actual, 1), append(o.Known, true)
				o.addTexts(strconv.FormatInt(row, 10), "{}")
			}
			h := New(1, new(Staging))
			s := h.Of(0, base.MinMilli)
			h.Add(s, &o, 0, rows)
			if viewed {
				h.View([]uint32{0})
			}
			before, copies := s.leaves, make(map[*leaf]bool)

			for row := range int64(rows) {
				c := Change{Kind: ReplaceRow, Predicted: float64(row), Features: []byte("{}")}
				if row%7 == 0 {
					c.Kind = DeleteRow
				}
				found := 0
				for r := range h.RowsOf(s, row, fmt.Append(nil, row)) {
					found++
					r.Change(&c)
				}
				require.Equal(t, 1, found)
			}
			require.Len(t, h.stale, len(before), "each leaf once")
			for _, l := range s.leaves {
				require.True(t, l.stale)
				copies[l] = true
			}
			h.Sum()
			require.Empty(t, h.stale)

			var sum, want segment.Aggregate
			for _, l := range s.leaves {
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
				require.Equal(t, !viewed, copies[l])
				if viewed {
					require.False(t, l.stale)
					require.EqualValues(t, 2, l.agg.MAE())
					require.EqualValues(t, 3, l.predicted[0])
				}
			}
		})
	}
}
