package vfs

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Shared is a directory that is open for reading, beside others who read it.
type Shared struct {
	Dir

	locks []Lock
}

// OpenShared opens a directory for reading and, where that can be, locks it against a [Claim]: ErrLocked if there is one.
// It makes nothing, so that it serves where nothing can be written.
func OpenShared(fsys FS, dir, lockName string) (*Shared, error) {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Shared{Dir: d}
	for _, name := range []string{dir, filepath.Join(dir, lockName)} {
		lock, err := s.LockShared(name)
		switch {
		case err == nil:
			s.locks = append(s.locks, lock)
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		default:
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Locked tells whether a claim is kept away.
func (s *Shared) Locked() bool { return len(s.locks) > 0 }

// Close releases the directory and what is locked.
func (s *Shared) Close() error {
	var errs []error
	for _, lock := range s.locks {
		errs = append(errs, lock.Close())
	}
	return errors.Join(append(errs, s.Dir.Close())...)
}
