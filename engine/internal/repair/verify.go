package repair

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/sidecar"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// Verified is what Verify found; package engine documents its fields.
type Verified struct {
	Packs, Segments, Lists int
	Rows                   uint64
	Log                    wal.Verified
	Unborn                 bool
	Unlocked               bool
	Unlisted               []string
	Findings               []wal.Finding
}

// Verify reads everything in the directory of a store and reports all damage, not only the first. It changes nothing.
func Verify(fsys vfs.FS, dir string) (Verified, error) {
	if err := store.CheckTrace(fsys, dir); err != nil {
		return Verified{}, err
	}
	shared, err := vfs.OpenShared(fsys, dir, store.LockName)
	if err != nil {
		return Verified{}, store.LockError(err)
	}
	v := verification{fs: shared, dir: dir}
	v.found.Unlocked = !shared.Locked()
	err = v.run()
	if err := errors.Join(err, shared.Close()); err != nil {
		return Verified{}, err
	}
	return v.found, nil
}

// verification is one reading of a store.
type verification struct {
	fs      vfs.FS
	claim   *vfs.Claim // nil for one that only reads
	dir     string
	files   *store.Files // nil until the id is known
	scratch segment.Scratch
	found   Verified

	badCopy bool
	// complete is true once everything was read that the manifest names.
	complete bool
	// What is to be given up to make the store open again, by file number, and the paths of files that go as a whole.
	badPacks    map[uint64]bool
	badSegments map[uint64][]uint32
	badLists    map[uint64]bool
	badFiles    []string
}

func (v *verification) find(path string, offset int64, err error) {
	v.found.Findings = append(v.found.Findings, wal.Finding{Path: path, Offset: offset, Err: err})
}

// run goes through the store. Without its id or its manifest nothing else in it can be judged.
func (v *verification) run() (err error) {
	if v.identify(); v.found.Unborn || len(v.found.Findings) > 0 && !v.badCopy {
		return nil
	}
	defer func() { err = errors.Join(err, v.files.Close()) }()
	if err := v.files.CheckLayout(); err != nil {
		if !errors.Is(err, base.ErrCorrupt) {
			return err
		}
		v.find(v.dir, 0, err)
		return nil
	}
	v.badPacks, v.badSegments, v.badLists = make(map[uint64]bool), make(map[uint64][]uint32), make(map[uint64]bool)
	v.complete = true
	for _, ref := range v.files.Manifest.Packs {
		v.pack(ref)
	}
	for kind, l := range v.files.Manifest.AllLists {
		v.list(kind, l)
	}
	if v.found.Unlisted, err = v.files.Unlisted(); err != nil {
		return err
	}
	return v.log()
}

// identify reads the store's id and its manifest.
func (v *verification) identify() {
	name := filepath.Join(v.dir, store.IDName)
	var id [16]byte
	data, err := vfs.ReadFile(v.fs, name)
	if err == nil {
		id, err = store.ParseID(data)
	}
	if errors.Is(err, fs.ErrNotExist) && v.unborn() {
		v.found.Unborn = true
		return
	}
	if err = base.Missing(err); err != nil {
		v.find(name, 0, err)
		return
	}
	v.files = store.New(v.fs, v.claim, v.dir, id)
	if err := v.files.Load(); err != nil {
		v.find(filepath.Join(v.dir, store.ManifestPattern), 0, err)
		return
	}
	if err := v.files.CheckCopy(); err != nil && !errors.Is(err, fs.ErrNotExist) { // a crash may have kept it away
		v.find(v.copyPath(), 0, err)
		v.badCopy = true
	}
}

// copyPath is where the copy of the manifest is.
func (v *verification) copyPath() string {
	return filepath.Join(v.dir, store.ManifestName(v.files.Manifest.Number)+store.CopySuffix)
}

// unborn tells whether a directory without an id is what an interrupted first start leaves: the lock, or the id that was
// being written, and nothing that a store has.
func (v *verification) unborn() bool {
	names, err := v.fs.List(v.dir)
	begun := slices.ContainsFunc(names, func(name string) bool { return name == store.LockName || name == store.IDName+vfs.TempSuffix })
	return err == nil && begun && store.CheckDir(v.fs, v.dir) == nil
}

// pack reads one pack and every live segment in it.
func (v *verification) pack(ref store.PackRef) {
	name := v.files.PackPath(ref.Number)
	p, err := v.files.OpenPack(ref.FileRef)
	if err != nil {
		v.find(name, 0, err)
		v.badPacks[ref.Number], v.badFiles = true, append(v.badFiles, name)
		return
	}
	v.found.Packs++
	for entry := range p.Entries {
		if slices.Contains(ref.Dead, uint32(entry)) {
			continue
		}
		if err := v.segment(&store.Place{Pack: p, Entry: entry}); err != nil {
			v.find(name, p.Entries[entry].Offset, err)
			v.badSegments[ref.Number] = append(v.badSegments[ref.Number], uint32(entry))
		}
	}
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
		return fmt.Errorf("%w: the segment is of another model or month than the directory says", base.ErrCorrupt)
	}
	v.found.Segments++
	for i := range s.NumSeries() {
		v.found.Rows += s.Series(i).Total.Rows
	}
	return nil
}

func (v *verification) list(kind store.ListKind, ref store.ListRef) {
	if err := (sidecar.Sinks{}).Read(v.files, kind, ref.FileRef); err != nil {
		name := v.files.ListPath(kind, ref.Number)
		v.find(name, 0, err)
		v.badLists[ref.Number], v.badFiles = true, append(v.badFiles, name)
		return
	}
	v.found.Lists++
}

// log reads the log behind the checkpoint.
func (v *verification) log() error {
	r, err := wal.Verify(v.fs, filepath.Join(v.dir, store.LogDir), v.files.ID(), v.files.Manifest.Covered)
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
	v.found.Log = r
	v.found.Findings = append(v.found.Findings, r.Findings...)
	if v.files.Manifest.Number == 0 && r.Records > 0 {
		v.find(v.dir, 0, v.files.NoManifest(fmt.Sprintf("record %d in the log", r.LastLSN)))
	}
	return nil
}
