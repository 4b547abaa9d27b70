package simdisk

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/residualdb/residual/internal/vfs"
)

// names is the file system as seen from one of its directories: names are resolved from there.
type names struct {
	d    *Disk
	at   int32
	path string // of the directory at, clean
	// held are directories in an open one, by their path from there. Guarded by d.mu.
	held map[string]int32
}

var _ vfs.Dir = names{}

// Create is part of vfs.FS.
func (n names) Create(name string) (vfs.File, error) {
	var h *handle
	err := n.d.do(Op{Kind: OpCreate, Name: name}, func(FaultKind) error {
		dir, base, err := n.resolve(name)
		if err != nil {
			return err
		}
		if n.d.dirs[dir].lookup(base).kind != refNone {
			return fs.ErrExist
		}
		h = n.d.open(n.d.newFile(dir, base), name, true)
		return nil
	})
	return h.orError(err)
}

// Open is part of vfs.FS.
func (n names) Open(name string) (vfs.File, error) { return n.openExisting(OpOpen, name) }

// OpenRead is part of vfs.FS.
func (n names) OpenRead(name string) (vfs.File, error) { return n.openExisting(OpOpenRead, name) }

func (n names) openExisting(kind OpKind, name string) (vfs.File, error) {
	var h *handle
	err := n.d.do(Op{Kind: kind, Name: name}, func(FaultKind) error {
		_, _, r, err := n.lookup(name)
		if err != nil {
			return err
		}
		if r.kind == refDir {
			return vfs.ErrNotRegular
		}
		h = n.d.open(r.id, name, kind == OpOpen)
		return nil
	})
	return h.orError(err)
}

// OpenDir is part of vfs.FS.
func (n names) OpenDir(dir string) (vfs.Dir, error) {
	opened := names{d: n.d, path: clean(dir), held: make(map[string]int32)}
	err := n.d.do(Op{Kind: OpOpenDir, Name: dir}, func(FaultKind) (err error) {
		opened.at, err = n.dir(dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// Hold is part of vfs.Dir.
func (n names) Hold(dir string) error {
	return n.d.do(Op{Kind: OpOpenDir, Name: dir}, func(FaultKind) error {
		rest, err := n.rest(dir)
		if err != nil {
			return err
		}
		id, err := n.walk(rest)
		if err == nil {
			n.held[rest] = id
		}
		return err
	})
}

// Close is part of vfs.Dir. It costs no operation: nothing that could fail hangs on it.
func (n names) Close() error { return nil }

// Identify is part of vfs.FS. It costs no operation: what a path leads to is in the memory of the system.
func (n names) Identify(name string) (vfs.Identity, error) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	op := Op{Kind: OpIdentify, Name: name}
	if n.d.halted {
		return vfs.Identity{}, op.error(ErrHalted)
	}
	r, err := n.find(name)
	if err != nil {
		return vfs.Identity{}, op.error(err)
	}
	return r.identity(), nil
}

// find returns what a name stands for, the directory itself included.
func (n names) find(name string) (ref, error) {
	if rest, err := n.rest(name); err != nil || rest == "" {
		return ref{refDir, n.at}, err
	}
	_, _, r, err := n.lookup(name)
	return r, err
}

// Rename is part of vfs.FS. It renames files alone, within a directory or from one to another.
func (n names) Rename(oldName, newName string) error {
	return n.d.do(Op{Kind: OpRename, Name: oldName, To: newName}, func(FaultKind) error {
		oldDir, oldBase, r, err := n.lookup(oldName)
		if err != nil {
			return err
		}
		newDir, newBase, err := n.resolve(newName)
		if err != nil {
			return err
		}
		target := n.d.dirs[newDir].lookup(newBase)
		switch {
		case r.kind == refDir || target.kind == refDir:
			return syscall.EISDIR
		case target == r:
			// Two names of one file, as a crash may leave: POSIX has rename do nothing.
			return nil
		}
		n.d.setName(newDir, newBase, r)
		n.d.setName(oldDir, oldBase, ref{})
		if target.kind == refFile {
			n.d.unlink(target.id)
		}
		return nil
	})
}

// Remove is part of vfs.FS.
func (n names) Remove(name string) error {
	return n.d.do(Op{Kind: OpRemove, Name: name}, func(FaultKind) error {
		dir, base, r, err := n.lookup(name)
		if err != nil {
			return err
		}
		if r.kind == refDir && len(n.d.dirs[r.id].names()) > 0 {
			return syscall.ENOTEMPTY
		}
		n.d.setName(dir, base, ref{})
		if r.kind == refFile {
			n.d.unlink(r.id)
		} else {
			n.d.removed(r.id)
		}
		return nil
	})
}

// List is part of vfs.FS.
func (n names) List(dir string) ([]string, error) {
	var listed []string
	err := n.d.do(Op{Kind: OpList, Name: dir}, func(FaultKind) error {
		id, err := n.dir(dir)
		if err != nil {
			return err
		}
		listed = n.d.dirs[id].names()
		return nil
	})
	return listed, err
}

// MkdirAll is part of vfs.FS.
func (n names) MkdirAll(dir string) error {
	return n.d.do(Op{Kind: OpMkdirAll, Name: dir}, func(FaultKind) error {
		rest, err := n.rest(dir)
		if err != nil {
			return err
		}
		at := n.at
		var base string
		for base, rest = first(rest); base != ""; base, rest = first(rest) {
			r := n.d.dirs[at].lookup(base)
			switch r.kind {
			case refFile:
				return syscall.ENOTDIR
			case refNone:
				r = ref{refDir, int32(len(n.d.dirs))}
				n.d.dirs = append(n.d.dirs, nil)
				n.d.setName(at, base, r)
			case refDir:
			}
			at = r.id
		}
		return nil
	})
}

// SyncDir is part of vfs.FS.
func (n names) SyncDir(dir string) error {
	return n.d.do(Op{Kind: OpSyncDir, Name: dir}, func(fault FaultKind) error {
		id, err := n.dir(dir)
		if err != nil {
			return err
		}
		synced := n.d.dirs[id].choose(KeepAll())
		if fault == SyncClean {
			synced, err = n.d.dirs[id].syncFailed(Random(n.d.rng.next())), syscall.EIO
		}
		if !n.d.dirs[id].settled() {
			n.d.dirs[id] = synced
			n.d.version++
		}
		return err
	})
}

// Free is part of vfs.FS.
func (n names) Free(dir string) (int64, error) {
	free := int64(unlimited)
	err := n.d.do(Op{Kind: OpFree, Name: dir}, func(FaultKind) error {
		_, err := n.dir(dir)
		if n.d.opts.Capacity > 0 {
			free = max(0, n.d.opts.Capacity/pageBytes-n.d.used) * pageBytes
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return free, nil
}

// lookup returns the directory and base of a name, and what it stands for.
func (n names) lookup(name string) (dir int32, base string, r ref, err error) {
	dir, base, err = n.resolve(name)
	if err != nil {
		return 0, "", ref{}, err
	}
	r = n.d.dirs[dir].lookup(base)
	if r.kind == refNone {
		return 0, "", ref{}, fs.ErrNotExist
	}
	return dir, base, r, nil
}

// resolve returns the directory that a name is in, which must exist, and its last element.
func (n names) resolve(name string) (dir int32, base string, err error) {
	rest, err := n.rest(name)
	if err != nil {
		return 0, "", err
	}
	if rest == "" {
		return 0, "", syscall.EISDIR
	}
	above := strings.LastIndexByte(rest, '/')
	dir, err = n.walk(rest[:max(above, 0)])
	return dir, rest[above+1:], err
}

// dir returns a directory.
func (n names) dir(name string) (int32, error) {
	rest, err := n.rest(name)
	if err != nil {
		return 0, err
	}
	return n.walk(rest)
}

// rest returns a name as seen from the directory, clean.
func (n names) rest(name string) (string, error) {
	name = clean(name)
	if n.path == "" || name == n.path {
		return name[len(n.path):], nil
	}
	rest, ok := strings.CutPrefix(name, n.path+"/")
	if !ok {
		return "", fs.ErrInvalid
	}
	return rest, nil
}

// walk returns the directory that a clean path leads to.
func (n names) walk(rest string) (int32, error) {
	at := n.at
	if held, ok := n.held[rest]; ok {
		at, rest = held, ""
	}
	var base string
	for base, rest = first(rest); base != ""; base, rest = first(rest) {
		r := n.d.dirs[at].lookup(base)
		switch r.kind {
		case refNone:
			return 0, fs.ErrNotExist
		case refFile:
			return 0, syscall.ENOTDIR
		case refDir:
			at = r.id
		}
	}
	if n.d.gone[at] {
		return 0, fs.ErrNotExist
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

// removed notes that a directory has no name any more, and so can have none in it.
func (d *Disk) removed(dir int32) {
	if d.gone == nil {
		d.gone = make(map[int32]bool)
	}
	d.gone[dir] = true
}

// newFile makes an empty file under a name that is free.
func (d *Disk) newFile(dir int32, base string) int32 {
	id := int32(len(d.files))
	d.files = append(d.files, new(file))
	d.links = append(d.links, 1)
	d.setName(dir, base, ref{refFile, id})
	return id
}
