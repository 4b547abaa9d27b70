package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/backup"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

type (
	// BackupSource is where a backup comes from: a [HeldMoment], or a client of a server that holds one.
	BackupSource = backup.Source
	// BackupMoment is a store at one LSN, as what is copied of it.
	BackupMoment = backup.Moment
	// BackupFile is a file of a moment.
	BackupFile = backup.File
	// HeldMoment is a moment of a store on this machine, held until it is closed. It is safe for concurrent use.
	HeldMoment = backup.Held

	// BackupSnapshot is a moment in a folder of backups.
	BackupSnapshot = backup.Snapshot
	// BackedUp says what Backup did.
	BackedUp = backup.Taken
	// VerifiedBackup is what VerifyBackup found.
	VerifiedBackup = backup.Verified
	// RestoreWhich says which snapshot is restored. The zero value is the newest.
	RestoreWhich = backup.Which
)

// BackupOptions configures what is done with a folder of backups. The zero value keeps all snapshots.
type BackupOptions struct {
	// Keep is how many snapshots Backup leaves, the newest; 0 keeps all.
	Keep int
	// Progress is told bytes that were copied, read, or found to be there.
	Progress func(bytes int64)
	// FS and Now are seams for tests. Default: the operating system and its clock.
	FS  vfs.FS
	Now func() time.Time
}

func (o BackupOptions) withDefaults() BackupOptions {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Backup copies a moment of a store to a folder, as a snapshot: of its files those that the folder has not. The folder is made if
// it is missing; one that has backups of another store, or other things, is refused with [ErrDestination], and one that another
// backup writes to or somebody reads with [ErrLocked]. Everything copied is read back and checked before the snapshot is written,
// which is done last: a crash at any moment leaves every earlier snapshot as it was.
func Backup(ctx context.Context, src BackupSource, folder string, opts BackupOptions) (BackedUp, error) {
	opts = opts.withDefaults()
	done, err := backup.Take(ctx, opts.FS, folder, src, backup.Options{Keep: opts.Keep, Progress: opts.Progress})
	if err != nil {
		err = fmt.Errorf("backup to %s: %w", folder, err)
	}
	return done, err
}

// Restore makes a store of a snapshot, in a directory that is missing or empty. Everything is checked as it is read and read back
// as it was written; damage is [ErrCorrupt], and names the file. The store has the id of the one that was backed up. A directory
// in which a restore was interrupted is no store, and may be restored to again.
func Restore(ctx context.Context, folder, dir string, which RestoreWhich, opts BackupOptions) (BackupSnapshot, error) {
	opts = opts.withDefaults()
	s, err := backup.Restore(ctx, opts.FS, folder, dir, which, opts.Progress)
	if err != nil {
		err = fmt.Errorf("restore to %s: %w", dir, err)
	}
	return s, err
}

// VerifyBackup reads everything in a folder of backups and reports all damage. It changes nothing.
func VerifyBackup(ctx context.Context, folder string, opts BackupOptions) (VerifiedBackup, error) {
	opts = opts.withDefaults()
	v, err := backup.Verify(ctx, opts.FS, folder, opts.Progress)
	if err != nil {
		err = fmt.Errorf("verify %s: %w", folder, err)
	}
	return v, err
}

// ListBackups returns the snapshots of a folder of backups, and what is damaged of their own files.
func ListBackups(folder string, opts BackupOptions) (VerifiedBackup, error) {
	v, err := backup.List(opts.withDefaults().FS, folder)
	if err != nil {
		err = fmt.Errorf("list %s: %w", folder, err)
	}
	return v, err
}

// IsBackup tells whether a directory is a folder of backups rather than that of a store.
func IsBackup(folder string, opts BackupOptions) bool {
	return backup.Is(opts.withDefaults().FS, folder)
}

// HoldClosed holds the store in a directory that no process has open, as a start would find it. It changes nothing, and keeps
// others from opening the store where there are locks.
func HoldClosed(dir string, opts BackupOptions) (*HeldMoment, error) {
	opts = opts.withDefaults()
	h, err := backup.HoldClosed(opts.FS, dir, opts.Now())
	if err != nil {
		return nil, fmt.Errorf("backup of %s: %w", dir, err)
	}
	return h, nil
}

// heldMoments are the moments of an open store that are held.
type heldMoments struct {
	mu   sync.Mutex
	held map[*HeldMoment]struct{} // guarded by mu
}

func (m *heldMoments) add(h *HeldMoment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil {
		m.held = make(map[*HeldMoment]struct{})
	}
	m.held[h] = struct{}{}
}

func (m *heldMoments) remove(h *HeldMoment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, h)
}

// end lets go of all that are held, for Close: no further one begins.
func (m *heldMoments) end() {
	m.mu.Lock()
	held := slices.Collect(maps.Keys(m.held))
	m.mu.Unlock()
	for _, h := range held {
		_ = h.Close() // of what was only read
	}
}

// BeginBackup makes a checkpoint and holds what it has made, with the log from there to the LSN of now, until the moment is closed
// or the store is. Appends and queries go on.
//
// A checkpoint is written beside appends, and may have changes of sealed rows that came meanwhile. So the packs alone are of no
// one LSN, and the moment is what a restart would make of packs and log.
func (db *DB) BeginBackup(ctx context.Context) (*HeldMoment, error) {
	if err := db.begin(); err != nil {
		return nil, err
	}
	defer db.end()
	h, err := db.hold(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin a backup: %w", err)
	}
	return h, nil
}

func (db *DB) hold(ctx context.Context) (*HeldMoment, error) {
	k := db.checkpointer
	k.Mu.Lock() // to the end, so that no other checkpoint truncates the log
	defer k.Mu.Unlock()
	if err := k.CheckpointHeld(ctx); err != nil {
		return nil, err
	}
	var upTo wal.Position
	if err := db.log.Rotate(ctx, func(pos wal.Position) { upTo = pos }); err != nil {
		return nil, base.LogError(err)
	}
	parts, err := db.log.Parts(k.Files.Manifest.Covered, upTo)
	if err != nil {
		return nil, base.LogError(err)
	}
	manifest, pin := k.Files.PinManifest()
	var h *HeldMoment
	h, err = backup.Hold(backup.Holding{
		FS: db.claim, Dir: db.dir, Store: k.Files.ID(), Manifest: manifest, LSN: upTo.LSN, Taken: db.opts.Now(), Parts: parts,
		Release: func() error {
			pin.Release()
			db.heldMoments.remove(h)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	db.heldMoments.add(h)
	return h, nil
}
