package engine

import (
	"fmt"

	"github.com/residualdb/residual/engine/internal/repair"
	"github.com/residualdb/residual/wal"
)

// Finding is damage that Verify found.
type Finding = wal.Finding

// Verified is what Verify found.
type Verified struct {
	// Packs, Segments, Lists and Rows are those that checkpoints have stored and that are whole.
	Packs, Segments, Lists int
	Rows                   uint64
	// Log is what the log holds behind the last checkpoint.
	Log wal.Verified
	// Unborn tells that the directory was made for a store whose first start was interrupted before it had an id: it holds
	// nothing, and Open makes a store of it.
	Unborn bool
	// Unlocked tells that nothing kept a server from opening the store meanwhile: no lock could be taken.
	Unlocked bool
	// Unlisted are files that an interrupted checkpoint has left. They are no damage: the next start removes them.
	Unlisted []string
	// Findings is all damage, that of the log included. There is none if Open would open the store and every query
	// would be answered; damage to the copy of the manifest alone stops neither.
	Findings []Finding
}

// Verify reads everything in the directory of a store and reports all damage, not only the first. It changes nothing. Of
// the options it heeds FS. The error is for a directory that is in use ([ErrLocked]), holds nothing of a store ([ErrNoStore]) or
// cannot be read.
func Verify(dir string, opts Options) (Verified, error) {
	v, err := repair.Verify(opts.withDefaults().FS, dir)
	if err != nil {
		return Verified{}, fmt.Errorf("verify %s: %w", dir, err)
	}
	return Verified(v), nil
}

// Salvaged says what Salvage did.
type Salvaged struct {
	// Lost is what was given up: packs, segments of packs, lists. What the log lost is in Log.
	Lost []Finding
	// Restored are files of which the store had a second copy, or that could be made anew. Nothing was lost with them.
	Restored []string
	// Log is what became of the log.
	Log wal.Salvaged
	// Kept is the directory in which files are kept that are no longer part of the store, empty if there are none.
	Kept string
}

// Salvage makes a damaged store one that opens again, out of what is whole, and says what it gave up: segments and lists
// that fail their checks, and acknowledged events of the log. It is for an operator who has no other copy. What was
// damaged is kept aside. A store without damage is left alone. After an error or a crash it can be repeated.
//
// A store with files of another store, under another's name or of a newer version is refused: these can be set right
// without a loss. Of the options Salvage heeds FS.
func Salvage(dir string, opts Options) (Salvaged, error) {
	done, err := repair.Salvage(opts.withDefaults().FS, dir)
	if err != nil {
		err = fmt.Errorf("salvage %s: %w", dir, err)
	}
	return Salvaged(done), err
}
