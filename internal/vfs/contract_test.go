package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
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

// move gives a file or directory another name, as another program would.
func (s subject) move(from, to string) {
	s.t.Helper()
	if disk, ok := s.disk.(*simdisk.Disk); ok {
		disk.Move(from, to)
		return
	}
	require.NoError(s.t, os.Rename(from, to))
}

// replace puts another file of the same content in the place of one.
func (s subject) replace(name, aside string) {
	s.t.Helper()
	s.move(name, filepath.Join(aside, filepath.Base(name)))
	require.NoError(s.t, create(s.t, s.disk, name, "mine").Close())
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

func TestFileBytes(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		require.NoError(t, create(t, disk, filepath.Join(dir, "a"), "one").Close())
		require.NoError(t, create(t, disk, filepath.Join(dir, "b"), "three").Close())
		n, err := vfs.FileBytes(disk, filepath.Join(dir, "b"))
		require.NoError(t, err)
		require.EqualValues(t, 5, n)
		n, err = vfs.DirBytes(disk, dir)
		require.NoError(t, err)
		require.EqualValues(t, 8, n)
		_, err = vfs.FileBytes(disk, dir)
		require.ErrorIs(t, err, vfs.ErrNotRegular)
		_, err = vfs.DirBytes(disk, filepath.Join(dir, "missing"))
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
		require.NoError(t, disk.MkdirAll(dir+"/missing/../x/./z/"))
		require.NoError(t, disk.SyncDir(filepath.Join(dir, "x", "z")))
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
		whole, err := disk.Lock(dir)
		require.NoError(t, err)
		_, err = disk.Lock(dir)
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.NoError(t, whole.Close())
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

// TestOpenDir holds that an open directory goes by itself and not by its path, and so does one in it that is held.
func TestOpenDir(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk := s.t, s.disk
		dir, sub, other := filepath.Join(s.dir, "d"), filepath.Join(s.dir, "d", "sub"), filepath.Join(s.dir, "other")
		require.NoError(t, disk.MkdirAll(sub))
		require.NoError(t, disk.MkdirAll(other))
		d, err := disk.OpenDir(dir)
		require.NoError(t, err)
		require.NoError(t, d.Hold(sub))
		require.NoError(t, create(t, d, filepath.Join(sub, "a"), "one").Close())
		require.Equal(t, "one", read(t, disk, filepath.Join(sub, "a")))

		s.move(sub, filepath.Join(other, "sub"))
		require.NoError(t, create(t, d, filepath.Join(sub, "b"), "two").Close())
		require.NoError(t, d.SyncDir(sub))
		require.Equal(t, "two", read(t, disk, filepath.Join(other, "sub", "b")))
		names, err := d.List(dir)
		require.NoError(t, err)
		require.Empty(t, names)

		s.move(dir, filepath.Join(s.dir, "elsewhere"))
		require.NoError(t, disk.MkdirAll(dir))
		require.NoError(t, create(t, d, filepath.Join(dir, "a"), "three").Close())
		require.NoError(t, d.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
		require.NoError(t, d.MkdirAll(filepath.Join(dir, "x", "y")))
		require.NoError(t, d.SyncDir(dir))
		require.NoError(t, d.SyncDir(filepath.Join(dir, "x")))
		_, err = d.Free(dir)
		require.NoError(t, err)
		require.Equal(t, "three", read(t, disk, filepath.Join(s.dir, "elsewhere", "b")))
		names, err = disk.List(filepath.Join(s.dir, "elsewhere"))
		require.NoError(t, err)
		require.Equal(t, []string{"b", "x"}, names)
		names, err = disk.List(dir)
		require.NoError(t, err)
		require.Empty(t, names)

		_, err = d.Create(filepath.Join(s.dir, "outside"))
		require.ErrorIs(t, err, fs.ErrInvalid)
		require.ErrorIs(t, d.MkdirAll(s.dir), fs.ErrInvalid)
		require.NoError(t, d.Close())
		_, err = disk.OpenDir(filepath.Join(s.dir, "missing"))
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = disk.OpenDir(filepath.Join(s.dir, "elsewhere", "b"))
		require.ErrorIs(t, err, syscall.ENOTDIR)
	})
}

func TestIdentify(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		f := create(t, disk, a, "")
		identify := func(name string) vfs.Identity {
			t.Helper()
			id, err := disk.Identify(name)
			require.NoError(t, err)
			require.NotZero(t, id)
			return id
		}
		first := identify(a)
		require.NotEqual(t, first, identify(dir))
		require.NoError(t, disk.Rename(a, b))
		require.Equal(t, first, identify(b))
		require.NoError(t, create(t, disk, a, "").Close())
		require.NotEqual(t, first, identify(a))
		linked, err := f.Linked()
		require.NoError(t, err)
		require.True(t, linked)
		require.NoError(t, disk.Rename(a, b))
		linked, err = f.Linked()
		require.NoError(t, err)
		require.False(t, linked)
		_, err = disk.Identify(a)
		require.ErrorIs(t, err, fs.ErrNotExist)

		l, err := disk.Lock(b)
		require.NoError(t, err)
		want := identify(b)
		require.NoError(t, create(t, disk, a, "").Close())
		require.NoError(t, disk.Rename(a, b))
		got, err := l.Identity()
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.NoError(t, l.Close())
		require.NoError(t, f.Close())
		_, err = f.Linked()
		require.ErrorIs(t, err, fs.ErrClosed)
	})
}

func TestLockShared(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		name := filepath.Join(dir, "LOCK")
		_, err := disk.LockShared(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, create(t, disk, name, "").Close())
		for _, name := range []string{name, dir} {
			first, err := disk.LockShared(name)
			require.NoError(t, err)
			second, err := disk.LockShared(name)
			require.NoError(t, err)
			require.NoError(t, first.Close())
			_, err = disk.Lock(name)
			require.ErrorIs(t, err, vfs.ErrLocked)
			require.NoError(t, second.Close())
			alone, err := disk.Lock(name)
			require.NoError(t, err)
			_, err = disk.LockShared(name)
			require.ErrorIs(t, err, vfs.ErrLocked)
			require.NoError(t, alone.Close())
		}
	})
}

// TestClaim takes a claimed directory away in each way that it looks for.
func TestClaim(t *testing.T) {
	eachFS(t, func(s subject) {
		for name, take := range map[string]func(dir, aside string){
			"moved":      func(dir, aside string) { s.move(dir, filepath.Join(aside, "d")) },
			"unlocked":   func(dir, _ string) { require.NoError(s.t, s.disk.Remove(filepath.Join(dir, "LOCK"))) },
			"relocked":   func(dir, aside string) { s.replace(filepath.Join(dir, "LOCK"), aside) },
			"another id": func(dir, aside string) { s.replace(filepath.Join(dir, "id"), aside) },
			"other content": func(dir, _ string) {
				f, err := s.disk.Open(filepath.Join(dir, "id"))
				require.NoError(s.t, err)
				require.NoError(s.t, vfs.WriteFull(f, []byte("your"), 0))
				require.NoError(s.t, f.Close())
			},
			"another sub": func(dir, aside string) { s.move(filepath.Join(dir, "sub"), filepath.Join(aside, "sub")) },
		} {
			s.t.Run(name, func(t *testing.T) {
				base := filepath.Join(s.dir, name)
				dir, aside := filepath.Join(base, "d"), filepath.Join(base, "aside")
				c := s.claim(t, dir)
				require.NoError(t, s.disk.MkdirAll(aside))
				require.NoError(t, c.Check())
				take(dir, aside)
				require.ErrorIs(t, c.Check(), vfs.ErrTaken)
				require.ErrorIs(t, c.Err(), vfs.ErrTaken)
				requireEnded(t, c, dir)
				require.NoError(t, c.Close())
			})
		}
	})
}

// claim claims a directory with an id and a directory in it.
func (s subject) claim(t *testing.T, dir string) *vfs.Claim {
	t.Helper()
	require.NoError(t, s.disk.MkdirAll(filepath.Join(dir, "sub")))
	c, err := vfs.TakeClaim(s.disk, dir, "LOCK")
	require.NoError(t, err)
	require.NoError(t, create(t, c, filepath.Join(dir, "id"), "mine").Close())
	require.NoError(t, c.Keep(filepath.Join(dir, "id"), filepath.Join(dir, "sub")))
	return c
}

// requireEnded tries everything that writes.
func requireEnded(t *testing.T, c *vfs.Claim, dir string) {
	t.Helper()
	_, err := c.Create(filepath.Join(dir, "new"))
	require.ErrorIs(t, err, vfs.ErrTaken)
	_, err = c.Open(filepath.Join(dir, "id"))
	require.ErrorIs(t, err, vfs.ErrTaken)
	require.ErrorIs(t, c.Rename(filepath.Join(dir, "id"), filepath.Join(dir, "new")), vfs.ErrTaken)
	require.ErrorIs(t, c.Remove(filepath.Join(dir, "id")), vfs.ErrTaken)
	require.ErrorIs(t, c.MkdirAll(filepath.Join(dir, "new")), vfs.ErrTaken)
	require.ErrorIs(t, c.SyncDir(dir), vfs.ErrTaken)
}

// TestClaimOfFiles holds that a sync is reported only if what was synced can be found again, and that nothing is written
// to an open file from then on.
func TestClaimOfFiles(t *testing.T) {
	eachFS(t, func(s subject) {
		for name, take := range map[string]func(dir string){
			"file removed": func(dir string) { require.NoError(s.t, s.disk.Remove(filepath.Join(dir, "sub", "a"))) },
			"moved":        func(dir string) { s.move(dir, dir+".old") },
		} {
			s.t.Run(name, func(t *testing.T) {
				dir := filepath.Join(s.dir, name)
				c := s.claim(t, dir)
				f := create(t, c, filepath.Join(dir, "sub", "a"), "one")
				require.NoError(t, f.SyncData())
				take(dir)
				_ = vfs.WriteFull(f, []byte("two"), 0) // it may be too soon after the last look
				require.ErrorIs(t, f.SyncData(), vfs.ErrTaken)
				require.ErrorIs(t, f.Sync(), vfs.ErrTaken)
				require.ErrorIs(t, vfs.WriteFull(f, []byte("two"), 0), vfs.ErrTaken)
				require.ErrorIs(t, f.Allocate(0, 10), vfs.ErrTaken)
				require.ErrorIs(t, f.Truncate(0), vfs.ErrTaken)
				require.NoError(t, f.Close())
				require.NoError(t, c.Close())
			})
		}
	})
}

// TestClaimOnce holds that a directory is claimed once, whatever becomes of the file that is locked, and read by nobody
// meanwhile who would take it for at rest.
func TestClaimOnce(t *testing.T) {
	eachFS(t, func(s subject) {
		t, dir := s.t, filepath.Join(s.dir, "d")
		c := s.claim(t, dir)
		refused := func() {
			t.Helper()
			_, err := vfs.TakeClaim(s.disk, dir, "LOCK")
			require.ErrorIs(t, err, vfs.ErrLocked)
			_, err = vfs.OpenShared(s.disk, dir, "LOCK")
			require.ErrorIs(t, err, vfs.ErrLocked)
		}
		refused()
		require.NoError(t, s.disk.Remove(filepath.Join(dir, "LOCK")))
		refused()
		require.NoError(t, c.Close())

		first, err := vfs.OpenShared(s.disk, dir, "LOCK")
		require.NoError(t, err)
		require.True(t, first.Locked())
		second, err := vfs.OpenShared(s.disk, dir, "LOCK")
		require.NoError(t, err)
		_, err = vfs.TakeClaim(s.disk, dir, "LOCK")
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.NoError(t, errors.Join(first.Close(), second.Close()))
		c, err = vfs.TakeClaim(s.disk, dir, "LOCK")
		require.NoError(t, err)
		require.NoError(t, c.Close())
	})
}
