package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/engine/internal/actuals"
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
	shared, err := vfs.OpenShared(opts.FS, dir, lockName)
	if err != nil {
		return Verified{}, fmt.Errorf("verify %s: %w", dir, lockError(err))
	}
	v := verification{keeper: keeper{fs: shared, files: newPackFiles(shared), dir: dir}}
	v.done.Unlocked = !shared.Locked()
	err = v.run()
	if err := errors.Join(err, shared.Close()); err != nil {
		return Verified{}, fmt.Errorf("verify %s: %w", dir, err)
	}
	return v.done, nil
}

// verification reads a store without opening it.
type verification struct {
	keeper
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
	if err := v.checkLayout(); err != nil {
		if !errors.Is(err, ErrCorrupt) {
			return err
		}
		v.find(v.dir, 0, err)
		return nil
	}
	v.badPacks, v.badSegments, v.badLists = make(map[uint64]bool), make(map[uint64][]uint32), make(map[uint64]bool)
	for _, ref := range v.manifest.packs {
		v.pack(ref)
	}
	for _, ref := range v.manifest.keys {
		v.list(listKeys, ref, func(c *list) error { return decodeKeys(c, func(keyEntry) {}) })
	}
	for _, ref := range v.manifest.rejects {
		v.list(listRejects, ref, func(c *list) error { return decodeRejects(c, func(QuarantineRow) {}) })
	}
	for _, ref := range v.manifest.actuals {
		v.list(listActuals, ref, func(c *list) error { return decodeActuals(c, func(*actuals.Actual) {}) })
	}
	var err error
	if v.done.Unlisted, err = v.unlisted(); err != nil {
		return err
	}
	return v.log()
}

// identify reads the store's id and its manifest.
func (v *verification) identify() error {
	name := filepath.Join(v.dir, storeIDName)
	data, err := vfs.ReadFile(v.fs, name)
	if err == nil {
		v.store, err = parseStoreID(data)
	}
	if errors.Is(err, fs.ErrNotExist) && v.unborn() {
		v.done.Unborn = true
		return nil
	}
	if err = missing(err); err != nil {
		v.find(name, 0, err)
		return nil
	}
	m, err := loadManifest(v.fs, v.dir, v.store)
	if err != nil {
		v.find(filepath.Join(v.dir, manifestPrefix+"*"), 0, err)
		return nil
	}
	v.manifest = *m
	if err := v.checkCopy(); err != nil && !errors.Is(err, fs.ErrNotExist) { // a crash may have kept it away
		v.find(filepath.Join(v.dir, manifestName(m.number)+copySuffix), 0, err)
		v.badCopy = true
	}
	return nil
}

// unborn tells whether a directory without an id is what an interrupted first start leaves: the lock, or the id that was
// being written, and nothing that a store has. An empty directory is none: it may as well be a backup of nothing.
func (v *verification) unborn() bool {
	names, err := v.fs.List(v.dir)
	begun := slices.ContainsFunc(names, func(name string) bool { return name == lockName || name == storeIDName+vfs.TempSuffix })
	return err == nil && begun && checkDir(v.fs, v.dir) == nil
}

// pack reads one pack and every live segment in it.
func (v *verification) pack(ref packRef) {
	name := filepath.Join(v.dir, packDirName, packName(ref.number))
	p, err := openPack(v.files, filepath.Dir(name), v.store, ref.fileRef)
	if err != nil {
		v.find(name, 0, err)
		v.badPacks[ref.number], v.badFiles = true, append(v.badFiles, name)
		return
	}
	v.done.Packs++
	for entry := range p.entries {
		if slices.Contains(ref.dead, uint32(entry)) {
			continue
		}
		if err := v.segment(&place{p, entry}); err != nil {
			v.find(name, p.entries[entry].offset, err)
			v.badSegments[ref.number] = append(v.badSegments[ref.number], uint32(entry))
		}
	}
	p.close()
}

// segment reads one segment, row by row, and holds it against its entry in the pack.
func (v *verification) segment(pl *place) error {
	b, err := pl.pack.load(pl.entry)
	if err != nil {
		return err
	}
	src := &source{size: int64(len(b))}
	src.resident.Store(&b)
	if err := segment.Verify(src, src.size, &v.scratch); err != nil {
		return segmentError(err)
	}
	s, err := segment.Open(src, src.size)
	if err != nil {
		return segmentError(err)
	}
	e := &pl.pack.entries[pl.entry]
	if span := e.month.span(); s.Meta().Model != e.model || s.Meta().From != span.from || s.Meta().To != span.to {
		return fmt.Errorf("%w: the segment is of another model or month than the directory says", ErrCorrupt)
	}
	v.done.Segments++
	for i := range s.NumSeries() {
		v.done.Rows += s.Series(i).Total.Rows
	}
	return nil
}

func (v *verification) list(kind listKind, ref listRef, decode func(*list) error) {
	c, err := readList(v.fs, v.dir, v.store, kind, ref.fileRef)
	if err == nil {
		err = decode(c)
	}
	if err != nil {
		name := filepath.Join(v.dir, kind.String(), listName(ref.number))
		v.find(name, 0, err)
		v.badLists[ref.number], v.badFiles = true, append(v.badFiles, name)
		return
	}
	v.done.Lists++
}

// log reads the log behind the checkpoint.
func (v *verification) log() error {
	r, err := wal.Verify(v.fs, filepath.Join(v.dir, logDirName), v.store, v.manifest.covered)
	corrupt := (*wal.CorruptError)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist): // a store whose making was interrupted
		return nil
	case errors.As(err, &corrupt):
		v.find(corrupt.Path, corrupt.Offset, corrupt.Err)
		return nil
	case err != nil:
		return logError(err)
	}
	v.done.Log = r
	v.done.Findings = append(v.done.Findings, r.Findings...)
	if v.manifest.number == 0 && r.Records > 0 {
		v.find(v.dir, 0, v.noManifest(fmt.Sprintf("record %d in the log", r.LastLSN)))
	}
	return nil
}
