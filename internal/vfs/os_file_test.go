package vfs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestZeroFill holds that files grow by zeros where the file system cannot reserve space, and keep what they have.
func TestZeroFill(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a"))
	require.NoError(t, err)
	_, err = f.WriteString("abc")
	require.NoError(t, err)
	file := &osFile{File: f}
	const end = 3<<20 + 7
	require.NoError(t, file.zeroFill(end))
	require.NoError(t, file.zeroFill(2))
	size, err := file.Size()
	require.NoError(t, err)
	require.EqualValues(t, end, size)
	data, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	want := make([]byte, end)
	copy(want, "abc")
	require.Equal(t, want, data)
	require.NoError(t, f.Close())
}
