package segment

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCursorReadsNumbers holds numbers of every length, with little and much behind them, to those of encoding/binary.
func TestCursorReadsNumbers(t *testing.T) {
	r := newRand(t)
	for range rounds(2000) {
		v := r.Uint64() >> r.IntN(64)
		b := binary.AppendUvarint(nil, v)
		n := len(b)
		for range r.IntN(10) {
			b = append(b, byte(r.Uint32()))
		}
		c := cursor{rest: b}
		require.Equal(t, v, c.uvarint())
		require.NoError(t, c.err)
		require.Len(t, c.rest, len(b)-n)

		cut := cursor{rest: b[:n-1]}
		require.Zero(t, cut.uvarint())
		require.ErrorIs(t, cut.err, ErrCorrupt)

		longer := slices.Insert(slices.Clone(b), n, 0) // the same with a byte too many
		longer[n-1] |= 0x80
		c = cursor{rest: longer}
		require.Zero(t, c.uvarint())
		require.ErrorIs(t, c.err, ErrCorrupt)
	}
}
