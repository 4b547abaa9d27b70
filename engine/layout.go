package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// A store is made in steps, each durable before the next: the directory, its store-id, an empty log, manifest 1. Events
// come after that, so that a store without a manifest has none, and one that shows traces of events has lost it.

// claimDir makes the directory if needed and claims it. One that is not a store's is not touched.
func claimDir(fsys vfs.FS, dir string) (*vfs.Claim, error) {
	if err := checkDir(fsys, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	claim, err := vfs.TakeClaim(fsys, dir, lockName)
	return claim, lockError(err)
}

// lockError gives the error for a directory that somebody else has its class.
func lockError(err error) error {
	if errors.Is(err, vfs.ErrLocked) {
		return ErrLocked
	}
	return err
}

// checkDir refuses a directory that holds other things than a store.
func checkDir(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil || slices.Contains(names, storeIDName) {
		return err
	}
	if i := slices.IndexFunc(names, func(name string) bool { return !mayPrecedeStore(name) }); i >= 0 {
		return fmt.Errorf("%w: no %s beside %q; a new store needs an empty directory", ErrCorrupt, storeIDName, names[i])
	}
	return nil
}

// mayPrecedeStore tells whether a file may be in the directory before the store is: the lock, tokens made ahead of the
// first start, what an interrupted start left, and what a new file system has at its root.
func mayPrecedeStore(name string) bool {
	return name == lockName || name == "lost+found" || strings.HasPrefix(name, "tokens.json") || strings.HasSuffix(name, vfs.TempSuffix)
}

// storedDirs are the directories of what a manifest names.
var storedDirs = [...]string{packDirName, listKeys.String(), listRejects.String(), listActuals.String()}

// keepLayout makes the claim depend on what must stay where it is while the store is open.
func (k *keeper) keepLayout() error {
	names := []string{filepath.Join(k.dir, storeIDName), filepath.Join(k.dir, logDirName)}
	for _, dir := range storedDirs {
		names = append(names, filepath.Join(k.dir, dir))
	}
	return k.claim.Keep(names...)
}

// checkLayout refuses a store whose log is gone, which the log cannot tell when no checkpoint covers a part of it, or which
// has packs or lists and no manifest.
func (k *keeper) checkLayout() error {
	if k.manifest.number > 0 && k.manifest.covered != (wal.Position{}) {
		return nil
	}
	if k.manifest.number > 0 {
		names, err := k.list(logDirName)
		if err == nil && !slices.ContainsFunc(names, func(name string) bool { return filepath.Ext(name) == ".log" }) {
			err = fmt.Errorf("%w: %s: the log is missing", ErrCorrupt, filepath.Join(k.dir, logDirName, wal.FirstName))
		}
		return err
	}
	for _, dir := range storedDirs {
		names, err := k.list(dir)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return k.noManifest(filepath.Join(dir, names[0]))
		}
	}
	return nil
}

func (k *keeper) noManifest(what string) error {
	return fmt.Errorf("%w: %s: there is %s and no manifest", ErrCorrupt, filepath.Join(k.dir, manifestPrefix+"*"), what)
}

// list returns the names in a directory of the store, none if it is missing.
func (k *keeper) list(dir string) ([]string, error) {
	names, err := k.fs.List(filepath.Join(k.dir, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// completeLayout makes what is missing of a new store's directory, once the log is there.
func (k *keeper) completeLayout(log *wal.Log) error {
	if err := k.makeDirs(); err != nil {
		return err
	}
	if k.manifest.number > 0 {
		return k.mendCopy()
	}
	if err := log.Err(); err != nil { // then it may have no file yet
		return logError(err)
	}
	return k.commit(&manifest{})
}

// makeDirs makes the directories that are missing, durably.
func (k *keeper) makeDirs() error {
	for _, dir := range storedDirs {
		if err := k.fs.MkdirAll(filepath.Join(k.dir, dir)); err != nil {
			return err
		}
	}
	return k.fs.SyncDir(k.dir)
}

// mendCopy writes the second copy of the manifest if a crash has kept it from being there, or it is damaged.
func (k *keeper) mendCopy() error {
	if err := k.checkCopy(); err == nil || !errors.Is(err, ErrCorrupt) {
		return err
	}
	return vfs.WriteFileAtomic(k.fs, k.dir, manifestName(k.manifest.number)+copySuffix, k.manifest.encode(k.store))
}

// checkCopy compares the second copy of the manifest with the manifest.
func (k *keeper) checkCopy() error {
	name := filepath.Join(k.dir, manifestName(k.manifest.number)+copySuffix)
	data, err := vfs.ReadFile(k.fs, name)
	if err == nil && !bytes.Equal(data, k.manifest.encode(k.store)) {
		return fmt.Errorf("%w: %s differs from the manifest", ErrCorrupt, name)
	}
	return missing(err)
}
