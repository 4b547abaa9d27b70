package vfs_test

import (
	"io"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/internal/vfs/simdisk"
)

// subject is a file system under test, with a directory that is empty.
type subject struct {
	t    *testing.T
	disk vfs.FS
	dir  string
}

// eachFS runs a test on the real file system and on the simulated disk: what both pass is the contract.
func eachFS(t *testing.T, test func(s subject)) {
	t.Helper()
	t.Run("fs=os", func(t *testing.T) { test(subject{t, vfs.OS(), t.TempDir()}) })
	t.Run("fs=simdisk", func(t *testing.T) {
		disk := simdisk.New(simdisk.Options{})
		require.NoError(t, disk.MkdirAll("/store"))
		test(subject{t, disk, "/store"})
	})
}

func create(t *testing.T, disk vfs.FS, name, content string) vfs.File {
	t.Helper()
	f, err := disk.Create(name)
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(f, []byte(content), 0))
	return f
}

func read(t *testing.T, disk vfs.FS, name string) string {
	t.Helper()
	data, err := vfs.ReadFile(disk, name)
	require.NoError(t, err)
	return string(data)
}

func TestCreate(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		name := filepath.Join(dir, "a")
		f := create(t, disk, name, "one")
		require.NoError(t, f.Close())

		_, err := disk.Create(name)
		require.ErrorIs(t, err, fs.ErrExist)
		require.ErrorContains(t, err, name)
		require.Equal(t, "one", read(t, disk, name))

		_, err = disk.Create(filepath.Join(dir, "missing", "a"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestOpen(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		name := filepath.Join(dir, "a")
		require.NoError(t, create(t, disk, name, "one").Close())

		f, err := disk.Open(name)
		require.NoError(t, err)
		require.NoError(t, vfs.WriteFull(f, []byte("t"), 0))
		require.NoError(t, f.Close())
		require.Equal(t, "tne", read(t, disk, name))

		f, err = disk.OpenRead(name)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("x"), 0)
		require.Error(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, "tne", read(t, disk, name))

		for _, open := range []func(string) (vfs.File, error){disk.Open, disk.OpenRead} {
			f, err := open(filepath.Join(dir, "missing"))
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.Nil(t, f)
			_, err = open(filepath.Join(name, "below a file"))
			require.Error(t, err)
		}
		_, err = disk.OpenRead(dir)
		require.ErrorIs(t, err, vfs.ErrNotRegular)
	})
}

func TestReadAt(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		f := create(t, disk, filepath.Join(dir, "a"), "0123456789")
		for _, test := range []struct {
			off  int64
			n    int
			want string
			err  error
		}{
			{0, 10, "0123456789", nil},
			{3, 4, "3456", nil},
			{8, 4, "89", io.EOF},
			{10, 1, "", io.EOF},
			{99, 1, "", io.EOF},
			{4, 0, "", nil},
		} {
			p := make([]byte, test.n)
			n, err := f.ReadAt(p, test.off)
			require.Equal(t, test.err, err, "%+v", test)
			require.Equal(t, test.want, string(p[:n]), "%+v", test)
		}
		_, err := f.ReadAt(make([]byte, 1), -1)
		require.Error(t, err)
		require.NotErrorIs(t, err, io.EOF)
		_, err = f.WriteAt([]byte("x"), -1)
		require.Error(t, err)
		require.NoError(t, f.Close())
	})
}

// TestSizes holds every way to change the length of a file against what is read afterwards.
func TestSizes(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		name := filepath.Join(dir, "a")
		f := create(t, disk, name, "0123456789")
		has := func(want string) {
			t.Helper()
			size, err := f.Size()
			require.NoError(t, err)
			require.EqualValues(t, len(want), size)
			require.Equal(t, want, read(t, disk, name))
		}
		zeros := func(n int) string { return string(make([]byte, n)) }

		require.NoError(t, f.Truncate(4))
		has("0123")
		require.NoError(t, f.Truncate(6))
		has("0123" + zeros(2))
		require.NoError(t, vfs.WriteFull(f, []byte("xyz"), 5000))
		has("0123" + zeros(4996) + "xyz")
		require.NoError(t, f.Allocate(0, 100))
		has("0123" + zeros(4996) + "xyz")
		require.NoError(t, f.Allocate(5000, 5000))
		has("0123" + zeros(4996) + "xyz" + zeros(4997))
		require.Error(t, f.Allocate(0, 0))
		require.Error(t, f.Allocate(-1, 10))
		require.NoError(t, f.Sync())
		require.NoError(t, f.SyncData())
		require.NoError(t, f.Truncate(0))
		has("")
		require.Error(t, f.Truncate(-1))
		require.NoError(t, f.Close())
	})
}

func TestClosedFile(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		f := create(t, disk, filepath.Join(dir, "a"), "one")
		require.NoError(t, f.Close())
		_, err := f.ReadAt(make([]byte, 1), 0)
		require.ErrorIs(t, err, fs.ErrClosed)
		_, err = f.WriteAt([]byte("x"), 0)
		require.ErrorIs(t, err, fs.ErrClosed)
		_, err = f.Size()
		require.ErrorIs(t, err, fs.ErrClosed)
		require.ErrorIs(t, f.Sync(), fs.ErrClosed)
		require.ErrorIs(t, f.SyncData(), fs.ErrClosed)
		require.ErrorIs(t, f.Allocate(0, 1), fs.ErrClosed)
		require.ErrorIs(t, f.Truncate(0), fs.ErrClosed)
		require.ErrorIs(t, f.Close(), fs.ErrClosed)
	})
}

func TestRename(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		a, b, sub := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "sub")
		f := create(t, disk, a, "from a")
		require.NoError(t, create(t, disk, b, "from b").Close())

		require.NoError(t, disk.Rename(a, b))
		require.Equal(t, "from a", read(t, disk, b))
		_, err := disk.OpenRead(a)
		require.ErrorIs(t, err, fs.ErrNotExist)

		require.NoError(t, vfs.WriteFull(f, []byte("FROM"), 0))
		require.Equal(t, "FROM a", read(t, disk, b), "a handle follows its file")
		require.NoError(t, f.Close())

		require.NoError(t, disk.MkdirAll(sub))
		require.NoError(t, disk.Rename(b, filepath.Join(sub, "c")))
		require.Equal(t, "FROM a", read(t, disk, filepath.Join(sub, "c")))
		require.NoError(t, disk.Rename(filepath.Join(sub, "c"), filepath.Join(sub, "c")))
		require.ErrorIs(t, disk.Rename(b, a), fs.ErrNotExist)
		require.ErrorIs(t, disk.Rename(filepath.Join(sub, "c"), filepath.Join(dir, "missing", "c")), fs.ErrNotExist)
	})
}

func TestRemove(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		a, sub := filepath.Join(dir, "a"), filepath.Join(dir, "sub")
		f := create(t, disk, a, "one")
		require.NoError(t, disk.Remove(a))
		require.ErrorIs(t, disk.Remove(a), fs.ErrNotExist)

		p := make([]byte, 3)
		_, err := f.ReadAt(p, 0)
		require.NoError(t, err, "an open file outlives its name")
		require.Equal(t, "one", string(p))
		require.NoError(t, f.Close())

		require.NoError(t, disk.MkdirAll(sub))
		require.NoError(t, create(t, disk, filepath.Join(sub, "b"), "").Close())
		require.Error(t, disk.Remove(sub))
		require.NoError(t, disk.Remove(filepath.Join(sub, "b")))
		require.NoError(t, disk.Remove(sub))
		_, err = disk.List(sub)
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestDirectories(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		names, err := disk.List(dir)
		require.NoError(t, err)
		require.Empty(t, names)

		deep := filepath.Join(dir, "x", "y")
		require.NoError(t, disk.MkdirAll(deep))
		require.NoError(t, disk.MkdirAll(deep))
		for _, base := range []string{"b", "a.tmp", "a", "B"} {
			require.NoError(t, create(t, disk, filepath.Join(dir, base), "").Close())
		}
		names, err = disk.List(dir)
		require.NoError(t, err)
		require.Equal(t, []string{"B", "a", "a.tmp", "b", "x"}, names)

		require.NoError(t, disk.SyncDir(deep))
		require.NoError(t, disk.SyncDir(dir))
		require.ErrorIs(t, disk.SyncDir(filepath.Join(dir, "missing")), fs.ErrNotExist)
		require.Error(t, disk.MkdirAll(filepath.Join(dir, "a", "below a file")))
		_, err = disk.List(filepath.Join(dir, "a"))
		require.Error(t, err)
	})
}

func TestLock(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		name := filepath.Join(dir, "LOCK")
		first, err := disk.Lock(name)
		require.NoError(t, err)
		second, err := disk.Lock(name)
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.ErrorContains(t, err, name)
		require.Nil(t, second)

		require.NoError(t, first.Close())
		require.ErrorIs(t, first.Close(), fs.ErrClosed)
		second, err = disk.Lock(name)
		require.NoError(t, err)
		require.NoError(t, second.Close())

		names, err := disk.List(dir)
		require.NoError(t, err)
		require.Equal(t, []string{"LOCK"}, names, "the file stays")
		_, err = disk.Lock(filepath.Join(dir, "missing", "LOCK"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestFree(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		free, err := disk.Free(dir)
		require.NoError(t, err)
		require.Positive(t, free)
		_, err = disk.Free(filepath.Join(dir, "missing"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}
