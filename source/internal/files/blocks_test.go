package files

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBlocks reads a file here and there, and keeps as many blocks as it may.
func TestBlocks(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, 20*blockBytes+12345)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
	fail := false
	b := &blocks{size: int64(len(data)), read: func(p []byte, from int64) error {
		if fail {
			return io.ErrClosedPipe
		}
		copy(p, data[from:])
		return nil
	}}
	for range 100 {
		at, n := random.IntN(len(data)), random.IntN(1000)
		if random.IntN(4) == 0 {
			n = random.IntN(3 * blockBytes)
		}
		p := make([]byte, n)
		got, err := b.ReadAt(p, int64(at))
		want := data[at:min(at+n, len(data))]
		require.Equal(t, want, p[:got])
		if len(want) < n {
			require.ErrorIs(t, err, io.EOF)
		} else {
			require.NoError(t, err)
		}
		require.LessOrEqual(t, len(b.kept), blocksMax)
	}
	_, err := b.ReadAt(make([]byte, 1), int64(len(data)))
	require.ErrorIs(t, err, io.EOF)
	fail, b.kept = true, nil
	_, err = b.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, io.ErrClosedPipe)
}
