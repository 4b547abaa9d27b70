package engine

import (
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/internal/vfs"
)

// commit makes next the manifest. A failure of its directory sync leaves open which manifest a restart finds, so that
// nothing may be removed or written over any more.
func (k *keeper) commit(next *manifest) error {
	next.number = k.manifest.number + 1
	next.nextFile = k.nextFile
	for _, dir := range []string{packDirName, listKeys.String(), listRejects.String()} {
		if err := k.fs.SyncDir(filepath.Join(k.dir, dir)); err != nil {
			k.failed = err
			return err
		}
	}
	if err := vfs.WriteFileAtomic(k.fs, k.dir, manifestName(next.number), next.encode(k.store)); err != nil {
		k.failed = err
		return err
	}
	k.manifest = *next
	return nil
}

// number takes a file number that was never used.
func (k *keeper) number() uint64 {
	k.nextFile++
	return k.nextFile
}

func (m *manifest) clone() manifest {
	c := *m
	c.packs = slices.Clone(m.packs)
	for i := range c.packs {
		c.packs[i].dead = slices.Clone(c.packs[i].dead)
	}
	c.keys, c.rejects = slices.Clone(m.keys), slices.Clone(m.rejects)
	return c
}
