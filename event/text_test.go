package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

func TestText(t *testing.T) {
	var c event.Text
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
