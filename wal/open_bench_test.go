package wal_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/wal"
)

// BenchmarkOpen replays a log of 256 MiB, warm in the cache, and makes its newest file anew.
func BenchmarkOpen(b *testing.B) {
	const logBytes = 256 << 20
	for _, size := range []int{1 << 10, 128 << 10} {
		b.Run(fmt.Sprintf("payload=%d", size), func(b *testing.B) {
			dir := b.TempDir() + "/wal"
			opts := wal.Options{Sync: wal.SyncNever}
			l, _, err := wal.Open(dir, opts, nil)
			require.NoError(b, err)
			payload := make([]byte, size)
			for range logBytes / size {
				require.NoError(b, l.Append(context.Background(), 1, payload, nil))
			}
			require.NoError(b, l.Close())
			b.SetBytes(logBytes)
			for b.Loop() {
				l, rec, err := wal.Open(dir, opts, nil)
				require.NoError(b, err)
				require.EqualValues(b, logBytes, rec.Bytes)
				b.StopTimer()
				require.NoError(b, l.Close())
				b.StartTimer()
			}
		})
	}
}
