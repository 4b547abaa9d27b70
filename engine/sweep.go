package engine

import (
	"errors"
	"path/filepath"

	"github.com/residualdb/residual/internal/vfs"
)

// sweep removes the files that the manifest does not name.
func (k *keeper) sweep() error {
	names, err := k.unlisted()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := k.fs.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// unlisted returns the paths of the files that are of a kind which the manifest names, and that it does not name.
func (k *keeper) unlisted() ([]string, error) {
	name := manifestName(k.manifest.number)
	keep := map[string]bool{name: true, name + copySuffix: true}
	for _, p := range k.manifest.packs {
		keep[filepath.Join(packDirName, packName(p.number))] = true
	}
	for kind, lists := range map[listKind][]listRef{listKeys: k.manifest.keys, listRejects: k.manifest.rejects, listActuals: k.manifest.actuals} {
		for _, f := range lists {
			keep[filepath.Join(kind.String(), listName(f.number))] = true
		}
	}
	var unlisted []string
	for _, dir := range append([]string{""}, storedDirs[:]...) {
		names, err := k.list(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if name = filepath.Join(dir, name); !keep[name] && sweepable(filepath.Base(name)) {
				unlisted = append(unlisted, filepath.Join(k.dir, name))
			}
		}
	}
	return unlisted, nil
}

// tidy removes what an attempt that failed with err has left behind, unless a restart might find it named, or finds a
// manifest that does not know what was spilled.
func (k *keeper) tidy(err error) error {
	if k.unsettled || k.firstSpilled != 0 || k.failure() != nil {
		return err
	}
	return errors.Join(err, k.sweep())
}

// sweepable tells whether a file is of a kind that only a manifest keeps.
func sweepable(name string) bool {
	for _, affix := range [...][2]string{{manifestPrefix, ""}, {manifestPrefix, copySuffix}, {"", packSuffix}, {"", listSuffix}} {
		for _, temp := range [...]string{"", vfs.TempSuffix} {
			if _, err := parseNumber(name, affix[0], affix[1]+temp); err == nil {
				return true
			}
		}
	}
	return false
}
