package memory_test

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/memory"
)

// TestHeld fills 64 MiB and looks for them in both counts.
func TestHeld(t *testing.T) {
	const size, page = 64 << 20, 4 << 10
	live := memory.Live()
	held := make([]byte, size)
	for i := 0; i < size; i += page {
		held[i] = 1
	}
	require.InDelta(t, live+size, memory.Live(), 1<<20)
	resident, peak, err := memory.Process(os.Getpid())
	runtime.KeepAlive(held)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the system does not tell: ", err)
	}
	require.NoError(t, err)
	require.Greater(t, resident, int64(size))
	require.GreaterOrEqual(t, peak, resident)
}
