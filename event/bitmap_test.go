package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

func TestBitmap(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 127, 128, 129} {
		var appended, set event.Bitmap
		for i := range n {
			appended.Append(i, i%3 == 0)
			if i%3 == 0 {
				set.Set(i)
			}
		}
		require.Len(t, appended, (n+63)/64)
		for i := range n + 200 {
			require.Equal(t, i < n && i%3 == 0, appended.Get(i))
			require.Equal(t, i < n && i%3 == 0, set.Get(i))
		}
		appended.Reset()
		require.Empty(t, appended)
	}
}

// Memory that a Reset kept holds no old bits.
func TestBitmapAfterReset(t *testing.T) {
	var m event.Bitmap
	for i := range 200 {
		m.Append(i, true)
	}
	m.Reset()
	m.Append(0, false)
	m.Set(130)
	require.False(t, m.Get(0))
	require.False(t, m.Get(64))
	require.True(t, m.Get(130))
}
