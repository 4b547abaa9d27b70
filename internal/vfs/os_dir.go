package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// osDir is a directory that is open. Names are resolved from its descriptor, and those in a directory below it from that
// one's, which is opened when it is first used and stays open: neither a rename of what lies above nor a want of
// descriptors keeps the directory from being synced.
type osDir struct {
	osFS // over this directory
	file *os.File
	path string

	mu sync.RWMutex
	// below are this directory and those in it, by their path from it. Guarded by mu, nil when closed.
	below map[string]*os.File
}

var _ Dir = (*osDir)(nil)

func newOSDir(f *os.File, path string) *osDir {
	d := &osDir{file: f, path: filepath.Clean(path), below: map[string]*os.File{".": f}}
	d.osFS = osFS{d}
	return d
}

// at is resolver's. The directory itself is "." from there.
func (d *osDir) at(name string, do func(fd int, base string) error) error {
	rest, err := d.rest(name)
	if err != nil {
		return err
	}
	above, base := filepath.Split(rest)
	return d.with(filepath.Clean(above), func(f *os.File) error {
		return control(f, func(fd int) error { return do(fd, base) })
	})
}

// rest is the path from the directory to what a name leads to.
func (d *osDir) rest(name string) (string, error) {
	rest, err := filepath.Rel(d.path, name)
	if err != nil || !filepath.IsLocal(rest) {
		return "", fs.ErrInvalid
	}
	return rest, nil
}

// with calls do with an open directory, this one or one below it, which stays open meanwhile.
func (d *osDir) with(rest string, do func(f *os.File) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for d.below != nil && d.below[rest] == nil {
		d.mu.RUnlock()
		err := d.openBelow(rest)
		d.mu.RLock()
		if err != nil {
			return err
		}
	}
	if d.below == nil {
		return fs.ErrClosed
	}
	return do(d.below[rest])
}

// openBelow opens a directory below this one.
func (d *osDir) openBelow(rest string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.below == nil || d.below[rest] != nil {
		return nil
	}
	return control(d.file, func(fd int) error {
		opened, err := unix.Openat(fd, rest, dirFlags, 0)
		if err == nil {
			d.below[rest] = os.NewFile(uintptr(opened), filepath.Join(d.path, rest))
		}
		return err
	})
}

// Remove is FS's. A directory that was removed is not held any longer.
func (d *osDir) Remove(name string) error {
	err := d.osFS.Remove(name)
	rest, restErr := d.rest(name)
	if err != nil || restErr != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.below[rest]; f != nil {
		delete(d.below, rest)
		return f.Close()
	}
	return nil
}

// SyncDir is FS's, without another descriptor.
func (d *osDir) SyncDir(dir string) error {
	return d.on("sync", dir, (*os.File).Sync)
}

// Free is FS's, without another descriptor.
func (d *osDir) Free(dir string) (free int64, err error) {
	err = d.on("statfs", dir, func(f *os.File) error {
		free, err = freeBytes(f)
		return err
	})
	return free, err
}

// on calls do with an open directory.
func (d *osDir) on(op, dir string, do func(f *os.File) error) error {
	rest, err := d.rest(dir)
	if err != nil {
		return pathError(op, dir, err)
	}
	var failed error
	err = d.with(rest, func(f *os.File) error {
		failed = do(f)
		return nil
	})
	if err != nil {
		return pathError(op, dir, err)
	}
	return failed
}

// Close is Dir's.
func (d *osDir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.below == nil {
		return fs.ErrClosed
	}
	var errs []error
	for _, f := range d.below {
		errs = append(errs, f.Close())
	}
	d.below = nil
	return errors.Join(errs...)
}
