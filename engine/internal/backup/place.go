package backup

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/vfs"
)

// Place keeps backups: what has a name in it is whole. Names have slashes.
type Place interface {
	// List returns the base names of what is in a directory, none if there is no such directory.
	List(dir string) ([]string, error)
	// Open opens what has a name for reading; fs.ErrNotExist if nothing has.
	Open(name string) (Object, error)
	// Put gives a name to what write writes, once all of it is durable, and makes the name durable. After a crash the name stands
	// for what it did before, or for the new content as a whole, after an error perhaps for nothing.
	Put(name string, write func(w io.Writer) error) error
	// Remove takes names away, durably, as far as they are there. They are in one directory.
	Remove(names ...string) error
}

// Object is something in a place that is open.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() (int64, error)
}

// Folder is a place that is a directory.
type Folder struct {
	fs   vfs.FS
	path string
}

// List implements Place.
func (f *Folder) List(dir string) ([]string, error) {
	names, err := f.fs.List(f.join(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// Open implements Place.
func (f *Folder) Open(name string) (Object, error) { return f.fs.OpenRead(f.join(name)) }

// Put implements Place: the content goes under a temporary name first.
func (f *Folder) Put(name string, write func(w io.Writer) error) error {
	target := f.join(name)
	if err := f.put(target, write); err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	return nil
}

func (f *Folder) put(target string, write func(w io.Writer) error) error {
	temp := target + vfs.TempSuffix
	if err := f.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := f.fs.Create(temp)
	if err != nil {
		return err
	}
	err = write(&appender{file: file})
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = f.fs.Rename(temp, target)
	}
	if err != nil {
		return errors.Join(err, f.fs.Remove(temp))
	}
	if err := f.fs.SyncDir(filepath.Dir(target)); err != nil {
		// Another sync of the directory may only ask the cache: nobody is to find the name there and take it for durable.
		return errors.Join(err, f.fs.Remove(target))
	}
	return nil
}

// appender writes a file from its begin on, whole or with an error.
type appender struct {
	file vfs.File
	off  int64
}

func (a *appender) Write(p []byte) (int, error) {
	if err := vfs.WriteFull(a.file, p, a.off); err != nil {
		return 0, err
	}
	a.off += int64(len(p))
	return len(p), nil
}

// Remove implements Place.
func (f *Folder) Remove(names ...string) error {
	for _, name := range names {
		if err := f.fs.Remove(f.join(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(names) == 0 {
		return nil
	}
	return f.fs.SyncDir(filepath.Dir(f.join(names[0])))
}

func (f *Folder) join(name string) string { return filepath.Join(f.path, filepath.FromSlash(name)) }

// makeDirs makes directories that are missing, durably, and what names there are in the others: a process that was killed may not
// have come to it.
func (f *Folder) makeDirs(names ...string) error {
	for _, name := range names {
		if err := f.fs.MkdirAll(f.join(name)); err != nil {
			return err
		}
		if err := f.fs.SyncDir(f.join(name)); err != nil {
			return err
		}
	}
	return f.fs.SyncDir(f.path)
}

const (
	// markName is the file that makes a folder a place of backups, and says of which store.
	markName = "residual-backup"
	markHead = "residual backup 1\n"
	// lockName is the file that is locked by who writes.
	lockName = "LOCK"
)

// encodeMark returns the content of the mark: its head, the id, and the CRC of these two lines.
func encodeMark(id [16]byte) []byte {
	text := markHead + hex.EncodeToString(id[:]) + "\n"
	return fmt.Appendf(nil, "%s%08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

func decodeMark(b []byte) (id [16]byte, err error) {
	head, rest, _ := strings.Cut(string(b), "\n")
	if digits, _, _ := strings.Cut(rest, "\n"); len(digits) == 2*len(id) {
		_, _ = hex.Decode(id[:], []byte(digits)) // what does not decode is not what is encoded
	}
	switch {
	case string(b) == string(encodeMark(id)):
		return id, nil
	case strings.HasPrefix(head, "residual backup ") && head+"\n" != markHead && len(head) < len(markHead)+4:
		return id, fmt.Errorf("%w: %s says %q", base.ErrVersion, markName, head)
	}
	return id, fmt.Errorf("%w: %s fails its check", base.ErrCorrupt, markName)
}

// mark returns the id of the store that a place has backups of; ok is false for a place that has none. Where the mark is damaged
// it is that of the newest snapshot, and damaged says so.
func mark(p Place) (id [16]byte, ok bool, damaged, err error) {
	b, err := readObject(p, markName)
	if errors.Is(err, fs.ErrNotExist) {
		return id, false, nil, nil
	}
	if err == nil {
		id, err = decodeMark(b)
	}
	if !errors.Is(err, base.ErrCorrupt) {
		return id, err == nil, nil, err
	}
	names, listErr := p.List(snapshotDir)
	if listErr != nil {
		return id, false, nil, listErr
	}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		b, readErr := readObject(p, path.Join(snapshotDir, name))
		if readErr != nil {
			continue
		}
		if s, decodeErr := decodeSnapshot(b); decodeErr == nil {
			return s.Store, true, err, nil
		}
	}
	return id, false, nil, err
}

// claimFolder makes a folder a place of backups of a store, or finds that it is, and claims it. The caller closes the claim.
func claimFolder(fsys vfs.FS, folder string, id [16]byte) (_ *Folder, _ *vfs.Claim, err error) {
	if err := checkFolder(&Folder{fsys, folder}, id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if err := fsys.MkdirAll(folder); err != nil {
		return nil, nil, err
	}
	claim, err := vfs.TakeClaim(fsys, folder, lockName)
	if err != nil {
		return nil, nil, store.LockError(err)
	}
	f := &Folder{claim, folder}
	if err := f.begin(fsys, id); err != nil {
		return nil, nil, errors.Join(err, claim.Close())
	}
	return f, claim, nil
}

// begin makes what a place has before its first object.
func (f *Folder) begin(under vfs.FS, id [16]byte) error {
	if err := checkFolder(f, id); err != nil { // now that nobody else is at it
		return err
	}
	if _, ok, damaged, err := mark(f); !ok || damaged != nil || err != nil {
		if err := errors.Join(err, store.SyncAbove(under, f.path)); err != nil {
			return err
		}
		if err := put(f, markName, encodeMark(id)); err != nil {
			return err
		}
	}
	return f.makeDirs(append(objectDirs[:], snapshotDir)...)
}

// checkFolder refuses a folder that has backups of another store, or other things.
func checkFolder(f *Folder, id [16]byte) error {
	names, err := f.fs.List(f.path)
	if err != nil {
		return err
	}
	of, ok, _, err := mark(f)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", f.path, err)
	case ok && of != id:
		return fmt.Errorf("%w: %s has backups of the store %x, and this one is %x", base.ErrDestination, f.path, of, id)
	case ok:
		return nil
	}
	mayPrecede := func(name string) bool {
		return vfs.IsInEmpty(name, lockName) || strings.HasSuffix(name, vfs.TempSuffix)
	}
	if i := slices.IndexFunc(names, func(name string) bool { return !mayPrecede(name) }); i >= 0 {
		return fmt.Errorf("%w: %s has %q and no backup; a new one needs an empty folder", base.ErrDestination, f.path, names[i])
	}
	return nil
}

// openFolder opens a place of backups to read it.
func openFolder(fsys vfs.FS, folder string) (_ *opened, err error) {
	shared, err := vfs.OpenShared(fsys, folder, lockName)
	if err != nil {
		return nil, store.LockError(err)
	}
	o := &opened{Folder: Folder{shared, folder}, shared: shared}
	var ok bool
	o.id, ok, o.damage, err = mark(o)
	if err == nil && !ok {
		err = fmt.Errorf("%w: there is no %s in it, so it is no place of backups", base.ErrDestination, markName)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", folder, err), shared.Close())
	}
	return o, nil
}

// opened is a folder of backups that is read.
type opened struct {
	Folder

	shared *vfs.Shared
	id     [16]byte
	// damage is that of the mark, nil if there is none.
	damage error
}

// Is tells whether a folder is a place of backups, and not the directory of a store.
func Is(fsys vfs.FS, folder string) bool {
	_, ok, _, err := mark(&Folder{fsys, folder})
	return ok || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// put gives a name to content.
func put(p Place, name string, content []byte) error {
	return p.Put(name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

func readObject(p Place, name string) (b []byte, err error) {
	o, err := p.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	size, err := o.Size()
	if err != nil {
		return nil, err
	}
	b = make([]byte, size)
	if n, err := o.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("read %s: %w", name, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return b, nil
}
