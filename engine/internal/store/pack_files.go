package store

import (
	"errors"
	"slices"
	"sync"
	"syscall"

	"github.com/residualdb/residual/internal/vfs"
)

// OpenPacksMax is how many packs are open at a time. A store has one for each checkpoint that sealed a model which came
// and went, so there may be thousands; opening one again costs about as much as reading a block.
const OpenPacksMax = 64

// packFiles are the packs that are open to be read. The ones used last stay open. It is safe for concurrent use.
type packFiles struct {
	fs vfs.FS // immutable

	mu sync.Mutex
	// open are the packs with a file, by their names. Guarded by mu.
	open map[string]*packFile
	// recent are those of open, the last used last. Guarded by mu.
	recent []*packFile
}

// packFile is a pack that is open.
type packFile struct {
	name string
	file vfs.File // immutable

	// Guarded by packFiles.mu.
	readers int
	dropped bool // to be closed by the last reader
}

func NewPackFiles(fsys vfs.FS) *packFiles {
	return &packFiles{fs: fsys, open: make(map[string]*packFile)}
}

// read calls do with an open pack.
func (f *packFiles) read(name string, do func(vfs.File) error) error {
	p, err := f.take(name)
	if err != nil {
		return err
	}
	defer f.giveBack(p)
	return do(p.file)
}

// take returns an open pack, which stays open until it is given back.
func (f *packFiles) take(name string) (*packFile, error) {
	if p := f.find(name); p != nil {
		return p, nil
	}
	file, err := f.fs.OpenRead(name)
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		f.shrink(0) // some of the process' files are ours
		file, err = f.fs.OpenRead(name)
	}
	if err != nil {
		return nil, err
	}
	return f.add(name, file), nil
}

func (f *packFiles) find(name string) *packFile {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.open[name]
	if p != nil {
		p.readers++
		f.recent = append(without(f.recent, p), p)
	}
	return p
}

// add makes room for a pack that was opened, unless somebody else has opened it meanwhile.
func (f *packFiles) add(name string, file vfs.File) *packFile {
	if p := f.find(name); p != nil {
		_ = file.Close() // nothing was written through it, so that nothing can be lost
		return p
	}
	f.shrink(OpenPacksMax - 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &packFile{name: name, file: file, readers: 1}
	f.recent = append(f.recent, p)
	f.open[name] = p
	return p
}

func (f *packFiles) giveBack(p *packFile) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.readers--; p.readers == 0 && p.dropped {
		_ = p.file.Close()
	}
}

// shrink closes packs that were not used for longest and that nobody reads, until there are n.
func (f *packFiles) shrink(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range slices.Clone(f.recent) {
		if len(f.open) > n && p.readers == 0 {
			_ = f.forget(p)
		}
	}
}

// drop closes a pack that is no longer read, if it is open.
func (f *packFiles) drop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.open[name]; p != nil {
		_ = f.forget(p)
	}
}

// forget closes a pack, now or after its last reader. The caller holds mu.
func (f *packFiles) forget(p *packFile) error {
	delete(f.open, p.name)
	f.recent = without(f.recent, p)
	if p.readers > 0 {
		p.dropped = true
		return nil
	}
	return p.file.Close()
}

// Close closes all.
func (f *packFiles) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for len(f.recent) > 0 {
		errs = append(errs, f.forget(f.recent[0]))
	}
	return errors.Join(errs...)
}

func without(files []*packFile, p *packFile) []*packFile {
	return slices.DeleteFunc(files, func(x *packFile) bool { return x == p })
}
