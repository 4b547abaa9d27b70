package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// Space is how many bytes files of each kind have: what the manifest says of packs and lists, so that nothing is walked.
type Space struct {
	Packs int64
	Lists [listKinds]int64 // the first element is not used
	// Manifest is that of the manifest, its copy and the store's id.
	Manifest int64
	// Pinned is that of packs and lists that no manifest names, and that are there because a pin keeps them, or did when they
	// were last to be swept.
	Pinned int64
}

// Space returns what the files take. It may be called by any goroutine.
func (f *Files) Space() Space {
	s := *f.space.Load()
	s.Pinned = f.pins.garbage.Load()
	return s
}

// measure adds up what the manifest names.
func (f *Files) measure() *Space {
	s := &Space{Manifest: int64(len(EncodeID(f.id)))}
	for _, p := range f.Manifest.Packs {
		s.Packs += p.Size
	}
	for kind, l := range f.Manifest.AllLists {
		s.Lists[kind] += l.Size
	}
	if f.Manifest.Number > 0 {
		s.Manifest += 2 * int64(len(f.Manifest.Encode(f.id)))
	}
	return s
}

// KeptPrefix begins the names of the directories that keep what a salvage has replaced.
const KeptPrefix = "salvaged-"

// Kept returns the bytes of what is no part of the store any more and was not removed: files that a salvage has replaced, and
// log files whose torn tail was cut off. It opens each of these files, of which there are few. It may be
// called by any goroutine.
func (f *Files) Kept() (int64, error) {
	names, err := f.fs.List(f.dir)
	if err != nil {
		return 0, err
	}
	kept, err := wal.Kept(f.fs, filepath.Join(f.dir, LogDir))
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, KeptPrefix) {
			continue
		}
		n, err := vfs.DirBytes(f.fs, filepath.Join(f.dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		kept += n
	}
	return kept, nil
}
