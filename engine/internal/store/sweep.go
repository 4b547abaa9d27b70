package store

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/residualdb/residual/internal/vfs"
)

// Sweep removes the files that the manifest does not name, but for those that are pinned. No query may still need a pack that is
// among them.
func (f *Files) Sweep() error {
	names, err := f.Unlisted()
	if err != nil {
		return err
	}
	for _, name := range names {
		if f.pins.spare(name) {
			continue
		}
		f.open.drop(name) // an open file would keep its space
		if err := f.fs.Remove(name); err != nil {
			return err
		}
	}
	f.pins.swept()
	return nil
}

// Unlisted returns the paths of the files that are of a kind which the manifest names, and that it does not name.
func (f *Files) Unlisted() ([]string, error) {
	name := ManifestName(f.Manifest.Number)
	keep := map[string]bool{name: true, name + CopySuffix: true}
	for path := range f.Manifest.AllFiles {
		keep[path] = true
	}
	var unlisted []string
	for _, dir := range append([]string{""}, storedDirs[:]...) {
		names, err := f.list(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if name = filepath.Join(dir, name); !keep[name] && sweepable(filepath.Base(name)) {
				unlisted = append(unlisted, filepath.Join(f.dir, name))
			}
		}
	}
	return unlisted, nil
}

// sweepable tells whether a file is of a kind that only a manifest keeps.
func sweepable(name string) bool {
	for _, affix := range [...][2]string{{manifestPrefix, ""}, {manifestPrefix, CopySuffix}, {"", packSuffix}, {"", listSuffix}} {
		for _, temp := range [...]string{"", vfs.TempSuffix} {
			if _, err := parseNumber(name, affix[0], affix[1]+temp); err == nil {
				return true
			}
		}
	}
	return false
}

// Tidy removes what an attempt that failed with err has left behind, unless a restart might find it named, or finds a
// manifest that does not know what was spilled.
func (f *Files) Tidy(err error) error {
	if f.unsettled || f.firstSpilled != 0 || f.Failure() != nil {
		return err
	}
	return errors.Join(err, f.Sweep())
}

// BeginSpill readies the files for packs that [Files.Adopt] makes known. No number of a pack that a crash has left is taken:
// such a pack is there until the log was found good.
func (f *Files) BeginSpill() error {
	if f.firstSpilled != 0 {
		return nil
	}
	names, err := f.list(packDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if n, err := parseNumber(name, "", packSuffix); err == nil {
			f.lastFile = max(f.lastFile, n)
		}
	}
	f.firstSpilled = f.lastFile + 1
	return nil
}

// Adopt makes next the manifest in memory alone: a restart finds the one before it, and the log with what the packs hold.
// The next commit names them. [Files.BeginSpill] goes before the first pack of it.
func (f *Files) Adopt(next *Manifest) error {
	next.LastFile = f.lastFile
	f.use(next) // its number stays that of the file
	return nil
}

// Spilled tells whether there are packs that no manifest on disk names.
func (f *Files) Spilled() bool { return f.firstSpilled != 0 }

// DropSpilled removes the packs that no manifest on disk names, so that the directory is as it was.
func (f *Files) DropSpilled() error {
	var errs []error
	for number := f.firstSpilled; number != 0 && number <= f.lastFile; number++ {
		err := f.fs.Remove(filepath.Join(f.dir, packDir, packName(number)))
		if !errors.Is(err, fs.ErrNotExist) { // one that could not be written whole
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
