package engine

import (
	"path/filepath"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/store"
)

// Disk is what a store takes on its disk, by what it is for, and what is left there.
type Disk struct {
	// Bytes of files, as a listing of the directory shows them: of log files, which are as long as they were made; of packs
	// and of the lists beside them; of the manifest with its copy and the store's id; and of what is no part of the store
	// any more: packs and lists that somebody still reads, or has read and that go with the next sweep, and what was kept, by a
	// salvage or when a torn tail was cut off the log.
	Log, Packs, Keys, Quarantine, Actuals, Manifest, Pinned, Kept int64
	// Free and LogFree are the bytes that the process may still write to the file systems of the directory and of its log,
	// mostly the same one; -1 where they are not known.
	Free, LogFree int64
}

// Bytes is what all files of the store take.
func (d Disk) Bytes() int64 {
	return d.Log + d.Packs + d.Keys + d.Quarantine + d.Actuals + d.Manifest + d.Pinned + d.Kept
}

// keptInterval is how long what was kept aside is taken to be as large as it was. A start and an operator change it, and
// nothing else.
const keptInterval = time.Minute

// keptFiles remembers what was kept aside, so that not every look at the store opens these files.
type keptFiles struct {
	mu sync.Mutex

	// Guarded by mu.
	bytes int64
	// due is when they are to be asked for again, by the monotonic clock.
	due time.Duration
}

// disk returns what the store takes. What cannot be found out stays as it was.
func (db *DB) disk() Disk {
	files := db.checkpointer.files
	space := files.Space()
	return Disk{
		Log:        db.log.FileBytes(),
		Packs:      space.Packs,
		Keys:       space.Lists[store.ListKeys],
		Quarantine: space.Lists[store.ListRejects],
		Actuals:    space.Lists[store.ListActuals],
		Manifest:   space.Manifest,
		Pinned:     space.Pinned,
		Kept:       db.kept.size(db.opts.Elapsed(), files.Kept),
		Free:       db.free(""),
		LogFree:    db.free(store.LogDir),
	}
}

// size returns the bytes, which ask tells if they were not asked for lately.
func (k *keptFiles) size(now time.Duration, ask func() (int64, error)) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now >= k.due {
		if bytes, err := ask(); err == nil {
			k.bytes = bytes
		}
		k.due = now + keptInterval
	}
	return k.bytes
}

// free returns the bytes that may still be written to a directory of the store, -1 if that cannot be found out.
func (db *DB) free(dir string) int64 {
	free, err := db.claim.Free(filepath.Join(db.dir, dir))
	if err != nil {
		return -1
	}
	return free
}

// spaceNeeded is what should be free on the disk: the next log file with as much again that the log leaves to checkpoints,
// and what a checkpoint of a log that has grown to its bound writes, which is less than the log.
func (db *DB) spaceNeeded() int64 { return 2*db.opts.LogFileBytes + db.opts.CheckpointBytes }

// spaceWatch warns once when the disk has become nearly full, and says when it is not any more. It is for one goroutine.
type spaceWatch struct{ low bool }

// look looks at the free space. It is low until there is half as much again as is needed.
func (w *spaceWatch) look(db *DB) {
	free, needed := min(db.free(""), db.free(store.LogDir)), db.spaceNeeded()
	switch {
	case free < 0:
	case !w.low && free < needed:
		w.low = true
		db.opts.Logger.Warn("the disk is nearly full; events are refused once the next log file does not fit", "free_bytes", free, "needed_bytes", needed)
	case w.low && free >= needed+needed/2:
		w.low = false
		db.opts.Logger.Info("the disk has room again", "free_bytes", free)
	}
}
