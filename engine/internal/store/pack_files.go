package store

import (
	"errors"
	"slices"
	"sync"
	"syscall"

	"github.com/residualdb/residual/internal/vfs"
)

// OpenPacksMax is how many packs are open at a time. A store has one for each checkpoint that sealed a model which came
// and went, so there may be thousands. Metrics whose two edge blocks are read from a pack take 7.2 us with the file open and
// 12.7 us where each read opens it, of 10 us that they may take.
const OpenPacksMax = 64

// packFiles are the packs that are open to be read; those that were used last stay open. It is safe for concurrent use.
type packFiles struct {
	fs vfs.FS // immutable

	// mu guards all that follows. No file is read or opened under it.
	mu   sync.Mutex
	open map[string]*packFile // by their paths
	// recent are those of open, the one that was used last at the end.
	recent []*packFile
}

// packFile is a pack that is open.
type packFile struct {
	path string
	file vfs.File // immutable

	// Guarded by packFiles.mu.
	readers int
	dropped bool // to be closed by the last reader
}

func newPackFiles(fsys vfs.FS) *packFiles {
	return &packFiles{fs: fsys, open: make(map[string]*packFile)}
}

// read calls do with an open pack.
func (f *packFiles) read(path string, do func(vfs.File) error) error {
	p, err := f.acquire(path)
	if err != nil {
		return err
	}
	defer f.release(p)
	return do(p.file)
}

// acquire returns an open pack, which stays open until it is released.
func (f *packFiles) acquire(path string) (*packFile, error) {
	if p := f.lookup(path); p != nil {
		return p, nil
	}
	file, err := f.fs.OpenRead(path)
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		f.shrink(0) // some of the process' files are ours
		file, err = f.fs.OpenRead(path)
	}
	if err != nil {
		return nil, err
	}
	if p := f.lookup(path); p != nil { // another reader has opened it meanwhile
		_ = file.Close() // nothing was written through it, so that nothing can be lost
		return p, nil
	}
	f.shrink(OpenPacksMax - 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &packFile{path: path, file: file, readers: 1}
	f.recent = append(f.recent, p)
	f.open[path] = p
	return p, nil
}

func (f *packFiles) lookup(path string) *packFile {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.open[path]
	if p != nil {
		p.readers++
		f.recent = append(without(f.recent, p), p)
	}
	return p
}

func (f *packFiles) release(p *packFile) {
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

// drop closes a pack if it is open, after its last reader.
func (f *packFiles) drop(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.open[path]; p != nil {
		_ = f.forget(p)
	}
}

// forget closes a pack, now or after its last reader. The caller holds mu.
func (f *packFiles) forget(p *packFile) error {
	delete(f.open, p.path)
	f.recent = without(f.recent, p)
	if p.readers > 0 {
		p.dropped = true
		return nil
	}
	return p.file.Close()
}

// close closes all.
func (f *packFiles) close() error {
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
