package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// osDir is a directory that is open. Names are resolved from its descriptor, and those in a directory that is held from
// that one's: neither a rename of what lies above nor a want of descriptors keeps it from being synced.
type osDir struct {
	osFS // over this directory
	file *os.File
	path string

	mu sync.RWMutex
	// held are this directory and some in it, by their path from it. Guarded by mu, nil when closed.
	held map[string]*os.File
}

var _ Dir = (*osDir)(nil)

func newOSDir(f *os.File, path string) *osDir {
	d := &osDir{file: f, path: filepath.Clean(path), held: map[string]*os.File{".": f}}
	d.osFS = osFS{d}
	return d
}

// at is resolver's. The directory itself is "." from there.
func (d *osDir) at(name string, do func(fd int, base string) error) error {
	rest, err := d.rest(name)
	if err != nil {
		return err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.held == nil {
		return fs.ErrClosed
	}
	above, base := filepath.Split(rest)
	f := d.held[filepath.Clean(above)]
	if f == nil {
		f, base = d.file, rest
	}
	return control(f, func(fd int) error { return do(fd, base) })
}

// rest is the path from the directory to what a name leads to.
func (d *osDir) rest(name string) (string, error) {
	rest, err := filepath.Rel(d.path, name)
	if err != nil || !filepath.IsLocal(rest) {
		return "", fs.ErrInvalid
	}
	return rest, nil
}

// Hold is Dir's.
func (d *osDir) Hold(dir string) error {
	rest, err := d.rest(dir)
	if err != nil {
		return pathError("hold", dir, err)
	}
	f, err := d.open(dir, dirFlags)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil || d.held[rest] != nil {
		return f.Close()
	}
	d.held[rest] = f
	return nil
}

// with calls do with a directory that is held. ok is false if it is not.
func (d *osDir) with(dir string, do func(f *os.File) error) (ok bool, err error) {
	rest, err := d.rest(dir)
	if err != nil {
		return false, nil
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	f := d.held[rest]
	if f == nil {
		return false, nil
	}
	return true, do(f)
}

// SyncDir is FS's, without another descriptor for what is held.
func (d *osDir) SyncDir(dir string) error {
	if ok, err := d.with(dir, (*os.File).Sync); ok {
		return err
	}
	return d.osFS.SyncDir(dir)
}

// Free is FS's, without another descriptor for what is held.
func (d *osDir) Free(dir string) (free int64, err error) {
	ok, err := d.with(dir, func(f *os.File) (err error) {
		free, err = freeBytes(f)
		return err
	})
	if ok {
		return free, err
	}
	return d.osFS.Free(dir)
}

// Close is Dir's.
func (d *osDir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil {
		return fs.ErrClosed
	}
	var errs []error
	for _, f := range d.held {
		errs = append(errs, f.Close())
	}
	d.held = nil
	return errors.Join(errs...)
}
