package store

import (
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Pin keeps files on the disk that somebody reads, after the manifest has ceased to name them: [Files.Sweep] leaves them to a
// later one. Its methods are safe for concurrent use. A pin does not outlive the store: [Files.EndPins] ends all.
type Pin struct {
	pins *pins

	// Guarded by pins.mu.
	files   []*pinned
	sources []*Source // held before they had a place
}

// pins are what all pins of a store keep.
type pins struct {
	// mu guards all that follows and the pins themselves. No file is touched and no other lock is taken under it.
	mu sync.Mutex
	// files are those that are pinned, or were when the last sweep passed them by, by their paths.
	files map[string]*pinned
	ended bool

	// garbage is the size of the files that no manifest names any more and that are there only because they are or were
	// pinned; sweepable tells whether a sweep would remove some. They are written under mu and read by any goroutine.
	garbage   atomic.Int64
	sweepable atomic.Bool
}

type pinned struct {
	path string
	size int64
	// Guarded by pins.mu.
	by       int
	unlisted bool
}

// NewPin returns a pin that keeps nothing yet. It may be called by any goroutine.
func (f *Files) NewPin() *Pin { return &Pin{pins: f.pins} }

// Hold keeps readable what is read from src, where src is that of a segment that stands in its month: the caller holds the
// model's lock, for reading at least. A pack leaves the manifest before its segments leave their months, which takes the
// model's lock, and it is swept after that; so there is no sweep under way that could miss the pin. A segment that is in no
// pack yet stays in memory.
func (p *Pin) Hold(src *Source) {
	src.held.Add(1) // first, so that who evicts has seen no place before or sees the pin now
	pl := src.Place.Load()
	p.pins.mu.Lock()
	defer p.pins.mu.Unlock()
	if pl == nil {
		p.sources = append(p.sources, src)
		return
	}
	src.held.Add(-1)
	p.hold(pl.Pack.Path, pl.Pack.Ref.Size)
}

// PinManifest returns the manifest that holds now, and a pin of all that it names. It is for the goroutine that has the files.
func (f *Files) PinManifest() (Manifest, *Pin) {
	m, p := f.Manifest.Clone(), f.NewPin()
	p.pins.mu.Lock()
	defer p.pins.mu.Unlock()
	for path, ref := range m.AllFiles {
		p.hold(filepath.Join(f.dir, path), ref.Size)
	}
	return m, p
}

// hold pins a file. The caller holds pins.mu.
func (p *Pin) hold(path string, size int64) {
	if p.pins.ended {
		return
	}
	x := p.pins.files[path]
	if x == nil {
		x = &pinned{path: path, size: size}
		p.pins.files[path] = x
	}
	x.by++
	p.files = append(p.files, x)
}

// Release lets go of all that the pin keeps. What no manifest names goes at the next sweep. It may be repeated.
func (p *Pin) Release() {
	p.pins.mu.Lock()
	defer p.pins.mu.Unlock()
	for _, x := range p.files {
		x.by--
		switch {
		case x.by > 0 || p.pins.ended:
		case x.unlisted:
			p.pins.sweepable.Store(true)
		default:
			delete(p.pins.files, x.path)
		}
	}
	for _, src := range p.sources {
		src.held.Add(-1)
	}
	p.files, p.sources = nil, nil
}

// EndPins ends all pins: nobody reads any more. What they kept goes at the next sweep, and their release does nothing.
func (f *Files) EndPins() {
	f.pins.mu.Lock()
	defer f.pins.mu.Unlock()
	f.pins.ended = true
	clear(f.pins.files)
	f.pins.garbage.Store(0)
	f.pins.sweepable.Store(false)
}

// SweepReleased sweeps if that frees files which were pinned once, for a store in which nothing else asks for a sweep.
func (f *Files) SweepReleased() error {
	if !f.pins.sweepable.Load() || f.unsettled {
		return nil
	}
	return f.Sweep()
}

// spare tells whether a file that no manifest names is pinned, and notes so. One that is not is forgotten: the caller removes it.
func (p *pins) spare(path string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.files[path]
	if x == nil {
		return false
	}
	if x.by > 0 && !x.unlisted {
		x.unlisted = true
		p.garbage.Add(x.size)
	}
	if x.by == 0 {
		delete(p.files, path)
		p.garbage.Add(-x.size)
	}
	return x.by > 0
}

// swept is told that all files without a name and without a pin are gone.
func (p *pins) swept() {
	p.mu.Lock()
	defer p.mu.Unlock()
	some := false
	for _, x := range p.files {
		some = some || x.by == 0
	}
	p.sweepable.Store(some)
}
