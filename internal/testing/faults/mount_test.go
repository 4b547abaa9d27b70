//go:build faults && linux

package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// image is a file system in a file.
type image struct {
	t    *testing.T
	file string
	at   string // where it is mounted
}

// newExt4 makes an ext4 file system of its own and mounts it.
func newExt4(t *testing.T) *image {
	t.Helper()
	dir := t.TempDir()
	m := &image{t: t, file: filepath.Join(dir, "ext4.img"), at: filepath.Join(dir, "mnt")}
	require.NoError(t, os.Mkdir(m.at, 0o700))
	f, err := os.Create(m.file)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(512<<20))
	require.NoError(t, f.Close())
	command(t, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", m.file)
	m.mount()
	t.Cleanup(func() { _ = exec.Command("umount", "-l", m.at).Run() })
	return m
}

func (m *image) mount(options ...string) {
	m.t.Helper()
	command(m.t, "mount", append(options, "-o", "loop", m.file, m.at)...)
}

func (m *image) unmount() {
	m.t.Helper()
	command(m.t, "umount", m.at)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, output)
}
