package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
)

// Commit makes next the manifest. The rename of its file is the moment; when the directory above is synced, a restart
// finds it for certain.
//
// A sync that fails leaves open what a restart finds, and asking again would ask the cache: that is the end of checkpoints.
// Where the sync was not even tried, for want of space or of file descriptors, the next commit may settle it.
func (f *Files) Commit(next *Manifest) error {
	if err := f.claim.Check(); err != nil {
		return err
	}
	next.LastFile = f.lastFile
	next.Number = f.Manifest.Number + 1
	if f.Trusted != nil {
		next.Trusted = f.Trusted()
	}
	for _, dir := range storedDirs {
		if err := f.syncDir(dir); err != nil {
			return err
		}
	}
	name, content := ManifestName(next.Number), next.Encode(f.id)
	if err := vfs.ReplaceFile(f.fs, f.dir, name+CopySuffix, content); err != nil {
		return err
	}
	if err := vfs.ReplaceFile(f.fs, f.dir, name, content); err != nil {
		return err
	}
	f.unsettled = true
	if err := f.syncDir("."); err != nil {
		return err
	}
	f.unsettled, f.firstSpilled = false, 0
	f.use(next)
	return nil
}

func (f *Files) syncDir(name string) error {
	err := f.fs.SyncDir(filepath.Join(f.dir, name))
	if err != nil && !passes(err) {
		return f.Fail(err)
	}
	return err
}

// passes tells whether an error is one of those that leave everything as it was and pass by themselves.
func passes(err error) bool {
	return vfs.IsNoSpace(err) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// Fail ends checkpoints, merges and retention for good, because of err.
func (f *Files) Fail(err error) error {
	f.failed.CompareAndSwap(nil, &err)
	return f.Failure()
}

// Failure returns what ended checkpoints, if anything did.
func (f *Files) Failure() error {
	if err := f.failed.Load(); err != nil {
		return fmt.Errorf("%w: no checkpoints until a restart: %w", base.ErrDegraded, *err)
	}
	if err := f.claim.Err(); err != nil {
		return fmt.Errorf("%w: %w", base.ErrDegraded, err)
	}
	return nil
}
