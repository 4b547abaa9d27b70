package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/residualdb/residual/wal"
)

// recover brings back what was acknowledged: what the manifest names, then the log behind it. Until all of that was
// found good, nothing is written that stays, see spill.go.
func (db *DB) recover(id [16]byte) error {
	k := &db.keeper
	k.fs, k.claim, k.dir, k.store, k.clock = db.claim, db.claim, db.dir, id, db.clock
	m, err := loadManifest(k.fs, k.dir, id)
	if err != nil {
		return err
	}
	k.manifest, k.lastFile = *m, m.lastFile
	if err := db.loadPacks(); err != nil {
		return errors.Join(err, k.files.close())
	}
	if err := db.loadLists(); err != nil {
		return errors.Join(err, k.files.close())
	}
	if err := k.checkLayout(); err != nil {
		return errors.Join(err, k.files.close())
	}
	if err := db.openLog(); err != nil {
		return errors.Join(err, k.files.close(), k.dropSpilled())
	}
	if k.firstSpilled > 0 {
		err = k.makeDirs()
	} else {
		err = k.completeLayout(db.log)
	}
	if err == nil {
		err = k.keepLayout()
	}
	if err == nil && k.firstSpilled > 0 {
		// There is no going on without it: any other commit would name the packs beside the log that has their rows.
		err = db.checkpoint(context.Background())
	}
	if err == nil {
		err = k.sweep()
	}
	if err != nil {
		return errors.Join(err, db.log.Close(), k.files.close())
	}
	return nil
}

// loadPacks opens the packs and the live segments in them.
func (db *DB) loadPacks() error {
	k := &db.keeper
	k.packs, k.files = make(map[uint64]*pack), newPackFiles(k.fs)
	for i := range k.manifest.packs {
		ref := &k.manifest.packs[i]
		p, err := openPack(k.files, filepath.Join(k.dir, packDirName), k.store, ref.fileRef)
		if err != nil {
			return err
		}
		k.packs[ref.number] = p
		dead := make(map[uint32]bool)
		for _, d := range ref.dead {
			if int(d) >= len(p.entries) {
				return fmt.Errorf("%w: %s has %d segments, the manifest retires number %d", ErrCorrupt, p.name, len(p.entries), d)
			}
			dead[d] = true
		}
		for entry := range p.entries {
			if dead[uint32(entry)] {
				continue
			}
			if err := db.loadSegment(&place{p, entry}); err != nil {
				return fmt.Errorf("%s: segment %d: %w", p.name, entry, err)
			}
		}
	}
	return nil
}

func (db *DB) loadSegment(pl *place) error {
	e := &pl.pack.entries[pl.entry]
	src := &source{size: e.length}
	src.held.Store(pl)
	m := db.model(e.model)
	e.model = m.name // the same text once
	if src.small() {
		if err := src.load(); err != nil {
			return err
		}
	}
	sd, err := newSealed(m, src, 0, &db.keeper.scratch)
	if err != nil {
		return err
	}
	pl.pack.acquire()
	mo := m.month(e.month)
	mo.sealed = append(mo.sealed, sd)
	return nil
}

// loadLists brings back the idempotency window and the quarantine.
func (db *DB) loadLists() error {
	k := &db.keeper
	err := k.loadLists(listKeys, k.manifest.keys, func(c *list) error { return decodeKeys(c, db.keys.restore) })
	if err == nil {
		err = k.loadLists(listRejects, k.manifest.rejects, func(c *list) error { return decodeRejects(c, db.quarantine.addRow) })
		k.rejects.from = db.quarantine.next()
	}
	if err == nil {
		err = k.loadLists(listActuals, k.manifest.actuals, func(c *list) error { return decodeActuals(c, db.restoreActual) })
	}
	db.publisher.countActuals()
	return err
}

// loadLists gives the entries of each list to decode, the oldest list first.
func (k *keeper) loadLists(kind listKind, refs []listRef, decode func(*list) error) error {
	for _, ref := range refs {
		c, err := readList(k.fs, k.dir, k.store, kind, ref.fileRef)
		if err != nil {
			return err
		}
		if err := decode(c); err != nil {
			return err
		}
	}
	return nil
}

// openLog replays the log behind the checkpoint.
func (db *DB) openLog() error {
	replay := replayer{db: db}
	log, recovered, err := wal.Open(filepath.Join(db.dir, logDirName), wal.Options{
		FS:           db.claim,
		StoreID:      db.keeper.store,
		Sync:         db.opts.Sync,
		SyncInterval: db.opts.SyncInterval,
		FileBytes:    db.opts.LogFileBytes,
		Checkpoint:   db.keeper.manifest.covered,
		OnStart:      db.giveWay,
		OnError:      db.logStopped,
		Now:          db.opts.Now,
	}, replay.replay)
	if err != nil {
		return logError(err)
	}
	db.log = log
	replay.decoder, replay.record, replay.ordered = recordDecoder{}, record{}, bySeries{} // the log keeps the replayer
	db.resumeClock(&replay)
	for code := range db.counters.quarantined { // what the log has was counted by the process that took it
		db.counters.quarantined[code].Store(0)
	}
	db.opts.Logger.Info("log replayed", "records", replay.records, "rows", replay.rows, "seconds", recovered.Duration.Seconds(),
		"cut_bytes", recovered.CutBytes, "head_bytes", replay.heads)
	return nil
}

// resumeClock lets the trusted clock go on from the last moment that the store knows of.
func (db *DB) resumeClock(replay *replayer) {
	last := db.keeper.manifest.trusted
	if replay.records > 0 {
		last = replay.last.trusted
	}
	if last == 0 {
		last = db.newest()
	}
	if last > 0 {
		db.clock.resume(last)
	}
}

// newest returns the latest time that the manifest's lists and segments tell of, where no clock has left one; 0 if
// there is none.
func (db *DB) newest() (newest int64) {
	m := &db.keeper.manifest
	for _, lists := range [][]listRef{m.keys, m.rejects, m.actuals} {
		for _, l := range lists {
			newest = max(newest, l.newest)
		}
	}
	db.models.Range(func(_ string, m *model) bool {
		for _, mo := range m.months {
			for _, sd := range mo.sealed {
				for _, x := range sd.series {
					newest = max(newest, x.stored.MaxTime)
				}
			}
		}
		return true
	})
	return newest
}
