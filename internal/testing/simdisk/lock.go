package simdisk

import (
	"errors"
	"io/fs"

	"github.com/residualdb/residual/internal/vfs"
)

// exclusive is in Disk.locks what is locked for one holder alone.
const exclusive = -1

// Lock is part of vfs.FS.
func (n names) Lock(name string) (vfs.Lock, error) {
	return n.lock(name, exclusive, func() (ref, error) {
		r, err := n.find(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
		dir, base, err := n.resolve(name)
		if err != nil {
			return ref{}, err
		}
		return ref{refFile, n.d.newFile(dir, base)}, nil
	})
}

// LockShared is part of vfs.FS.
func (n names) LockShared(name string) (vfs.Lock, error) {
	return n.lock(name, 1, func() (ref, error) { return n.find(name) })
}

func (n names) lock(name string, how int, find func() (ref, error)) (vfs.Lock, error) {
	l := &lock{d: n.d, name: name, how: how}
	err := n.d.do(Op{Kind: OpLock, Name: name}, func(FaultKind) (err error) {
		if l.ref, err = find(); err != nil {
			return err
		}
		if held := n.d.locks[l.ref]; held == exclusive || held > 0 && how == exclusive {
			return vfs.ErrLocked
		}
		if n.d.locks == nil {
			n.d.locks = make(map[ref]int)
		}
		n.d.locks[l.ref] += how
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// lock is a file or directory that is locked.
type lock struct {
	d    *Disk
	ref  ref
	name string
	how  int

	// Guarded by d.mu.
	released bool
}

func (l *lock) Identity() (vfs.Identity, error) { return l.ref.identity(), nil }

func (l *lock) Close() error {
	return l.d.do(Op{Kind: OpUnlock, Name: l.name}, func(FaultKind) error {
		if l.released {
			return fs.ErrClosed
		}
		l.released = true
		l.d.locks[l.ref] -= l.how
		return nil
	})
}
