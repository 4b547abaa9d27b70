package engine

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
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
	k := &db.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.passLeftovers(); err != nil {
		return err
	}
	k.spilling = true
	defer func() { k.spilling = false }()
	c := db.cut(k.manifest.covered)
	if err := db.sealDirty(c.generation); err != nil {
		return err
	}
	taken := k.takeUnsaved(c.generation)
	next := k.manifest.clone()
	if err := db.replace(&next, k.replacements(taken, c.generation)); err != nil {
		return err
	}
	clear(k.edited)
	db.counters.sealing.Store(0)
	return nil
}

// passLeftovers takes no number of a pack that a crash has left, before the first one is spilled: nothing is removed
// until the log was found good.
func (k *keeper) passLeftovers() error {
	if k.firstSpilled != 0 {
		return nil
	}
	names, err := k.list(packDirName)
	if err != nil {
		return err
	}
	for _, name := range names {
		if n, err := parseNumber(name, "", packSuffix); err == nil {
			k.lastFile = max(k.lastFile, n)
		}
	}
	k.firstSpilled = k.lastFile + 1
	return nil
}

// dropSpilled removes the packs of a replay that failed, so that the directory is as it was.
func (k *keeper) dropSpilled() error {
	var errs []error
	for number := k.firstSpilled; number != 0 && number <= k.lastFile; number++ {
		err := k.fs.Remove(filepath.Join(k.dir, packDirName, packName(number)))
		if !errors.Is(err, fs.ErrNotExist) { // one that could not be written whole
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
