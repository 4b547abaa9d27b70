package store

import (
	"fmt"
	"sync/atomic"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
)

// Files are the files of a store but for its log: the manifest, and the packs and lists that it names. They are for
// one goroutine at a time, but for Failure.
type Files struct {
	// Immutable after Open. fs is the directory, by its handle: the claim to it, nil for who only reads it.
	FS    vfs.FS
	Claim *vfs.Claim
	Dir   string
	ID    [16]byte
	// Open is the packs that are open for reading.
	Open *packFiles
	// Trusted reads the trusted clock; nil in Salvage, which has none.
	Trusted func() int64

	Manifest Manifest
	Packs    map[uint64]*Pack
	// Spilling is true while a commit is to change memory alone. firstSpilled is the number of the first pack that was
	// written so, 0 once there is a commit that names them.
	Spilling     bool
	FirstSpilled uint64
	// LastFile is the last number tried, so that a failed attempt's file is never taken for another's.
	LastFile uint64
	// unsettled is true while a restart might find a newer manifest than ours: nothing that either names may go.
	unsettled bool

	// failed is the first failure after which the state of the disk is not known; it ends commits for good. Written by
	// who commits, read by anybody.
	failed atomic.Pointer[error]
}

// Fail ends checkpoints, merges and retention for good, because of err.
func (f *Files) Fail(err error) error {
	f.failed.CompareAndSwap(nil, &err)
	return f.Failure()
}

// Failure returns what ended checkpoints, if anything did.
func (f *Files) Failure() error {
	if err := f.failed.Load(); err != nil {
		return fmt.Errorf("%w: no checkpoints until a restart: %w", base.ErrDegraded, *err)
	}
	if err := f.Claim.Err(); err != nil {
		return fmt.Errorf("%w: %w", base.ErrDegraded, err)
	}
	return nil
}

// Number takes a file number that was never used.
func (f *Files) Number() uint64 {
	f.LastFile++
	return f.LastFile
}
