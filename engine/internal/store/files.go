package store

import (
	"hash/crc32"
	"sync/atomic"

	"github.com/residualdb/residual/internal/vfs"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Files are the files of a store but for its log: the manifest, and the packs and lists that it names. They are for one
// goroutine at a time, but for Failure, NewPin, Space and Kept.
type Files struct {
	// Immutable. fs is the directory, by its handle; claim is the same, nil where the files are only read.
	fs    vfs.FS
	claim *vfs.Claim
	dir   string
	id    [16]byte

	// Trusted reads the trusted clock for a manifest; nil for one that is to keep the time it has. Immutable after the first use.
	Trusted func() int64

	// Manifest is the one that was committed last.
	Manifest Manifest

	open *packFiles // immutable
	pins *pins      // immutable
	// lastFile is the last number taken, so that the file of an attempt that failed is never taken for another's.
	lastFile uint64
	// firstSpilled is the number of the first pack that Adopt has made known and no manifest on disk names yet, 0 if there
	// is none.
	firstSpilled uint64
	// unsettled is true while a restart might find a newer manifest than ours: no file that either of them names may go.
	unsettled bool

	// failed is the first failure after which the state of the disk is not known; it ends commits for good. Written by the
	// goroutine that has the files, read by any.
	failed atomic.Pointer[error]

	// space is what the files take that Manifest names. Written by the goroutine that has the files, read by any.
	space atomic.Pointer[Space]
}

// New returns the files of the store with the id in dir, which has a manifest only once [Files.Load] was called. claim is nil
// where the files are only read.
func New(fsys vfs.FS, claim *vfs.Claim, dir string, id [16]byte) *Files {
	f := &Files{fs: fsys, claim: claim, dir: dir, id: id, open: newPackFiles(fsys), pins: &pins{files: make(map[string]*pinned)}}
	f.space.Store(&Space{})
	return f
}

// ID returns the id of the store.
func (f *Files) ID() [16]byte { return f.id }

// Load reads the newest manifest; a store that has made no checkpoint has none.
func (f *Files) Load() error {
	m, err := loadManifest(f.fs, f.dir, f.id)
	if err != nil {
		return err
	}
	f.lastFile = m.LastFile
	f.use(m)
	return nil
}

// use makes m the manifest in memory.
func (f *Files) use(m *Manifest) {
	f.Manifest = *m
	f.space.Store(f.measure())
}

// Close closes the packs that are open.
func (f *Files) Close() error { return f.open.close() }

// number takes a file number that was never used.
func (f *Files) number() uint64 {
	f.lastFile++
	return f.lastFile
}
