package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/segment"
)

// TestHeadOfManyBatches gives a head one row of each batch, and the texts of all: it is full before their numbers run
// out.
func TestHeadOfManyBatches(t *testing.T) {
	var held spares
	h := newHead(1, new(freshRows), &held)
	for row := range int64(chunksMax / 2) {
		require.False(t, h.full())
		c := &textChunk{batch: true}
		c.ids.Append([]byte("id"))
		c.features.Append([]byte("{}"))
		o := bySeries{
			times: []int64{row}, predicted: []float64{1}, actual: []float64{1},
			known: []bool{true}, lags: []int64{0}, texts: c,
		}
		h.add(h.of(0, minMilli), &o, 0, 1)
	}
	require.True(t, h.full())
	require.Less(t, h.rows, sealRows)
}

// TestManyChangesOfALeaf changes every row of a head, and deletes some: a leaf is summed anew once for all of them, in a
// frozen head it is copied once, and what a sealer reads of it stays as it is.
func TestManyChangesOfALeaf(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		t.Run(fmt.Sprint("frozen ", frozen), func(t *testing.T) {
			const rows = 3 * leafRows
			o := bySeries{texts: &textChunk{batch: true}}
			for row := range int64(rows) {
				o.times, o.predicted = append(o.times, row), append(o.predicted, 3)
				o.actual, o.known = append(o.actual, 1), append(o.known, true)
				o.texts.ids.Append(fmt.Append(nil, row))
				o.texts.features.Append([]byte("{}"))
			}
			h := newHead(1, new(freshRows), new(spares))
			s := h.of(0, minMilli)
			h.add(s, &o, 0, rows)
			h.frozen = frozen
			before, copies := s.leaves, make(map[*leaf]bool)

			for row := range int64(rows) {
				c := change{kind: replaceRow, predicted: float64(row), features: []byte("{}")}
				if row%7 == 0 {
					c.kind = deleteRow
				}
				at := h.rowsOf(nil, s, row, fmt.Append(nil, row))
				require.Len(t, at, 1)
				h.change(s, at[0], &c)
			}
			require.Len(t, h.stale, len(before), "each leaf once")
			for _, l := range s.leaves {
				require.True(t, l.stale)
				copies[l] = true
			}
			h.sum()
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
