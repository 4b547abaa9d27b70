package exact

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRoundedOfOneSize adds errors that are all of one size: what is made of them is exact where the size has few bits, and they never deviate.
func TestRoundedOfOneSize(t *testing.T) {
	for _, size := range []float64{1, 0.5, 3, 1e10, 0x1p-100, 0.1, 1.0 / 3, 1e60 / 7} {
		for _, n := range []uint64{1, 2, 3, 7, 1000, 1<<31 - 1} {
			var s Errors
			s.AddRounded(&Rounded{N: n, Over: float64(n) * size, Size: size}, 0)
			require.InEpsilon(t, size, s.RootMeanSquare(n), 1e-15)
			if size != 0.1 && size*7 != 1e60 && size*3 != 1 {
				require.Equal(t, size, s.RootMeanSquare(n), "%v of %v", n, size)
			}
			require.Zero(t, s.RootMeanSquareError(n))
		}
	}
}
