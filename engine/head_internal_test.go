package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
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
