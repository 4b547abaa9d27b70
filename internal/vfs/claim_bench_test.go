package vfs_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/vfs"
)

// BenchmarkClaim is what a claim adds to each sync, and what a whole look costs.
func BenchmarkClaim(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "a", "store")
	disk := vfs.OS()
	require.NoError(b, disk.MkdirAll(dir))
	claim, err := vfs.TakeClaim(disk, dir, "LOCK")
	require.NoError(b, err)
	for _, name := range []string{"wal", "segments", "keys", "quarantine", "orphans", "positions"} {
		require.NoError(b, claim.MkdirAll(filepath.Join(dir, name)))
		require.NoError(b, claim.Keep(filepath.Join(dir, name)))
	}
	require.NoError(b, vfs.WriteFileAtomic(claim, dir, "store-id", make([]byte, 60)))
	require.NoError(b, claim.Keep(filepath.Join(dir, "store-id")))
	f, err := claim.Create(filepath.Join(dir, "wal", "file"))
	require.NoError(b, err)
	b.Run("sync", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, f.SyncData()) // of nothing: what is left is the claim's
		}
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, claim.Check())
		}
	})
	require.NoError(b, f.Close())
	require.NoError(b, claim.Close())
}
