package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Data directories may hold secrets, so both are private to the user who runs the process.
const (
	filePerm = 0o600
	dirPerm  = 0o700
)

// openFlags keep an open from following a planted link and from hanging on a planted pipe.
const openFlags = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// dirFlags open a directory, to which a link may lead: an operator may have put it on another disk.
const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC

// osFS is the file system of the operating system, seen from wherever the names are resolved.
type osFS struct{ resolver }

// resolver calls do with what leads to a name: a directory's descriptor, which stays open during the call, and a name
// from there. An error of do comes back as it is.
type resolver interface {
	at(name string, do func(fd int, base string) error) error
}

var _ FS = osFS{}

// OS returns the file system of the operating system.
func OS() FS { return osFS{working{}} }

// working resolves names as the process does.
type working struct{}

func (working) at(name string, do func(fd int, base string) error) error {
	return do(unix.AT_FDCWD, name)
}

// call runs a system call on what a name leads to.
func (o osFS) call(op, name string, do func(fd int, base string) error) error {
	return pathError(op, name, o.at(name, func(fd int, base string) error {
		return retry(func() error { return do(fd, base) })
	}))
}

// open opens what a name leads to.
func (o osFS) open(name string, flags int) (f *os.File, err error) {
	err = o.call("open", name, func(fd int, base string) error {
		opened, err := unix.Openat(fd, base, flags|unix.O_CLOEXEC, filePerm)
		if err == nil {
			f = os.NewFile(uintptr(opened), name)
		}
		return err
	})
	return f, err
}

func (o osFS) openRegular(name string, flags int) (File, error) {
	f, err := o.open(name, flags|openFlags)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = pathError("open", name, ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &osFile{File: f}, nil
}

func (o osFS) Create(name string) (File, error) {
	return o.openRegular(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
}

func (o osFS) Open(name string) (File, error) {
	f, err := o.openRegular(name, unix.O_RDWR)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return o.openRegular(name, unix.O_RDONLY)
	}
	return f, err
}

func (o osFS) OpenRead(name string) (File, error) { return o.openRegular(name, unix.O_RDONLY) }

func (o osFS) OpenDir(dir string) (Dir, error) {
	f, err := o.open(dir, dirFlags)
	if err != nil {
		return nil, err
	}
	return newOSDir(f, dir), nil
}

func (o osFS) Rename(oldName, newName string) error {
	return o.call("rename", oldName, func(oldFD int, oldBase string) error {
		return o.at(newName, func(newFD int, newBase string) error {
			return unix.Renameat(oldFD, oldBase, newFD, newBase)
		})
	})
}

func (o osFS) Remove(name string) error {
	return o.call("remove", name, func(fd int, base string) error {
		err := unix.Unlinkat(fd, base, 0)
		if err == nil {
			return nil
		}
		// Systems differ in what they say of a directory.
		if dirErr := unix.Unlinkat(fd, base, unix.AT_REMOVEDIR); !errors.Is(dirErr, unix.ENOTDIR) {
			return dirErr
		}
		return err
	})
}

func (o osFS) List(dir string) ([]string, error) {
	d, err := o.open(dir, dirFlags)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, d.Close())
}

func (o osFS) MkdirAll(dir string) error {
	dir = filepath.Clean(dir) // else what is above "a/../b" may not be there when all that Dir says is
	err := o.call("mkdir", dir, func(fd int, base string) error { return unix.Mkdirat(fd, base, dirPerm) })
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		if err := o.MkdirAll(filepath.Dir(dir)); err != nil {
			return err
		}
		return o.MkdirAll(dir)
	}
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := o.open(dir, dirFlags)
	if err != nil {
		return err
	}
	return d.Close()
}

func (o osFS) SyncDir(dir string) error {
	d, err := o.open(dir, dirFlags)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (o osFS) Lock(name string) (Lock, error) {
	f, err := o.open(name, unix.O_RDWR|unix.O_CREAT|openFlags)
	if errors.Is(err, unix.EISDIR) {
		f, err = o.open(name, dirFlags)
	}
	if err != nil {
		return nil, err
	}
	return lock(f, unix.LOCK_EX)
}

func (o osFS) LockShared(name string) (Lock, error) {
	f, err := o.open(name, unix.O_RDONLY|openFlags)
	if err != nil {
		return nil, err
	}
	return lock(f, unix.LOCK_SH)
}

func (o osFS) Identify(name string) (id Identity, err error) {
	err = o.call("stat", name, func(fd int, base string) error {
		var st unix.Stat_t
		err := unix.Fstatat(fd, base, &st, 0)
		id = identity(&st)
		return err
	})
	return id, err
}

func (o osFS) Free(dir string) (free int64, err error) {
	d, err := o.open(dir, dirFlags)
	if err != nil {
		return 0, err
	}
	free, err = freeBytes(d)
	return free, errors.Join(err, d.Close())
}

// freeBytes asks the file system of an open directory.
func freeBytes(dir *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := control(dir, func(fd int) error { return unix.Fstatfs(fd, &st) }); err != nil {
		return 0, pathError("statfs", dir.Name(), err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // The types differ between systems.
}

func identity(st *unix.Stat_t) Identity {
	return Identity{uint64(st.Dev), uint64(st.Ino)} //nolint:unconvert // The types differ between systems.
}

// osLock is an open file or directory that is locked.
type osLock struct{ *os.File }

// lock locks f, and closes it where that fails.
func lock(f *os.File, how int) (Lock, error) {
	err := control(f, func(fd int) error { return unix.Flock(fd, how|unix.LOCK_NB) })
	switch {
	case err == nil:
		return osLock{f}, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = ErrLocked
	case errors.Is(err, unix.EBADF), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOLCK):
		err = errors.ErrUnsupported // such as a directory on NFS
	}
	return nil, errors.Join(pathError("lock", f.Name(), err), f.Close())
}

func (l osLock) Identity() (Identity, error) {
	st, err := stat(l.File)
	return identity(&st), err
}

func stat(f *os.File) (st unix.Stat_t, err error) {
	err = control(f, func(fd int) error { return unix.Fstat(fd, &st) })
	return st, pathError("stat", f.Name(), err)
}

// control runs a system call on the descriptor, which stays open until the call is over.
func control(f *os.File, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = conn.Control(func(fd uintptr) {
		callErr = retry(func() error { return call(int(fd)) })
	})
	if err != nil {
		// Control itself fails on closed files alone, with an error that does not say fs.ErrClosed.
		return os.ErrClosed
	}
	return callErr
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
