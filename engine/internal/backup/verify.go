package backup

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// Verified is what Verify found.
type Verified struct {
	// Store is the id of the store that the backups are of, Snapshots are those that can be read, the oldest first.
	Store     [16]byte
	Snapshots []Snapshot
	// Objects and Bytes are those that snapshots name and that are whole.
	Objects int
	Bytes   int64
	// Unnamed are objects that no snapshot names: what an interrupted backup has left. The next one uses or removes them.
	Unnamed int
	// Unlocked tells that nothing kept a backup from being made meanwhile.
	Unlocked bool
	Findings []wal.Finding
}

// List returns the snapshots of a folder of backups and what is damaged of their files; of what they name it reads nothing.
func List(fsys vfs.FS, folder string) (_ Verified, err error) {
	f, err := openFolder(fsys, folder)
	if err != nil {
		return Verified{}, err
	}
	defer func() { err = errors.Join(err, f.shared.Close()) }()
	return list(f)
}

func list(f *opened) (Verified, error) {
	v := Verified{Store: f.id, Unlocked: !f.shared.Locked()}
	if f.damage != nil {
		v.find(f, markName, f.damage)
	}
	all, damaged, err := snapshots(f, f.id)
	for _, s := range all {
		v.Snapshots = append(v.Snapshots, *s)
	}
	for _, d := range damaged {
		v.find(f, d.name, d.err)
	}
	return v, err
}

func (v *Verified) find(f *opened, name string, err error) {
	v.Findings = append(v.Findings, wal.Finding{Path: f.join(name), Err: err})
}

// Verify reads every object that a snapshot names, and reports all damage. It changes nothing.
func Verify(ctx context.Context, fsys vfs.FS, folder string, progress func(bytes int64)) (_ Verified, err error) {
	f, err := openFolder(fsys, folder)
	if err != nil {
		return Verified{}, err
	}
	defer func() { err = errors.Join(err, f.shared.Close()) }()
	v, err := list(f)
	if err != nil {
		return Verified{}, err
	}
	c := newCopier(f, progress)
	seen := make(map[string]bool)
	for i := range v.Snapshots {
		s := &v.Snapshots[i]
		for k := range s.Files {
			name := s.Files[k].object()
			if seen[name] {
				continue
			}
			seen[name] = true
			if err := ctx.Err(); err != nil {
				return v, err
			}
			if err := v.object(ctx, c, s, k); err != nil {
				v.find(f, name, err)
			}
			c.progress(s.Files[k].Size)
		}
	}
	return v, v.unnamed(f, seen)
}

// object reads the object of a file of a snapshot.
func (v *Verified) object(ctx context.Context, c *copier, s *Snapshot, k int) error {
	f := &s.Files[k]
	sum, err := c.check(ctx, f, s.Store)
	if err == nil && sum != s.Sums[k] {
		err = fmt.Errorf("%w: it is not what the snapshot says", base.ErrCorrupt)
	}
	if err != nil {
		return base.Missing(err)
	}
	v.Objects, v.Bytes = v.Objects+1, v.Bytes+f.Size
	return nil
}

// unnamed counts the objects that no snapshot names.
func (v *Verified) unnamed(f *opened, named map[string]bool) error {
	for _, dir := range objectDirs {
		names, err := f.List(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if name = path.Join(dir, name); !named[name] && removable(dir, name) {
				v.Unnamed++
			}
		}
	}
	return nil
}
