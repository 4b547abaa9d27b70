package engine

import (
	"errors"
	"path/filepath"

	"github.com/residualdb/residual/internal/vfs"
)

// sweep removes the files that the manifest does not name.
func (k *keeper) sweep() error {
	keep := map[string]bool{filepath.Join(k.dir, manifestName(k.manifest.number)): true}
	for _, p := range k.manifest.packs {
		keep[filepath.Join(k.dir, packDirName, packName(p.number))] = true
	}
	for kind, lists := range map[listKind][]listRef{listKeys: k.manifest.keys, listRejects: k.manifest.rejects} {
		for _, f := range lists {
			keep[filepath.Join(k.dir, kind.String(), listName(f.number))] = true
		}
	}
	var errs []error
	for _, dir := range []string{".", packDirName, listKeys.String(), listRejects.String()} {
		errs = append(errs, k.sweepDir(filepath.Join(k.dir, dir), keep))
	}
	return errors.Join(errs...)
}

// tidy removes what an attempt that failed with err has left behind, unless a restart might find it named.
func (k *keeper) tidy(err error) error {
	if k.unsettled || k.failure() != nil {
		return err
	}
	return errors.Join(err, k.sweep())
}

func (k *keeper) sweepDir(dir string, keep map[string]bool) error {
	names, err := k.fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		full := filepath.Join(dir, name)
		if keep[full] || !sweepable(name) {
			continue
		}
		if err := k.fs.Remove(full); err != nil {
			return err
		}
	}
	return nil
}

// sweepable tells whether a file is of a kind that only a manifest keeps.
func sweepable(name string) bool {
	for _, affix := range [...][2]string{{manifestPrefix, ""}, {"", packSuffix}, {"", listSuffix}} {
		for _, temp := range [...]string{"", vfs.TempSuffix} {
			if _, err := parseNumber(name, affix[0], affix[1]+temp); err == nil {
				return true
			}
		}
	}
	return false
}
