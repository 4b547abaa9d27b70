package vfs_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/vfs"
)

// lockEnv names the file that a child process of the test locks before it waits for the end of its standard input.
const lockEnv = "RESIDUAL_TEST_LOCK"

func TestMain(m *testing.M) {
	if name := os.Getenv(lockEnv); name != "" {
		os.Exit(lockAndWait(name))
	}
	os.Exit(m.Run())
}

func lockAndWait(name string) int {
	_, err := vfs.OS().Lock(name)
	switch {
	case errors.Is(err, vfs.ErrLocked):
		fmt.Println("held")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println("locked")
	}
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return 0
}

// TestLockBetweenProcesses holds that a lock excludes another process, and ends with the process that held it.
func TestLockBetweenProcesses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "LOCK")
	start := func() (says string, kill func()) {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), lockEnv+"="+name)
		stdin, err := child.StdinPipe()
		require.NoError(t, err)
		stdout, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		line, err := bufio.NewReader(stdout).ReadString('\n')
		require.NoError(t, err)
		return line, func() {
			require.NoError(t, child.Process.Kill())
			require.Error(t, child.Wait())
			_ = stdin.Close()
		}
	}
	says, killFirst := start()
	require.Equal(t, "locked\n", says)
	says, killSecond := start()
	require.Equal(t, "held\n", says)
	killSecond()
	_, err := vfs.OS().Lock(name)
	require.ErrorIs(t, err, vfs.ErrLocked)
	killFirst()
	lock, err := vfs.OS().Lock(name)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	target, link, pipe := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	require.NoError(t, os.WriteFile(target, []byte("x"), 0o600))
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling")))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	disk := vfs.OS()
	for _, open := range []func(string) (vfs.File, error){disk.Open, disk.OpenRead} {
		_, err := open(link)
		require.ErrorIs(t, err, syscall.ELOOP)
		_, err = open(pipe)
		require.ErrorIs(t, err, vfs.ErrNotRegular, "and does not wait for a writer")
	}
	_, err := disk.Lock(link)
	require.ErrorIs(t, err, syscall.ELOOP)
	_, err = disk.Create(filepath.Join(dir, "dangling"))
	require.ErrorIs(t, err, fs.ErrExist)
}

// TestOpenForReadingAlone holds that a file which may not be written is opened all the same. The superuser may write it.
func TestOpenForReadingAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(name, []byte("x"), 0o400))
	f, err := vfs.OS().Open(name)
	require.NoError(t, err)
	data := make([]byte, 1)
	_, err = f.ReadAt(data, 0)
	require.NoError(t, err)
	require.Equal(t, "x", string(data))
	_, err = f.WriteAt(data, 0)
	require.Equal(t, os.Geteuid() == 0, err == nil, err)
	require.NoError(t, f.Close())
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	disk := vfs.OS()
	require.NoError(t, disk.MkdirAll(dir))
	require.NoError(t, vfs.WriteFileAtomic(disk, dir, "a", nil))
	lock, err := disk.Lock(filepath.Join(dir, "LOCK"))
	require.NoError(t, err)
	require.NoError(t, lock.Close())
	for name, want := range map[string]fs.FileMode{"": 0o700, "a": 0o600, "LOCK": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
}

func TestIsNoSpace(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, syscall.EIO: false, fs.ErrExist: false, syscall.ENOSPC: true, syscall.EDQUOT: true,
	} {
		require.Equal(t, want, vfs.IsNoSpace(err), "%v", err)
	}
	require.True(t, vfs.IsNoSpace(fmt.Errorf("grow: %w", &fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC})))
}
