package repair

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// Salvaged is what Salvage did; package engine documents its fields.
type Salvaged struct {
	Lost     []wal.Finding
	Restored []string
	Log      wal.Salvaged
	Kept     string
}

// Salvage makes a damaged store one that opens again, out of what is whole, and says what it gave up. After an error it says
// what was done until then.
func Salvage(fsys vfs.FS, dir string) (Salvaged, error) {
	if err := checkSalvageable(fsys, dir); err != nil {
		return Salvaged{}, err
	}
	claim, err := vfs.TakeClaim(fsys, dir, store.LockName)
	if err != nil {
		return Salvaged{}, store.LockError(err)
	}
	s := salvage{fs: claim, dir: dir}
	err = s.run()
	return s.done, errors.Join(err, claim.Close())
}

// checkSalvageable refuses a directory without any trace of a store: not even a lock is made there.
func checkSalvageable(fsys vfs.FS, dir string) error {
	if err := store.CheckTrace(fsys, dir); err != nil {
		return err
	}
	for _, suffix := range [...]string{"", store.CopySuffix} {
		if _, found, err := store.NewestManifest(fsys, dir, suffix); found || err != nil {
			return err
		}
	}
	return store.CheckDir(fsys, dir)
}

type salvage struct {
	fs   *vfs.Claim
	dir  string
	done Salvaged
}

func (s *salvage) run() error {
	if err := s.restore(); err != nil {
		return err
	}
	v, err := s.verify()
	if err != nil {
		return err
	}
	for _, f := range v.found.Findings {
		if errors.Is(f.Err, base.ErrVersion) || errors.Is(f.Err, base.ErrMisplaced) {
			return f.Err
		}
	}
	if !v.complete { // it went no further than the id, the manifest and the directories
		for _, f := range v.found.Findings {
			return f.Err
		}
		return nil
	}
	log, err := wal.Salvage(s.fs, filepath.Join(s.dir, store.LogDir), v.files.ID(), v.files.Manifest.Covered)
	s.done.Log = log
	if err != nil {
		return base.LogError(err)
	}
	return s.giveUp(v)
}

// readsMax is how often what cannot be read is tried before it is given up.
const readsMax = 3

// verify reads the store, several times if reading fails: a sector may yield at last.
func (s *salvage) verify() (v *verification, err error) {
	for range readsMax {
		v = &verification{fs: s.fs, claim: s.fs, dir: s.dir}
		if err := v.run(); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(v.found.Findings, s.unread) {
			break
		}
	}
	return v, nil
}

// unread tells whether a finding is that something could not be read. The log has its own ways.
func (s *salvage) unread(f wal.Finding) bool {
	return !s.ofLog(f) && !errors.Is(f.Err, base.ErrCorrupt) && !errors.Is(f.Err, base.ErrVersion)
}

func (s *salvage) ofLog(f wal.Finding) bool {
	return filepath.Dir(f.Path) == filepath.Join(s.dir, store.LogDir)
}

// giveUp commits a manifest without what is damaged.
func (s *salvage) giveUp(v *verification) error {
	next := v.files.Manifest.Clone()
	next.Packs = slices.DeleteFunc(next.Packs, func(p store.PackRef) bool { return v.badPacks[p.Number] })
	for i := range next.Packs {
		next.Packs[i].Dead = append(next.Packs[i].Dead, v.badSegments[next.Packs[i].Number]...)
	}
	for kind := range next.Lists {
		next.Lists[kind] = slices.DeleteFunc(next.Lists[kind], func(l store.ListRef) bool { return v.badLists[l.Number] })
	}
	for _, f := range v.found.Findings {
		if !s.ofLog(f) && filepath.Ext(f.Path) != store.CopySuffix {
			s.done.Lost = append(s.done.Lost, f)
		}
	}
	if len(s.done.Lost) == 0 {
		if v.badCopy {
			s.done.Restored = append(s.done.Restored, v.copyPath())
		}
		return v.files.MendCopy()
	}
	for _, path := range v.badFiles {
		if err := s.moveAway(path); err != nil {
			return err
		}
	}
	if err := v.files.MakeDirs(); err != nil {
		return err
	}
	return v.files.Commit(&next)
}

// restore sees to an id and a manifest, without which nothing else can be judged: the id is in every file, and of the
// manifest there is a copy.
func (s *salvage) restore() error {
	number, found, err := store.NewestManifest(s.fs, s.dir, "")
	if err == nil && !found {
		number, found, err = store.NewestManifest(s.fs, s.dir, store.CopySuffix)
	}
	if err != nil || !found {
		return err
	}
	name := store.ManifestName(number)
	id, err := store.IdentifyManifest(s.fs, filepath.Join(s.dir, name))
	if errors.Is(err, base.ErrCorrupt) {
		id, err = s.restoreManifest(name)
	}
	if err != nil {
		return err
	}
	data, err := vfs.ReadFile(s.fs, filepath.Join(s.dir, store.IDName))
	if err == nil {
		_, err = store.ParseID(data)
	}
	if err = base.Missing(err); err == nil || !errors.Is(err, base.ErrCorrupt) {
		return err // another id than the manifest's is not ours to judge
	}
	return s.rewrite(store.IDName, store.EncodeID(id))
}

// restoreManifest gives a manifest the content of its copy, and returns the id of the store that it is of.
func (s *salvage) restoreManifest(name string) (id [16]byte, err error) {
	id, err = store.IdentifyManifest(s.fs, filepath.Join(s.dir, name+store.CopySuffix))
	if errors.Is(err, base.ErrCorrupt) {
		err = fmt.Errorf("%w: %s and its copy are damaged both; nothing tells what else belongs to the store", base.ErrCorrupt, filepath.Join(s.dir, name))
	}
	if err != nil {
		return id, err
	}
	content, err := vfs.ReadFile(s.fs, filepath.Join(s.dir, name+store.CopySuffix))
	if err != nil {
		return id, err
	}
	return id, s.rewrite(name, content)
}

// rewrite gives a file of the store's directory a new content and keeps the old.
func (s *salvage) rewrite(name string, content []byte) error {
	if err := s.keep(name); err != nil {
		return err
	}
	s.done.Restored = append(s.done.Restored, filepath.Join(s.dir, name))
	return vfs.WriteFileAtomic(s.fs, s.dir, name, content)
}

// keep copies a small file aside, if there is one. The copy is durable before anything happens to the file.
func (s *salvage) keep(name string) error {
	data, err := vfs.ReadFile(s.fs, filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.makeKept()
	}
	if err != nil {
		return err
	}
	return vfs.WriteFileAtomic(s.fs, s.done.Kept, name, data)
}

// moveAway moves a file aside, if there is one.
func (s *salvage) moveAway(path string) error {
	if err := s.makeKept(); err != nil {
		return err
	}
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	err := s.fs.Rename(path, filepath.Join(s.done.Kept, filepath.Base(dir)+"-"+name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.fs.SyncDir(s.done.Kept)
	}
	if err == nil {
		err = s.fs.SyncDir(dir)
	}
	return err
}

// makeKept makes the directory for what is replaced.
func (s *salvage) makeKept() (err error) {
	if s.done.Kept == "" {
		s.done.Kept, err = vfs.MakeNumberedDir(s.fs, s.dir, store.KeptPrefix)
	}
	return err
}
