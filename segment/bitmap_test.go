package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBitmap(t *testing.T) {
	r := newRand(t)
	for range 300 {
		n := r.IntN(400)
		want := make([]bool, n)
		var b, set Bitmap
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
		for i := range want {
			require.Equal(t, want[i], b.Get(i))
			require.Equal(t, want[i], set.Get(i))
		}
		require.False(t, b.Get(n))

		from := r.IntN(n + 1)
		to := from + r.IntN(n-from+1)
		seen := make([]bool, n)
		for i, j := b.run(from, to); i < j; i, j = b.run(j, to) {
			for ; i < j; i++ {
				seen[i] = true
			}
		}
		for i := range want {
			require.Equal(t, want[i] && i >= from && i < to, seen[i])
		}

		var joined Bitmap
		at := 0
		for at < n {
			next := min(n, at+1+r.IntN(150))
			joined.appendFrom(at, b, at, next)
			at = next
		}
		require.Equal(t, b, joined)
		var part Bitmap
		part.appendFrom(0, b, from, to)
		for i := from; i < to; i++ {
			require.Equal(t, want[i], part.Get(i-from))
		}
	}
}
