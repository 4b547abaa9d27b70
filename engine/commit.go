package engine

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/residualdb/residual/internal/vfs"
)

// commit makes next the manifest. The rename of its file is the moment; when the directory above is synced, a restart
// finds it for certain.
//
// A sync that fails leaves open what a restart finds, and asking again would ask the cache: that is the end of checkpoints.
// Where the sync was not even tried, for want of space or of file descriptors, the next commit may settle it.
func (k *keeper) commit(next *manifest) error {
	if err := k.claim.Check(); err != nil {
		return err
	}
	next.lastFile = k.lastFile
	if k.spilling {
		k.setManifest(next) // its number stays that of the file
		return nil
	}
	next.number = k.manifest.number + 1
	if k.clock != nil {
		next.trusted = k.clock.read().trusted
	}
	for _, dir := range storedDirs {
		if err := k.syncDir(dir); err != nil {
			return err
		}
	}
	name, content := manifestName(next.number), next.encode(k.store)
	if err := vfs.ReplaceFile(k.fs, k.dir, name+copySuffix, content); err != nil {
		return err
	}
	if err := vfs.ReplaceFile(k.fs, k.dir, name, content); err != nil {
		return err
	}
	k.unsettled = true
	if err := k.syncDir("."); err != nil {
		return err
	}
	k.unsettled, k.firstSpilled = false, 0
	k.setManifest(next)
	return nil
}

func (k *keeper) setManifest(next *manifest) {
	k.manifest = *next
	maps.DeleteFunc(k.packs, func(number uint64, _ *pack) bool {
		return !slices.ContainsFunc(next.packs, func(p packRef) bool { return p.number == number })
	})
}

func (k *keeper) syncDir(name string) error {
	err := k.fs.SyncDir(filepath.Join(k.dir, name))
	if err != nil && !passes(err) {
		return k.fail(err)
	}
	return err
}

// passes tells whether an error is one of those that leave everything as it was and pass by themselves.
func passes(err error) bool {
	return vfs.IsNoSpace(err) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// fail ends checkpoints, merges and retention for good, because of err.
func (k *keeper) fail(err error) error {
	k.failed.CompareAndSwap(nil, &err)
	return k.failure()
}

// failure returns what ended checkpoints, if anything did.
func (k *keeper) failure() error {
	if err := k.failed.Load(); err != nil {
		return fmt.Errorf("%w: no checkpoints until a restart: %w", ErrDegraded, *err)
	}
	if err := k.claim.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrDegraded, err)
	}
	return nil
}

// number takes a file number that was never used.
func (k *keeper) number() uint64 {
	k.lastFile++
	return k.lastFile
}

func (m *manifest) clone() manifest {
	c := *m
	c.packs = slices.Clone(m.packs)
	for i := range c.packs {
		c.packs[i].dead = slices.Clone(c.packs[i].dead)
	}
	c.keys, c.rejects, c.actuals = slices.Clone(m.keys), slices.Clone(m.rejects), slices.Clone(m.actuals)
	return c
}
