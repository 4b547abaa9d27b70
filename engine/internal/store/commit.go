package store

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/residualdb/residual/internal/vfs"
)

// Commit makes next the manifest. The rename of its file is the moment; when the directory above is synced, a restart
// finds it for certain.
//
// A sync that fails leaves open what a restart finds, and asking again would ask the cache: that is the end of checkpoints.
// Where the sync was not even tried, for want of space or of file descriptors, the next commit may settle it.
func (f *Files) Commit(next *Manifest) error {
	if err := f.Claim.Check(); err != nil {
		return err
	}
	next.LastFile = f.LastFile
	if f.Spilling {
		f.setManifest(next) // its number stays that of the file
		return nil
	}
	next.Number = f.Manifest.Number + 1
	if f.Trusted != nil {
		next.Trusted = f.Trusted()
	}
	for _, dir := range storedDirs {
		if err := f.syncDir(dir); err != nil {
			return err
		}
	}
	name, content := ManifestName(next.Number), next.Encode(f.ID)
	if err := vfs.ReplaceFile(f.FS, f.Dir, name+CopySuffix, content); err != nil {
		return err
	}
	if err := vfs.ReplaceFile(f.FS, f.Dir, name, content); err != nil {
		return err
	}
	f.unsettled = true
	if err := f.syncDir("."); err != nil {
		return err
	}
	f.unsettled, f.FirstSpilled = false, 0
	f.setManifest(next)
	return nil
}

func (f *Files) setManifest(next *Manifest) {
	f.Manifest = *next
	maps.DeleteFunc(f.Packs, func(number uint64, _ *Pack) bool {
		return !slices.ContainsFunc(next.Packs, func(p PackRef) bool { return p.Number == number })
	})
}

func (f *Files) syncDir(name string) error {
	err := f.FS.SyncDir(filepath.Join(f.Dir, name))
	if err != nil && !passes(err) {
		return f.Fail(err)
	}
	return err
}

// passes tells whether an error is one of those that leave everything as it was and pass by themselves.
func passes(err error) bool {
	return vfs.IsNoSpace(err) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func (m *Manifest) Clone() Manifest {
	c := *m
	c.Packs = slices.Clone(m.Packs)
	for i := range c.Packs {
		c.Packs[i].Dead = slices.Clone(c.Packs[i].Dead)
	}
	c.Keys, c.Rejects, c.Actuals = slices.Clone(m.Keys), slices.Clone(m.Rejects), slices.Clone(m.Actuals)
	return c
}
