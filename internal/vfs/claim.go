package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrTaken is returned once a directory that a process has to itself is no longer what its path leads to, or what makes
// it this process' own was removed or replaced. Nothing is written any more: not here, where somebody has put the
// directory aside, nor there, where somebody has put another.
var ErrTaken = errors.New("the data directory was taken away")

// Claim is a directory that this process has to itself: it holds the directory open and locked, and is the FS of the
// names in it. It ends, for good, when the directory is found to be another's. That is looked for before each change of a
// name, before a write unless it was a moment ago, and after each sync before it is reported: what was synced without an error is in a file that has a name, and the
// path led to the directory when the caller was told. Check looks closer; callers do that now and then, and before what
// counts.
//
// Two processes cannot have a claim to one directory, on file systems that can lock directories, even if the lock's file
// was removed in between. On others, the one that came first notices at its next look.
type Claim struct {
	Dir // the directory by its handle

	// Immutable.
	outside  FS // what the path leads to
	path     string
	self     Identity
	lockName string
	lockID   Identity
	locks    []Lock

	// looked is when the path was last found to lead here, as time since began.
	began  time.Time
	looked atomic.Int64

	// taken is the first sign that the directory is another's, nil until then.
	taken atomic.Pointer[error]

	mu sync.RWMutex
	// kept are names in the directory that must go on standing for what they do. Guarded by mu.
	kept []keptName
}

// keptName is a name with what it must stand for.
type keptName struct {
	name string
	id   Identity
	// file and content are those of a file whose content must stay, nil for others.
	file    File
	content []byte
}

var _ Dir = (*Claim)(nil)

// TakeClaim opens and locks an existing directory. lockName is the name of the file in it that is locked, and made if it
// is missing. It is ErrLocked if somebody else has the directory.
func TakeClaim(fsys FS, dir, lockName string) (_ *Claim, err error) {
	c := &Claim{began: time.Now(), outside: fsys, path: dir, lockName: filepath.Join(dir, lockName)}
	if c.Dir, err = fsys.OpenDir(dir); err != nil {
		return nil, err
	}
	if err := c.take(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Claim) take() (err error) {
	if c.self, err = c.Identify(c.path); err != nil {
		return err
	}
	for _, name := range []string{c.path, c.lockName} {
		lock, err := c.Lock(name)
		if errors.Is(err, errors.ErrUnsupported) && name == c.path {
			continue
		}
		if err != nil {
			return err
		}
		c.locks = append(c.locks, lock)
	}
	if c.lockID, err = c.locks[len(c.locks)-1].Identity(); err != nil {
		return err
	}
	return c.stands() // somebody may have replaced what is locked in between
}

// Keep makes the claim depend on names in the directory: each must go on standing for the file or directory that it
// stands for now. A file must keep its content; a directory is held.
func (c *Claim) Keep(names ...string) error {
	for _, name := range names {
		k, err := c.look(name)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.kept = append(c.kept, k)
		c.mu.Unlock()
	}
	return nil
}

func (c *Claim) look(name string) (k keptName, err error) {
	k.name = name
	if k.id, err = c.Identify(name); err != nil {
		return k, err
	}
	k.file, err = c.OpenRead(name)
	if errors.Is(err, ErrNotRegular) {
		return k, c.Hold(name)
	}
	if err == nil {
		k.content, err = readAll(k.file)
	}
	return k, err
}

// Err returns ErrTaken, with what was found, once the claim has ended. It does not look.
func (c *Claim) Err() error {
	if err := c.taken.Load(); err != nil {
		return *err
	}
	return nil
}

// Check looks at all that the claim depends on. It is ErrTaken if the claim has ended, and another error if that could
// not be found out.
func (c *Claim) Check() error {
	if err := c.stands(); err != nil {
		return err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, k := range c.kept {
		if k.file == nil {
			continue
		}
		now, err := readAll(k.file)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if !bytes.Equal(now, k.content) {
			return c.end("the content of %s is another", k.name)
		}
	}
	return nil
}

// stands looks at all names that the claim depends on.
func (c *Claim) stands() error {
	if err := c.leads(); err != nil {
		return err
	}
	if err := c.compare(c.outside, c.path, c.self); err != nil {
		return err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, k := range c.kept {
		if err := c.compare(c.Dir, k.name, k.id); err != nil {
			return err
		}
	}
	return nil
}

// leads looks whether the path leads to the lock. That is one call of the system, and another directory has another
// lock, unless it was made of hard links.
func (c *Claim) leads() error {
	if err := c.Err(); err != nil {
		return err
	}
	if err := c.compare(c.outside, c.lockName, c.lockID); err != nil {
		return err
	}
	c.looked.Store(int64(time.Since(c.began)))
	return nil
}

// lookInterval is how long after a look a file is written without another: writes and syncs take turns.
const lookInterval = 10 * time.Millisecond

// writable is what a write needs to know.
func (c *Claim) writable() error {
	if int64(time.Since(c.began))-c.looked.Load() < int64(lookInterval) {
		return c.Err()
	}
	return c.leads()
}

// compare ends the claim if a name stands for something else than it did.
func (c *Claim) compare(fsys FS, name string, id Identity) error {
	now, err := fsys.Identify(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return c.end("%s is gone", name)
	case err != nil:
		return err
	case now != id:
		return c.end("%s is another than the one that was opened", name)
	}
	return nil
}

func (c *Claim) end(format string, args ...any) error {
	err := fmt.Errorf("%w: "+format, append([]any{ErrTaken}, args...)...)
	c.taken.CompareAndSwap(nil, &err)
	return c.Err()
}

// Create is FS's.
func (c *Claim) Create(name string) (File, error) { return c.openToWrite(c.Dir.Create, name) }

// Open is FS's.
func (c *Claim) Open(name string) (File, error) { return c.openToWrite(c.Dir.Open, name) }

func (c *Claim) openToWrite(open func(string) (File, error), name string) (File, error) {
	if err := c.stands(); err != nil {
		return nil, err
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	return &claimedFile{f, c, name}, nil
}

// Rename is FS's.
func (c *Claim) Rename(oldName, newName string) error {
	if err := c.stands(); err != nil {
		return err
	}
	return c.Dir.Rename(oldName, newName)
}

// Remove is FS's.
func (c *Claim) Remove(name string) error {
	if err := c.stands(); err != nil {
		return err
	}
	return c.Dir.Remove(name)
}

// MkdirAll is FS's.
func (c *Claim) MkdirAll(dir string) error {
	if err := c.stands(); err != nil {
		return err
	}
	return c.Dir.MkdirAll(dir)
}

// SyncDir is FS's.
func (c *Claim) SyncDir(dir string) error {
	if err := c.stands(); err != nil {
		return err
	}
	if err := c.Dir.SyncDir(dir); err != nil {
		return err
	}
	return c.stands()
}

// Close gives the directory up. Files opened in it stay open.
func (c *Claim) Close() error {
	var errs []error
	for _, k := range c.kept {
		if k.file != nil {
			errs = append(errs, k.file.Close())
		}
	}
	for _, lock := range c.locks {
		errs = append(errs, lock.Close())
	}
	return errors.Join(append(errs, c.Dir.Close())...)
}

// claimedFile is a file that may be written, as long as its claim stands.
type claimedFile struct {
	File

	claim *Claim
	name  string
}

func (f *claimedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.claim.writable(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *claimedFile) Allocate(off, n int64) error {
	if err := f.claim.writable(); err != nil {
		return err
	}
	return f.File.Allocate(off, n)
}

func (f *claimedFile) Truncate(size int64) error {
	if err := f.claim.writable(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *claimedFile) Sync() error { return f.sync(f.File.Sync) }

func (f *claimedFile) SyncData() error { return f.sync(f.File.SyncData) }

// sync reports success for what can be found again: in a file that has its name, where the path leads.
func (f *claimedFile) sync(sync func() error) error {
	if err := f.claim.Err(); err != nil {
		return err
	}
	if err := sync(); err != nil {
		return err
	}
	linked, err := f.Linked()
	if err != nil {
		return err
	}
	if !linked {
		return f.claim.end("%s was removed", f.name)
	}
	return f.claim.leads()
}

// IsInEmpty tells whether a file may be in a directory that counts as empty: the one that a claim locks, and what a new file system
// has at its root.
func IsInEmpty(name, lockName string) bool { return name == lockName || name == "lost+found" }
