package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
)

// Options are those of a backup.
type Options struct {
	// Keep is how many snapshots are kept, the newest; 0 keeps all.
	Keep int
	// Progress is told bytes of the moment as they are copied, or found in the place.
	Progress func(bytes int64)
}

// Taken says what a backup did.
type Taken struct {
	Snapshot Snapshot
	// Files and Bytes are those that were copied; the others of the snapshot were there.
	Files int
	Bytes int64
	// Removed are snapshots that were more than are kept, Freed the objects that only these had named, or an interrupted backup
	// had left.
	Removed []uint64
	Freed   int
	// Damaged are earlier snapshots that cannot be read. While there is one nothing is removed: it may name what no other does.
	Damaged []error
}

// Take copies a moment to the folder of backups of its store.
func Take(ctx context.Context, fsys vfs.FS, folder string, src Source, o Options) (_ Taken, err error) {
	m := src.Moment()
	if err := m.Check(); err != nil {
		return Taken{}, err
	}
	f, claim, err := claimFolder(fsys, folder, m.Store)
	if err != nil {
		return Taken{}, err
	}
	defer func() { err = errors.Join(err, claim.Close()) }()
	t := taking{place: f, src: src, copier: newCopier(f, o.Progress)}
	err = t.take(ctx, m)
	if err == nil {
		err = t.prune(o.Keep)
	}
	if vfs.IsNoSpace(err) {
		err = fmt.Errorf("%w: %w", base.ErrNoSpace, err)
	}
	return t.done, err
}

// taking is one backup.
type taking struct {
	place  Place
	src    Source
	copier *copier
	before []*Snapshot
	done   Taken
}

// take copies what the place has not, and then writes the snapshot.
func (t *taking) take(ctx context.Context, m Moment) error {
	before, damaged, err := snapshots(t.place, m.Store)
	if err != nil {
		return err
	}
	t.before = before
	next := Snapshot{Moment: m, Number: 1, Sums: make([]uint32, len(m.Files))}
	for _, s := range before {
		next.Number = max(next.Number, s.Number+1)
	}
	for _, d := range damaged {
		next.Number = max(next.Number, d.number+1)
		t.done.Damaged = append(t.done.Damaged, fmt.Errorf("%s: %w", d.name, d.err))
	}
	known := sumsOf(before)
	for i := range m.Files {
		if next.Sums[i], err = t.file(ctx, &m, &m.Files[i], known); err != nil {
			return fmt.Errorf("%s: %w", m.Files[i].Path, err)
		}
	}
	err = put(t.place, snapshotName(next.Number), next.encode())
	t.done.Snapshot = next
	return err
}

// sumsOf returns the sum of each object that snapshots name.
func sumsOf(all []*Snapshot) map[string]uint32 {
	known := make(map[string]uint32)
	for _, s := range all {
		for i := range s.Files {
			known[s.Files[i].object()] = s.Sums[i]
		}
	}
	return known
}

// file sees to the object of a file, and returns its sum. One that a snapshot names was read back when it was
// copied; one that none names may be what a backup that was killed has left, and is read again.
func (t *taking) file(ctx context.Context, m *Moment, f *File, known map[string]uint32) (uint32, error) {
	sum, isKnown := known[f.object()]
	there, err := t.copier.sized(f)
	if there && !isKnown {
		sum, err = t.copier.check(ctx, f, m.Store)
		there = err == nil
		if errors.Is(err, base.ErrCorrupt) {
			err = nil
		}
	}
	if err != nil {
		return 0, err
	}
	if there {
		t.copier.progress(f.Size)
		return sum, nil
	}
	copied, err := t.copier.file(ctx, f.object(), f.Size, func() (io.ReadCloser, error) { return t.src.Open(ctx, f.Path, 0) })
	if err != nil {
		return 0, err
	}
	sum, err = t.copier.check(ctx, f, m.Store)
	if err == nil && sum != copied {
		err = fmt.Errorf("%w: %s is not what was written to it", base.ErrCorrupt, f.object())
	}
	if err != nil {
		return 0, err
	}
	t.done.Files, t.done.Bytes = t.done.Files+1, t.done.Bytes+f.Size
	return sum, nil
}

// removable tells whether a name is one that a backup makes, and no snapshot has to name: others are left alone.
func removable(dir, name string) bool {
	whole, unfinished := strings.CutSuffix(name, vfs.TempSuffix)
	if dir == snapshotDir {
		return unfinished && path.Ext(whole) == snapshotSuffix
	}
	return slices.Contains([]string{".pack", ".list", ".log", ".json"}, path.Ext(whole))
}

// prune removes the snapshots that are more than are kept, and then the objects that none names any more.
func (t *taking) prune(keep int) error {
	if len(t.done.Damaged) > 0 {
		return nil
	}
	kept := append(slices.Clone(t.before), &t.done.Snapshot)
	var names []string
	for keep > 0 && len(kept) > keep {
		names = append(names, snapshotName(kept[0].Number))
		t.done.Removed = append(t.done.Removed, kept[0].Number)
		kept = kept[1:]
	}
	if err := t.place.Remove(names...); err != nil {
		return err
	}
	named := sumsOf(kept)
	for _, dir := range append([]string{snapshotDir}, objectDirs[:]...) {
		found, err := t.place.List(dir)
		if err != nil {
			return err
		}
		var free []string
		for _, name := range found {
			name = path.Join(dir, name)
			if _, ok := named[name]; !ok && removable(dir, name) {
				free = append(free, name)
			}
		}
		t.done.Freed += len(free)
		if err := t.place.Remove(free...); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
