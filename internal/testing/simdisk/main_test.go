package simdisk_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newDisk returns a disk with the directory /d, durable.
func newDisk(t testing.TB, opts simdisk.Options) *simdisk.Disk {
	t.Helper()
	d := simdisk.New(opts)
	require.NoError(t, d.MkdirAll("/d"))
	require.NoError(t, d.SyncDir("/"))
	return d
}

// durableFile makes a file that no crash can change.
func durableFile(t testing.TB, d *simdisk.Disk, name string, content []byte) vfs.File {
	t.Helper()
	f, err := d.Create(name)
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(f, content, 0))
	require.NoError(t, f.Sync())
	require.NoError(t, d.SyncDir("/d"))
	return f
}

func content(t testing.TB, d *simdisk.Disk, name string) []byte {
	t.Helper()
	data, err := vfs.ReadFile(d, name)
	require.NoError(t, err)
	return data
}

func exists(t testing.TB, d *simdisk.Disk, dir, base string) bool {
	t.Helper()
	names, err := d.List(dir)
	require.NoError(t, err)
	return slices.Contains(names, base)
}

// fill returns n bytes of one value.
func fill(b byte, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = b
	}
	return p
}
