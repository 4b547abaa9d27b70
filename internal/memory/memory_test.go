package memory_test

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/memory"
)

// TestGrowth fills 64 MiB and looks for them in both counts.
func TestGrowth(t *testing.T) {
	const size = 64 << 20
	live := memory.Live()
	before, _, err := memory.Process(os.Getpid())
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the system does not tell: ", err)
	}
	require.NoError(t, err)
	held := make([]byte, size)
	for i := range held {
		held[i] = 1
	}
	require.InDelta(t, live+size, memory.Live(), 1<<20)
	after, peak, err := memory.Process(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, after, before+size/2)
	require.GreaterOrEqual(t, peak, after)
	runtime.KeepAlive(held)
}
