package engine

import (
	"bytes"
	"encoding/hex"
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

// Salvaged says what Salvage did.
type Salvaged struct {
	// Lost is what was given up: packs, segments of packs, lists. What the log lost is in Log.
	Lost []Finding
	// Restored are files of which the store had a second copy, or that could be made anew. Nothing was lost with them.
	Restored []string
	// Log is what became of the log.
	Log wal.Salvaged
	// Kept is the directory in which files are kept that are no longer part of the store, empty if there are none.
	Kept string
}

// salvagePrefix begins the names of the directories that keep what Salvage has replaced.
const salvagePrefix = "salvaged-"

// Salvage makes a damaged store one that opens again, out of what is whole, and says what it gave up: segments and lists
// that fail their checks, and acknowledged events of the log. It is for an operator who has no other copy. What was
// damaged is kept aside. A store without damage is left alone. After an error or a crash it can be repeated.
//
// A store with files of another store, under another's name or of a newer version is refused: these can be set right
// without a loss. Of the options Salvage heeds FS.
func Salvage(dir string, opts Options) (done Salvaged, err error) {
	opts = opts.withDefaults()
	defer func() {
		if err != nil {
			err = fmt.Errorf("salvage %s: %w", dir, err)
		}
	}()
	if err := checkSalvageable(opts.FS, dir); err != nil {
		return done, err
	}
	claim, err := vfs.TakeClaim(opts.FS, dir, store.LockName)
	if err != nil {
		return done, store.LockError(err)
	}
	s := salvage{fs: claim, dir: dir}
	err = s.run()
	return s.done, errors.Join(err, claim.Close())
}

// checkSalvageable refuses a directory without any trace of a store: not even a lock is made there.
func checkSalvageable(fsys vfs.FS, dir string) error {
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
	for _, f := range v.done.Findings {
		if errors.Is(f.Err, ErrVersion) || errors.Is(f.Err, base.ErrMisplaced) {
			return f.Err
		}
	}
	if v.badPacks == nil { // it went no further than the id, the manifest and the directories
		for _, f := range v.done.Findings {
			return f.Err
		}
		return nil
	}
	log, err := wal.Salvage(s.fs, filepath.Join(s.dir, store.LogDir), v.ID, v.Manifest.Covered)
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
		v = &verification{Files: store.Files{FS: s.fs, Claim: s.fs, Open: store.NewPackFiles(s.fs), Dir: s.dir}}
		if err := v.run(); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(v.done.Findings, s.unread) {
			break
		}
	}
	return v, nil
}

// unread tells whether a finding is that something could not be read. The log has its own ways.
func (s *salvage) unread(f Finding) bool {
	return !s.ofLog(f) && !errors.Is(f.Err, ErrCorrupt) && !errors.Is(f.Err, ErrVersion)
}

func (s *salvage) ofLog(f Finding) bool {
	return filepath.Dir(f.Path) == filepath.Join(s.dir, store.LogDir)
}

// giveUp commits a manifest without what is damaged.
func (s *salvage) giveUp(v *verification) error {
	next := v.Manifest.Clone()
	next.Packs = slices.DeleteFunc(next.Packs, func(p store.PackRef) bool { return v.badPacks[p.Number] })
	for i := range next.Packs {
		next.Packs[i].Dead = append(next.Packs[i].Dead, v.badSegments[next.Packs[i].Number]...)
	}
	isBad := func(l store.ListRef) bool { return v.badLists[l.Number] }
	next.Keys, next.Rejects = slices.DeleteFunc(next.Keys, isBad), slices.DeleteFunc(next.Rejects, isBad)
	next.Actuals = slices.DeleteFunc(next.Actuals, isBad)
	for _, f := range v.done.Findings {
		if !s.ofLog(f) && filepath.Ext(f.Path) != store.CopySuffix {
			s.done.Lost = append(s.done.Lost, f)
		}
	}
	if len(s.done.Lost) == 0 {
		if v.badCopy {
			s.done.Restored = append(s.done.Restored, filepath.Join(s.dir, store.ManifestName(v.Manifest.Number)+store.CopySuffix))
		}
		return v.MendCopy()
	}
	for _, path := range v.badFiles {
		if err := s.moveAway(path); err != nil {
			return err
		}
	}
	v.LastFile = v.Manifest.LastFile
	if err := v.MakeDirs(); err != nil {
		return err
	}
	return v.Commit(&next)
}

// restore sees to an id and a manifest, without which nothing else can be judged: the id is in every file, and of the
// manifest there is a copy.
func (s *salvage) restore() error {
	number, found, err := store.NewestManifest(s.fs, s.dir, "")
	if err != nil {
		return err
	}
	if !found {
		if number, found, err = store.NewestManifest(s.fs, s.dir, store.CopySuffix); err != nil || !found {
			return err
		}
	}
	name := store.ManifestName(number)
	id, whole, err := s.manifestOf(name)
	if err != nil {
		return err
	}
	if !whole {
		if id, whole, err = s.manifestOf(name + store.CopySuffix); err != nil {
			return err
		}
		if !whole {
			return fmt.Errorf("%w: %s and its copy are damaged both; nothing tells what else belongs to the store", ErrCorrupt, filepath.Join(s.dir, name))
		}
		content, err := vfs.ReadFile(s.fs, filepath.Join(s.dir, name+store.CopySuffix))
		if err == nil {
			err = s.rewrite(name, content)
		}
		if err != nil {
			return err
		}
	}
	data, err := vfs.ReadFile(s.fs, filepath.Join(s.dir, store.IDName))
	if err == nil {
		_, err = store.ParseID(data)
	}
	if err = base.Missing(err); err == nil || !errors.Is(err, ErrCorrupt) {
		return err // another id than the manifest's is not ours to judge
	}
	return s.rewrite(store.IDName, []byte(store.IDHead+hex.EncodeToString(id[:])+"\n"))
}

// manifestOf reads a manifest of whatever store. whole is false if it is missing or damaged.
func (s *salvage) manifestOf(name string) (id [16]byte, whole bool, err error) {
	data, err := vfs.ReadFile(s.fs, filepath.Join(s.dir, name))
	if err == nil {
		id = manifestStore(data)
		_, err = store.DecodeManifest(data, id)
	}
	if err = base.Missing(err); errors.Is(err, ErrCorrupt) {
		return id, false, nil
	}
	return id, err == nil, err
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

// makeKept makes the directory for what is replaced, once.
func (s *salvage) makeKept() error {
	if s.done.Kept != "" {
		return nil
	}
	kept, err := vfs.MakeNumberedDir(s.fs, s.dir, salvagePrefix)
	s.done.Kept = kept
	return err
}

// manifestStore returns the id of the store that a manifest says it is of.
func manifestStore(data []byte) (id [16]byte) {
	if rest, ok := bytes.CutPrefix(data, []byte(store.ManifestMagic)); ok && len(rest) >= 4+len(id) {
		copy(id[:], rest[4:])
	}
	return id
}
