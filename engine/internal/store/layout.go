package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// A store is made in steps, each durable before the next: the directory, its store-id, an empty log, manifest 1. Events
// come after that, so that a store without a manifest has none, and one that shows traces of events has lost it.

// ClaimDir makes the directory if needed and claims it. One that is not a store's is not touched.
func ClaimDir(fsys vfs.FS, dir string) (*vfs.Claim, error) {
	if err := CheckDir(fsys, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	claim, err := vfs.TakeClaim(fsys, dir, LockName)
	return claim, LockError(err)
}

// LockError gives the error for a directory that somebody else has its class.
func LockError(err error) error {
	if errors.Is(err, vfs.ErrLocked) {
		return base.ErrLocked
	}
	return err
}

// CheckDir refuses a directory that holds other things than a store.
func CheckDir(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil || slices.Contains(names, IDName) {
		return err
	}
	if i := slices.IndexFunc(names, func(name string) bool { return !mayPrecedeStore(name) }); i >= 0 {
		return fmt.Errorf("%w: no %s beside %q; a new store needs an empty directory", base.ErrCorrupt, IDName, names[i])
	}
	return nil
}

// CheckTrace refuses a directory that holds nothing of a store, be it damaged or of an interrupted first start.
func CheckTrace(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(names, isTrace) {
		return fmt.Errorf("%w: neither %s nor %s nor %s is there", base.ErrNoStore, IDName, ManifestPattern, LogDir)
	}
	return nil
}

func isTrace(name string) bool {
	return name == LockName || strings.HasPrefix(name, IDName) || strings.HasPrefix(name, manifestPrefix) || name == LogDir ||
		slices.Contains(storedDirs[:], name)
}

// mayPrecedeStore tells whether a file may be in the directory before the store is: the lock, tokens made ahead of the
// first start, what an interrupted start left, and what a new file system has at its root.
func mayPrecedeStore(name string) bool {
	return vfs.IsInEmpty(name, LockName) || strings.HasPrefix(name, TokensName) || strings.HasSuffix(name, vfs.TempSuffix)
}

// storedDirs are the directories of what a manifest names.
var storedDirs = [...]string{packDir, ListKeys.String(), ListRejects.String(), ListActuals.String(), ListPositions.String()}

// KeepLayout makes the claim depend on what must stay where it is while the store is open.
func (f *Files) KeepLayout() error {
	names := []string{filepath.Join(f.dir, IDName), filepath.Join(f.dir, LogDir)}
	for _, dir := range storedDirs {
		names = append(names, filepath.Join(f.dir, dir))
	}
	return f.claim.Keep(names...)
}

// CheckLayout refuses a store whose log is gone, which the log cannot tell when no checkpoint covers a part of it, or which
// has packs or lists and no manifest.
func (f *Files) CheckLayout() error {
	if f.Manifest.Number > 0 && f.Manifest.Covered != (wal.Position{}) {
		return nil
	}
	if f.Manifest.Number > 0 {
		names, err := f.list(LogDir)
		if err == nil && !slices.ContainsFunc(names, func(name string) bool { return filepath.Ext(name) == ".log" }) {
			err = fmt.Errorf("%w: %s: the log is missing", base.ErrCorrupt, filepath.Join(f.dir, LogDir, wal.FirstName))
		}
		return err
	}
	for _, dir := range storedDirs {
		names, err := f.list(dir)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return f.NoManifest(filepath.Join(dir, names[0]))
		}
	}
	return nil
}

// NoManifest is the error for a store that has what is named and no manifest.
func (f *Files) NoManifest(what string) error {
	return fmt.Errorf("%w: %s: there is %s and no manifest", base.ErrCorrupt, filepath.Join(f.dir, ManifestPattern), what)
}

// list returns the names in a directory of the store, none if it is missing.
func (f *Files) list(dir string) ([]string, error) {
	names, err := f.fs.List(filepath.Join(f.dir, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// CompleteLayout makes what is missing of a new store's directory, once the log is there.
func (f *Files) CompleteLayout(log *wal.Log) error {
	if err := f.MakeDirs(); err != nil {
		return err
	}
	if f.Manifest.Number > 0 {
		return f.MendCopy()
	}
	if err := log.Err(); err != nil { // then it may have no file yet
		return base.LogError(err)
	}
	return f.Commit(&Manifest{})
}

// MakeDirs makes the directories that are missing, durably.
func (f *Files) MakeDirs() error {
	for _, dir := range storedDirs {
		if err := f.fs.MkdirAll(filepath.Join(f.dir, dir)); err != nil {
			return err
		}
	}
	return f.fs.SyncDir(f.dir)
}

// MendCopy writes the second copy of the manifest if a crash has kept it from being there, or it is damaged.
func (f *Files) MendCopy() error {
	if err := f.CheckCopy(); err == nil || !errors.Is(err, base.ErrCorrupt) {
		return err
	}
	return vfs.WriteFileAtomic(f.fs, f.dir, ManifestName(f.Manifest.Number)+CopySuffix, f.Manifest.Encode(f.id))
}

// CheckCopy compares the second copy of the manifest with the manifest.
func (f *Files) CheckCopy() error {
	name := filepath.Join(f.dir, ManifestName(f.Manifest.Number)+CopySuffix)
	data, err := vfs.ReadFile(f.fs, name)
	if err == nil && !bytes.Equal(data, f.Manifest.Encode(f.id)) {
		return fmt.Errorf("%w: %s differs from the manifest", base.ErrCorrupt, name)
	}
	return base.Missing(err)
}
