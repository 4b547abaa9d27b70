package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// Finding is damage that Verify found.
type Finding = wal.Finding

// Verified is what Verify found.
type Verified struct {
	// Packs, Segments, Lists and Rows are those that checkpoints have stored and that are whole.
	Packs, Segments, Lists int
	Rows                   uint64
	// Log is what the log holds behind the last checkpoint.
	Log wal.Verified
	// Unborn tells that the directory was made for a store whose first start was interrupted before it had an id: it holds
	// nothing, and Open makes a store of it.
	Unborn bool
	// Unlocked tells that nothing kept a server from opening the store meanwhile: no lock could be taken.
	Unlocked bool
	// Unlisted are files that an interrupted checkpoint has left. They are no damage: the next start removes them.
	Unlisted []string
	// Findings is all damage, that of the log included. There is none if Open would open the store and every query
	// would be answered; damage to the copy of the manifest alone stops neither.
	Findings []Finding
}

// Verify reads everything in the directory of a store and reports all damage, not only the first. It changes nothing. Of
// the options it heeds FS. The error is for a directory that is in use ([ErrLocked]) or cannot be read.
func Verify(dir string, opts Options) (Verified, error) {
	opts = opts.withDefaults()
	shared, err := vfs.OpenShared(opts.FS, dir, store.LockName)
	if err != nil {
		return Verified{}, fmt.Errorf("verify %s: %w", dir, store.LockError(err))
	}
	v := verification{Files: store.Files{FS: shared, Open: store.NewPackFiles(shared), Dir: dir}}
	v.done.Unlocked = !shared.Locked()
	err = v.run()
	if err := errors.Join(err, shared.Close()); err != nil {
		return Verified{}, fmt.Errorf("verify %s: %w", dir, err)
	}
	return v.done, nil
}

// verification reads a store without opening it.
type verification struct {
	store.Files
	scratch segment.Scratch
	done    Verified

	badCopy bool
	// What is to be given up to make the store open again.
	badPacks    map[uint64]bool
	badSegments map[uint64][]uint32
	badLists    map[uint64]bool
	badFiles    []string // of badPacks and badLists
}

func (v *verification) find(path string, offset int64, err error) {
	v.done.Findings = append(v.done.Findings, Finding{Path: path, Offset: offset, Err: err})
}

// run goes through the store. Without its id or its manifest nothing else in it can be judged.
func (v *verification) run() error {
	if err := v.identify(); err != nil {
		return err
	}
	if v.done.Unborn || len(v.done.Findings) > 0 && !v.badCopy {
		return nil
	}
	if err := v.CheckLayout(); err != nil {
		if !errors.Is(err, ErrCorrupt) {
			return err
		}
		v.find(v.Dir, 0, err)
		return nil
	}
	v.badPacks, v.badSegments, v.badLists = make(map[uint64]bool), make(map[uint64][]uint32), make(map[uint64]bool)
	for _, ref := range v.Manifest.Packs {
		v.pack(ref)
	}
	for _, ref := range v.Manifest.Keys {
		v.list(store.ListKeys, ref, func(c *store.List) error { return store.DecodeKeys(c, func(idempotency.Entry) {}) })
	}
	for _, ref := range v.Manifest.Rejects {
		v.list(store.ListRejects, ref, func(c *store.List) error { return decodeRejects(c, func(QuarantineRow) {}) })
	}
	for _, ref := range v.Manifest.Actuals {
		v.list(store.ListActuals, ref, func(c *store.List) error { return decodeActuals(c, func(*actuals.Actual) {}) })
	}
	var err error
	if v.done.Unlisted, err = v.Unlisted(); err != nil {
		return err
	}
	return v.log()
}

// identify reads the store's id and its manifest.
func (v *verification) identify() error {
	name := filepath.Join(v.Dir, store.IDName)
	data, err := vfs.ReadFile(v.FS, name)
	if err == nil {
		v.ID, err = store.ParseID(data)
	}
	if errors.Is(err, fs.ErrNotExist) && v.unborn() {
		v.done.Unborn = true
		return nil
	}
	if err = base.Missing(err); err != nil {
		v.find(name, 0, err)
		return nil
	}
	m, err := store.LoadManifest(v.FS, v.Dir, v.ID)
	if err != nil {
		v.find(filepath.Join(v.Dir, store.ManifestPrefix+"*"), 0, err)
		return nil
	}
	v.Manifest = *m
	if err := v.CheckCopy(); err != nil && !errors.Is(err, fs.ErrNotExist) { // a crash may have kept it away
		v.find(filepath.Join(v.Dir, store.ManifestName(m.Number)+store.CopySuffix), 0, err)
		v.badCopy = true
	}
	return nil
}

// unborn tells whether a directory without an id is what an interrupted first start leaves: the lock, or the id that was
// being written, and nothing that a store has. An empty directory is none: it may as well be a backup of nothing.
func (v *verification) unborn() bool {
	names, err := v.FS.List(v.Dir)
	begun := slices.ContainsFunc(names, func(name string) bool { return name == store.LockName || name == store.IDName+vfs.TempSuffix })
	return err == nil && begun && store.CheckDir(v.FS, v.Dir) == nil
}

// pack reads one pack and every live segment in it.
func (v *verification) pack(ref store.PackRef) {
	name := filepath.Join(v.Dir, store.PackDir, store.PackName(ref.Number))
	p, err := store.OpenPack(v.Open, filepath.Dir(name), v.ID, ref.FileRef)
	if err != nil {
		v.find(name, 0, err)
		v.badPacks[ref.Number], v.badFiles = true, append(v.badFiles, name)
		return
	}
	v.done.Packs++
	for entry := range p.Entries {
		if slices.Contains(ref.Dead, uint32(entry)) {
			continue
		}
		if err := v.segment(&store.Place{Pack: p, Entry: entry}); err != nil {
			v.find(name, p.Entries[entry].Offset, err)
			v.badSegments[ref.Number] = append(v.badSegments[ref.Number], uint32(entry))
		}
	}
	p.Close()
}

// segment reads one segment, row by row, and holds it against its entry in the pack.
func (v *verification) segment(pl *store.Place) error {
	b, err := pl.Pack.Load(pl.Entry)
	if err != nil {
		return err
	}
	src := &store.Source{Size: int64(len(b))}
	src.Resident.Store(&b)
	if err := segment.Verify(src, src.Size, &v.scratch); err != nil {
		return base.SegmentError(err)
	}
	s, err := segment.Open(src, src.Size)
	if err != nil {
		return base.SegmentError(err)
	}
	e := &pl.Pack.Entries[pl.Entry]
	if span := e.Month.Span(); s.Meta().Model != e.Model || s.Meta().From != span.From || s.Meta().To != span.To {
		return fmt.Errorf("%w: the segment is of another model or month than the directory says", ErrCorrupt)
	}
	v.done.Segments++
	for i := range s.NumSeries() {
		v.done.Rows += s.Series(i).Total.Rows
	}
	return nil
}

func (v *verification) list(kind store.ListKind, ref store.ListRef, decode func(*store.List) error) {
	c, err := store.ReadList(v.FS, v.Dir, v.ID, kind, ref.FileRef)
	if err == nil {
		err = decode(c)
	}
	if err != nil {
		name := filepath.Join(v.Dir, kind.String(), store.ListName(ref.Number))
		v.find(name, 0, err)
		v.badLists[ref.Number], v.badFiles = true, append(v.badFiles, name)
		return
	}
	v.done.Lists++
}

// log reads the log behind the checkpoint.
func (v *verification) log() error {
	r, err := wal.Verify(v.FS, filepath.Join(v.Dir, store.LogDir), v.ID, v.Manifest.Covered)
	corrupt := (*wal.CorruptError)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist): // a store whose making was interrupted
		return nil
	case errors.As(err, &corrupt):
		v.find(corrupt.Path, corrupt.Offset, corrupt.Err)
		return nil
	case err != nil:
		return base.LogError(err)
	}
	v.done.Log = r
	v.done.Findings = append(v.done.Findings, r.Findings...)
	if v.Manifest.Number == 0 && r.Records > 0 {
		v.find(v.Dir, 0, v.NoManifest(fmt.Sprintf("record %d in the log", r.LastLSN)))
	}
	return nil
}
