package store

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/residualdb/residual/internal/vfs"
)

// Sweep removes the files that the manifest does not name.
func (f *Files) Sweep() error {
	names, err := f.Unlisted()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := f.FS.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// Unlisted returns the paths of the files that are of a kind which the manifest names, and that it does not name.
func (f *Files) Unlisted() ([]string, error) {
	name := ManifestName(f.Manifest.Number)
	keep := map[string]bool{name: true, name + CopySuffix: true}
	for _, p := range f.Manifest.Packs {
		keep[filepath.Join(PackDir, PackName(p.Number))] = true
	}
	for kind, lists := range map[ListKind][]ListRef{ListKeys: f.Manifest.Keys, ListRejects: f.Manifest.Rejects, ListActuals: f.Manifest.Actuals} {
		for _, l := range lists {
			keep[filepath.Join(kind.String(), ListName(l.Number))] = true
		}
	}
	var unlisted []string
	for _, dir := range append([]string{""}, storedDirs[:]...) {
		names, err := f.list(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if name = filepath.Join(dir, name); !keep[name] && sweepable(filepath.Base(name)) {
				unlisted = append(unlisted, filepath.Join(f.Dir, name))
			}
		}
	}
	return unlisted, nil
}

// Tidy removes what an attempt that failed with err has left behind, unless a restart might find it named, or finds a
// manifest that does not know what was spilled.
func (f *Files) Tidy(err error) error {
	if f.unsettled || f.FirstSpilled != 0 || f.Failure() != nil {
		return err
	}
	return errors.Join(err, f.Sweep())
}

// sweepable tells whether a file is of a kind that only a manifest keeps.
func sweepable(name string) bool {
	for _, affix := range [...][2]string{{ManifestPrefix, ""}, {ManifestPrefix, CopySuffix}, {"", packSuffix}, {"", listSuffix}} {
		for _, temp := range [...]string{"", vfs.TempSuffix} {
			if _, err := parseNumber(name, affix[0], affix[1]+temp); err == nil {
				return true
			}
		}
	}
	return false
}

// PassLeftovers takes no number of a pack that a crash has left, before the first one is spilled: nothing is removed
// until the log was found good.
func (f *Files) PassLeftovers() error {
	if f.FirstSpilled != 0 {
		return nil
	}
	names, err := f.list(PackDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if n, err := parseNumber(name, "", packSuffix); err == nil {
			f.LastFile = max(f.LastFile, n)
		}
	}
	f.FirstSpilled = f.LastFile + 1
	return nil
}

// DropSpilled removes the packs of a replay that failed, so that the directory is as it was.
func (f *Files) DropSpilled() error {
	var errs []error
	for number := f.FirstSpilled; number != 0 && number <= f.LastFile; number++ {
		err := f.FS.Remove(filepath.Join(f.Dir, PackDir, PackName(number)))
		if !errors.Is(err, fs.ErrNotExist) { // one that could not be written whole
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
