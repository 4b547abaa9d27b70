package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// Which says which snapshot is meant. The zero value is the newest.
type Which struct {
	// LSN asks for the newest snapshot at exactly this one.
	LSN uint64
	// Until asks for the newest snapshot that was taken no later.
	Until time.Time
}

// unfinishedName is the file that is in a directory while a store is restored to it.
const unfinishedName = "restore.unfinished"

// Restore makes a store of a snapshot, in a directory that is missing or empty, or in which an earlier attempt was interrupted. Its
// id comes last: until then no start takes the directory for a store.
func Restore(ctx context.Context, fsys vfs.FS, folder, dir string, which Which, progress func(bytes int64)) (_ Snapshot, err error) {
	from, err := openFolder(fsys, folder)
	if err != nil {
		return Snapshot{}, err
	}
	defer func() { err = errors.Join(err, from.shared.Close()) }()
	s, err := choose(from, from.id, which)
	if err != nil {
		return Snapshot{}, fmt.Errorf("%s: %w", folder, err)
	}
	if err := checkTarget(fsys, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Snapshot{}, err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return Snapshot{}, err
	}
	claim, err := vfs.TakeClaim(fsys, dir, store.LockName)
	if err != nil {
		return Snapshot{}, store.LockError(err)
	}
	defer func() { err = errors.Join(err, claim.Close()) }()
	to := &Folder{claim, dir}
	r := restoring{from: &from.Folder, to: to, snapshot: s, copier: newCopier(to, progress)}
	if err = r.run(ctx, fsys); vfs.IsNoSpace(err) {
		err = fmt.Errorf("%w: %w", base.ErrNoSpace, err)
	}
	return *s, err
}

// choose returns the snapshot that is meant. A damaged one that may be meant is an error: what is restored is never older than was
// asked for without a word.
func choose(p Place, id [16]byte, which Which) (*Snapshot, error) {
	all, damaged, err := snapshots(p, id)
	if err != nil {
		return nil, err
	}
	for _, s := range slices.Backward(all) {
		if which.LSN > 0 && s.LSN != which.LSN || !which.Until.IsZero() && s.Taken.After(which.Until) {
			continue
		}
		if i := slices.IndexFunc(damaged, func(d damagedSnapshot) bool { return d.number > s.Number }); i >= 0 && which.LSN == 0 {
			return nil, fmt.Errorf("%s may be the snapshot that is meant, and is damaged: %w; name another by its LSN", damaged[i].name, damaged[i].err)
		}
		return s, nil
	}
	if len(damaged) > 0 {
		return nil, fmt.Errorf("%s may be the snapshot that is meant, and is damaged: %w", damaged[0].name, damaged[0].err)
	}
	var known []string
	for _, s := range all {
		known = append(known, fmt.Sprintf("%d (%s)", s.LSN, s.Taken.Format(time.RFC3339)))
	}
	if known == nil {
		return nil, fmt.Errorf("%w: there is no snapshot yet", base.ErrDestination)
	}
	return nil, fmt.Errorf("%w: there is no such snapshot; those that there are, by LSN: %s", base.ErrDestination, strings.Join(known, ", "))
}

// checkTarget refuses a directory that is neither empty nor of a restore that was interrupted.
func checkTarget(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	if slices.Contains(names, store.IDName) {
		return fmt.Errorf("%w: %s has a store", base.ErrDestination, dir)
	}
	if slices.Contains(names, unfinishedName) {
		return nil
	}
	mayPrecede := func(name string) bool {
		return vfs.IsInEmpty(name, store.LockName) || name == unfinishedName+vfs.TempSuffix
	}
	if i := slices.IndexFunc(names, func(name string) bool { return !mayPrecede(name) }); i >= 0 {
		return fmt.Errorf("%w: %s has %q in it; a store is restored to an empty directory alone", base.ErrDestination, dir, names[i])
	}
	return nil
}

// restoring is one restore.
type restoring struct {
	from, to *Folder
	snapshot *Snapshot
	copier   *copier
}

// run makes the store: what is there of an earlier attempt goes, files come, then the manifest, and at last the id.
func (r *restoring) run(ctx context.Context, under vfs.FS) error {
	if err := checkTarget(r.to.fs, r.to.path); err != nil { // now that nobody else is at it
		return err
	}
	if err := store.SyncAbove(under, r.to.path); err != nil {
		return err
	}
	err := put(r.to, unfinishedName, []byte("A store is being restored here. If nothing does that any more, restore again, or remove the directory.\n"))
	if err == nil {
		err = r.clear()
	}
	if err == nil {
		err = r.to.makeDirs(storeDirs()...)
	}
	if err != nil {
		return err
	}
	for i := range r.snapshot.Files {
		f := &r.snapshot.Files[i]
		if err := r.file(ctx, f, r.snapshot.Sums[i]); err != nil {
			return fmt.Errorf("%s: %w", r.from.join(f.object()), err)
		}
	}
	return r.commit()
}

// commit makes a store of the files.
func (r *restoring) commit() error {
	manifest, err := store.DecodeManifest(r.snapshot.Manifest, r.snapshot.Store)
	if err != nil {
		return err
	}
	name := store.ManifestName(manifest.Number)
	err = put(r.to, name+store.CopySuffix, r.snapshot.Manifest)
	if err == nil {
		err = put(r.to, name, r.snapshot.Manifest)
	}
	if err == nil {
		err = put(r.to, store.IDName, store.EncodeID(r.snapshot.Store))
	}
	if err != nil {
		return err
	}
	return r.to.Remove(unfinishedName)
}

// storeDirs are the directories of a store.
func storeDirs() []string {
	dirs := []string{}
	for _, dir := range objectDirs {
		if dir != tokensDir {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// clear removes what an interrupted restore has left. The manifest goes first, as it came last.
func (r *restoring) clear() error {
	names, err := r.to.List("")
	if err != nil {
		return err
	}
	keep := append(storeDirs(), unfinishedName)
	names = slices.DeleteFunc(names, func(name string) bool { return vfs.IsInEmpty(name, store.LockName) || slices.Contains(keep, name) })
	slices.Sort(names) // MANIFEST before all directories
	if err := r.to.Remove(names...); err != nil {
		return err
	}
	for _, dir := range storeDirs() {
		found, err := r.to.List(dir)
		if err != nil {
			return err
		}
		for i := range found {
			found[i] = dir + "/" + found[i]
		}
		if err := r.to.Remove(found...); err != nil {
			return err
		}
	}
	return nil
}

// file copies a file and holds it against its sum, as it is read and again as it was written.
func (r *restoring) file(ctx context.Context, f *File, sum uint32) error {
	crc, err := r.copier.file(ctx, f.Path, f.Size, func() (io.ReadCloser, error) {
		o, err := r.from.Open(f.object())
		if err != nil {
			return nil, base.Missing(err)
		}
		return struct {
			io.Reader
			io.Closer
		}{io.NewSectionReader(o, 0, math.MaxInt64), o}, nil
	})
	if err == nil && crc != sum {
		err = errCheck
	}
	if err == nil {
		err = r.readBack(ctx, f, sum)
	}
	return err
}

// readBack reads what was written, and gives a file of the log its length.
func (r *restoring) readBack(ctx context.Context, f *File, sum uint32) (err error) {
	o, err := r.to.fs.Open(r.to.join(f.Path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	crc, err := r.copier.sum(ctx, o, f.Size, io.Discard)
	if err == nil && crc != sum {
		err = fmt.Errorf("%w: %s is not what was written to it", base.ErrCorrupt, r.to.join(f.Path))
	}
	if _, isLog := f.logNumber(); err != nil || !isLog {
		return err
	}
	if err := wal.Complete(o); err != nil {
		return base.LogError(err)
	}
	return o.Sync()
}
