package simdisk

import (
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/residualdb/residual/internal/vfs"
)

// Create is part of vfs.FS.
func (d *Disk) Create(name string) (vfs.File, error) {
	var h *handle
	err := d.do(Op{Kind: OpCreate, Name: name}, func(FaultKind) error {
		dir, base, err := d.resolve(name)
		if err != nil {
			return err
		}
		if d.dirs[dir].lookup(base).kind != refNone {
			return fs.ErrExist
		}
		h = d.open(d.newFile(dir, base), name, true)
		return nil
	})
	return h.orError(err)
}

// Open is part of vfs.FS.
func (d *Disk) Open(name string) (vfs.File, error) { return d.openExisting(OpOpen, name) }

// OpenRead is part of vfs.FS.
func (d *Disk) OpenRead(name string) (vfs.File, error) { return d.openExisting(OpOpenRead, name) }

func (d *Disk) openExisting(kind OpKind, name string) (vfs.File, error) {
	var h *handle
	err := d.do(Op{Kind: kind, Name: name}, func(FaultKind) error {
		_, _, r, err := d.lookup(name)
		if err != nil {
			return err
		}
		if r.kind == refDir {
			return vfs.ErrNotRegular
		}
		h = d.open(r.id, name, kind == OpOpen)
		return nil
	})
	return h.orError(err)
}

// Rename is part of vfs.FS. It renames files alone, within a directory or from one to another.
func (d *Disk) Rename(oldName, newName string) error {
	return d.do(Op{Kind: OpRename, Name: oldName, To: newName}, func(FaultKind) error {
		oldDir, oldBase, r, err := d.lookup(oldName)
		if err != nil {
			return err
		}
		newDir, newBase, err := d.resolve(newName)
		if err != nil {
			return err
		}
		target := d.dirs[newDir].lookup(newBase)
		switch {
		case r.kind == refDir || target.kind == refDir:
			return syscall.EISDIR
		case target == r:
			// Two names of one file, as a crash may leave: POSIX has rename do nothing.
			return nil
		}
		d.setName(newDir, newBase, r)
		d.setName(oldDir, oldBase, ref{})
		if target.kind == refFile {
			d.unlink(target.id)
		}
		return nil
	})
}

// Remove is part of vfs.FS.
func (d *Disk) Remove(name string) error {
	return d.do(Op{Kind: OpRemove, Name: name}, func(FaultKind) error {
		dir, base, r, err := d.lookup(name)
		if err != nil {
			return err
		}
		if r.kind == refDir && len(d.dirs[r.id].names()) > 0 {
			return syscall.ENOTEMPTY
		}
		d.setName(dir, base, ref{})
		if r.kind == refFile {
			d.unlink(r.id)
		}
		return nil
	})
}

// List is part of vfs.FS.
func (d *Disk) List(dir string) ([]string, error) {
	var names []string
	err := d.do(Op{Kind: OpList, Name: dir}, func(FaultKind) error {
		id, err := d.dir(dir)
		if err != nil {
			return err
		}
		names = d.dirs[id].names()
		return nil
	})
	return names, err
}

// MkdirAll is part of vfs.FS.
func (d *Disk) MkdirAll(dir string) error {
	return d.do(Op{Kind: OpMkdirAll, Name: dir}, func(FaultKind) error {
		at := int32(0)
		for base, rest := first(clean(dir)); base != ""; base, rest = first(rest) {
			r := d.dirs[at].lookup(base)
			switch r.kind {
			case refFile:
				return syscall.ENOTDIR
			case refNone:
				r = ref{refDir, int32(len(d.dirs))}
				d.dirs = append(d.dirs, nil)
				d.setName(at, base, r)
			case refDir:
			}
			at = r.id
		}
		return nil
	})
}

// SyncDir is part of vfs.FS.
func (d *Disk) SyncDir(dir string) error {
	return d.do(Op{Kind: OpSyncDir, Name: dir}, func(fault FaultKind) error {
		id, err := d.dir(dir)
		if err != nil {
			return err
		}
		names := d.dirs[id].choose(KeepAll())
		if fault == SyncClean {
			names, err = d.dirs[id].syncFailed(Random(d.rng.next())), syscall.EIO
		}
		if !d.dirs[id].settled() {
			d.dirs[id] = names
			d.version++
		}
		return err
	})
}

// Lock is part of vfs.FS.
func (d *Disk) Lock(name string) (io.Closer, error) {
	var l *lock
	err := d.do(Op{Kind: OpLock, Name: name}, func(FaultKind) error {
		dir, base, err := d.resolve(name)
		if err != nil {
			return err
		}
		r := d.dirs[dir].lookup(base)
		switch {
		case r.kind == refDir:
			return syscall.EISDIR
		case r.kind == refNone:
			r.id = d.newFile(dir, base)
		case d.locks[r.id]:
			return vfs.ErrLocked
		}
		if d.locks == nil {
			d.locks = make(map[int32]bool)
		}
		d.locks[r.id] = true
		l = &lock{d: d, id: r.id, name: name}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Free is part of vfs.FS.
func (d *Disk) Free(dir string) (int64, error) {
	free := int64(unlimited)
	err := d.do(Op{Kind: OpFree, Name: dir}, func(FaultKind) error {
		_, err := d.dir(dir)
		if d.opts.Capacity > 0 {
			free = max(0, d.opts.Capacity/pageBytes-d.used) * pageBytes
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return free, nil
}

type lock struct {
	d    *Disk
	id   int32
	name string

	// Guarded by d.mu.
	released bool
}

func (l *lock) Close() error {
	return l.d.do(Op{Kind: OpUnlock, Name: l.name}, func(FaultKind) error {
		if l.released {
			return fs.ErrClosed
		}
		l.released = true
		delete(l.d.locks, l.id)
		return nil
	})
}

// newFile makes an empty file under a name that is free.
func (d *Disk) newFile(dir int32, base string) int32 {
	id := int32(len(d.files))
	d.files = append(d.files, new(file))
	d.links = append(d.links, 1)
	d.setName(dir, base, ref{refFile, id})
	return id
}

// lookup returns the directory and base of a name, and what it stands for.
func (d *Disk) lookup(name string) (dir int32, base string, r ref, err error) {
	dir, base, err = d.resolve(name)
	if err != nil {
		return 0, "", ref{}, err
	}
	r = d.dirs[dir].lookup(base)
	if r.kind == refNone {
		return 0, "", ref{}, fs.ErrNotExist
	}
	return dir, base, r, nil
}

// resolve returns the directory that a name is in, which must exist, and its last element.
func (d *Disk) resolve(name string) (dir int32, base string, err error) {
	name = clean(name)
	if name == "" {
		return 0, "", syscall.EISDIR
	}
	above := strings.LastIndexByte(name, '/')
	dir, err = d.dir(name[:max(above, 0)])
	return dir, name[above+1:], err
}

// dir returns a directory.
func (d *Disk) dir(name string) (int32, error) {
	at := int32(0)
	for base, rest := first(clean(name)); base != ""; base, rest = first(rest) {
		r := d.dirs[at].lookup(base)
		switch r.kind {
		case refNone:
			return 0, fs.ErrNotExist
		case refFile:
			return 0, syscall.ENOTDIR
		case refDir:
			at = r.id
		}
	}
	return at, nil
}

// clean returns a name as a path from the root, without a slash at either end.
func clean(name string) string {
	name = filepath.ToSlash(name)
	if !path.IsAbs(name) {
		name = "/" + name
	}
	return path.Clean(name)[1:]
}

// first cuts the first element from a clean name.
func first(name string) (base, rest string) {
	base, rest, _ = strings.Cut(name, "/")
	return base, rest
}
