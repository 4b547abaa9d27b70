package columns_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
)

func textOf(values ...string) columns.Text {
	var t columns.Text
	for _, v := range values {
		t.AppendString(v)
	}
	return t
}

func TestText(t *testing.T) {
	var c columns.Text
	require.Zero(t, c.Len())
	values := []string{"", "a", "", "bc", "def", ""}
	for range 2 {
		for i, v := range values {
			if i%2 == 0 {
				c.Append([]byte(v))
			} else {
				c.AppendString(v)
			}
		}
		require.Equal(t, len(values), c.Len())
		for i, v := range values {
			require.Equal(t, v, string(c.At(i)))
			require.Equal(t, len(v), cap(c.At(i)), "a view cannot grow into its neighbour")
		}
		c.Reset()
	}
	require.Zero(t, c.Len())
}

// Every range of one column, copied and aliased, holds the values of the range and is as long as they are.
func TestTextRanges(t *testing.T) {
	values := []string{"", "a", "", "bc", "def", ""}
	all := textOf(values...)
	arena := bytes.Clone(all.Bytes)
	for from := range len(values) + 1 {
		for to := from; to <= len(values); to++ {
			want := textOf(values[from:to]...)
			require.Equal(t, len(want.Bytes), all.Size(from, to))

			copied := textOf("before")
			copied.AppendFrom(&all, from, to)
			joined := textOf(append([]string{"before"}, values[from:to]...)...)
			require.True(t, joined.Equal(&copied))

			var aliased columns.Text
			aliased.Alias(&all, from, to)
			require.True(t, want.Equal(&aliased))
			aliased.AppendString("more")
			require.Equal(t, arena, all.Bytes, "an append does not write to the arena of another column")
		}
	}
}

func TestTextEqual(t *testing.T) {
	a, b := textOf("a", "bc"), textOf("ab", "c")
	require.False(t, a.Equal(&b))
	b = textOf("a")
	require.False(t, a.Equal(&b))
	b.AppendString("bc")
	require.True(t, a.Equal(&b))
}
