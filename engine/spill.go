package engine

import (
	"context"
)

// A log that was written with more memory, or that no checkpoint has followed for long, may hold more than heads may. So a
// replay spills: it seals what it has brought and writes it to packs, as a checkpoint does, but commits nothing. The log
// covers its rows until all of it was found good and a checkpoint, the first thing after it, names the packs. A crash
// before that leaves packs without a name, which the next start removes.

// spill moves what the replay has brought so far to a pack.
func (db *DB) spill() error {
	if err := db.spillHeads(); err != nil {
		return err
	}
	db.balance(context.Background())
	return nil
}

func (db *DB) spillHeads() error {
	k := &db.checkpointer
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.BeginSpill(); err != nil {
		return err
	}
	c := db.cut(k.Manifest.Covered)
	if err := db.sealDirty(c.epoch); err != nil {
		return err
	}
	taken := k.takeUnsaved(c.epoch)
	next := k.Manifest.Clone()
	if err := db.replace(&next, k.replacements(taken, c.epoch), k.Adopt); err != nil {
		return err
	}
	clear(k.edited)
	db.publisher.Counters.Sealed()
	return nil
}
