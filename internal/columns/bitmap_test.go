package columns_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
)

func TestBitmap(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 127, 128, 129} {
		var appended, set columns.Bitmap
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
	var m columns.Bitmap
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

// Counts, runs and copies of ranges agree with a slice of bools.
func TestBitmapRanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := r.IntN(400)
		want := make([]bool, n)
		var b, set columns.Bitmap
		count := 0
		for i := range want {
			if want[i] = r.IntN(1+n/50) == 0; want[i] {
				set.Set(i)
				count++
			}
			b.Append(i, want[i])
		}
		require.Equal(t, count, b.Count())
		require.Equal(t, count, set.Count())
		for i, below := 0, 0; i < n; i++ {
			require.Equal(t, want[i], b.Get(i))
			require.Equal(t, want[i], set.Get(i))
			require.Equal(t, below, b.CountBelow(i))
			require.Equal(t, below, set.CountBelow(i))
			if want[i] {
				below++
			}
		}
		require.False(t, b.Get(n))
		require.Equal(t, count, b.CountBelow(n))

		from := r.IntN(n + 1)
		to := from + r.IntN(n-from+1)
		seen := make([]bool, n)
		last := from - 1
		for i, j := b.Run(from, to); i < j; i, j = b.Run(j, to) {
			for ; i < j; i++ {
				seen[i], last = true, i
			}
		}
		for i := range want {
			require.Equal(t, want[i] && i >= from && i < to, seen[i])
		}
		require.Equal(t, last, b.LastSet(from, to))

		var joined columns.Bitmap
		at := 0
		for at < n {
			next := min(n, at+1+r.IntN(150))
			joined.AppendFrom(at, b, at, next)
			at = next
		}
		require.Equal(t, b, joined)
		var part columns.Bitmap
		part.AppendFrom(0, b, from, to)
		for i := from; i < to; i++ {
			require.Equal(t, want[i], part.Get(i-from))
		}
	}
}
