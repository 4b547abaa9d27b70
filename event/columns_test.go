package event

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A column takes what its ends can count, and no more.
func TestReserve(t *testing.T) {
	for _, dst := range []sink{&Batch{}, &Actuals{}} {
		require.NoError(t, dst.reserve(TextBytesMax))
		require.ErrorIs(t, dst.reserve(TextBytesMax+1), ErrTooLarge)
	}
	require.NoError(t, reserveText(1, TextBytesMax-1))
	require.ErrorIs(t, reserveText(1, TextBytesMax), ErrTooLarge)
}
