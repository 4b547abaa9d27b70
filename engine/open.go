package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/publish"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/engine/internal/sidecar"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// recover brings back what was acknowledged: what the manifest names, then the log behind it. Until all of that was
// found good, nothing is written that stays, see [checkpoint.Checkpointer.Spill].
func (db *DB) recover(id [16]byte) error {
	k := db.checkpointer
	k.Files = store.New(db.claim, db.claim, db.dir, id)
	k.Files.Trusted = func() int64 { return db.clock.Read().Trusted }
	err := k.Files.Load()
	if err != nil {
		return err
	}
	if err := db.loadPacks(); err != nil {
		return errors.Join(err, k.Files.Close())
	}
	if err := db.loadLists(); err != nil {
		return errors.Join(err, k.Files.Close())
	}
	if err := k.Files.CheckLayout(); err != nil {
		return errors.Join(err, k.Files.Close())
	}
	if err := db.openLog(); err != nil {
		return errors.Join(err, k.Files.Close(), k.Files.DropSpilled())
	}
	if k.Files.Spilled() {
		err = k.Files.MakeDirs()
	} else {
		err = k.Files.CompleteLayout(db.log)
	}
	if err == nil {
		err = k.Files.KeepLayout()
	}
	if err == nil && k.Files.Spilled() {
		// There is no going on without it: any other commit would name the packs beside the log that has their rows.
		err = db.checkpointer.Checkpoint(context.Background())
	}
	if err == nil {
		err = k.Files.Sweep()
	}
	if err != nil {
		return errors.Join(err, db.log.Close(), k.Files.Close())
	}
	return nil
}

// loadPacks opens the packs and the live segments in them.
func (db *DB) loadPacks() error {
	var scratch segment.Scratch
	k := db.checkpointer
	for i := range k.Files.Manifest.Packs {
		ref := &k.Files.Manifest.Packs[i]
		p, err := k.Files.OpenPack(ref.FileRef)
		if err != nil {
			return err
		}
		dead := make(map[uint32]bool)
		for _, d := range ref.Dead {
			if int(d) >= len(p.Entries) {
				return fmt.Errorf("%w: %s has %d segments, the manifest retires number %d", ErrCorrupt, p.Path, len(p.Entries), d)
			}
			dead[d] = true
		}
		for entry := range p.Entries {
			if dead[uint32(entry)] {
				continue
			}
			if err := db.loadSegment(&store.Place{Pack: p, Entry: entry}, &scratch); err != nil {
				return fmt.Errorf("%s: segment %d: %w", p.Path, entry, err)
			}
		}
	}
	return nil
}

func (db *DB) loadSegment(pl *store.Place, scratch *segment.Scratch) error {
	e := &pl.Pack.Entries[pl.Entry]
	src := &store.Source{Size: e.Length}
	src.Place.Store(pl)
	m := db.publisher.Model(e.Model)
	e.Model = m.Name // the same text once
	if src.Small() {
		if err := src.Load(); err != nil {
			return err
		}
	}
	sg, err := catalog.NewSegment(m, src, 0, scratch)
	if err != nil {
		return err
	}
	mo := m.Month(e.Month)
	mo.Segments = append(mo.Segments, sg)
	return nil
}

// loadLists brings back the idempotency window, the quarantine, the remembered actuals and the positions of data sources.
func (db *DB) loadLists() error {
	k := db.checkpointer
	sinks := sidecar.Sinks{Key: db.keys.Restore, Reject: db.quarantine.AddRow, Actual: db.publisher.RestoreActual, Positions: db.positions.Set}
	for kind, l := range k.Files.Manifest.AllLists {
		if err := sinks.Read(k.Files, kind, l.FileRef); err != nil {
			return err
		}
	}
	k.Listed()
	return nil
}

// openLog replays the log behind the checkpoint.
func (db *DB) openLog() error {
	replay := replayer{db: db}
	log, recovered, err := wal.Open(filepath.Join(db.dir, store.LogDir), wal.Options{
		FS:           db.claim,
		StoreID:      db.checkpointer.Files.ID(),
		Sync:         db.opts.Sync,
		SyncInterval: db.opts.SyncInterval,
		FileBytes:    db.opts.LogFileBytes,
		Checkpoint:   db.checkpointer.Files.Manifest.Covered,
		OnStart:      db.giveWay,
		OnError:      db.logStopped,
	}, replay.replay)
	if err != nil {
		return base.LogError(err)
	}
	db.log, db.checkpointer.Log = log, log
	replay.decoder, replay.record, replay.ordered = record.Decoder{}, record.Record{}, head.Batch{} // the log keeps the replayer
	db.resumeClock(&replay)
	db.publisher.Counters.ForgetQuarantined() // what the log has was counted by the process that took it
	db.opts.Logger.Info("log replayed", "records", replay.records, "rows", replay.rows, "seconds", recovered.Duration.Seconds(),
		"cut_bytes", recovered.TornBytes, "head_bytes", replay.heads)
	return nil
}

// resumeClock lets the trusted clock go on from the last moment that the store knows of.
func (db *DB) resumeClock(replay *replayer) {
	last := db.checkpointer.Files.Manifest.Trusted
	if replay.records > 0 {
		last = replay.last.Trusted
	}
	if last == 0 {
		last = db.newest()
	}
	if last > 0 {
		db.clock.Resume(last)
	}
}

// newest returns the latest time that the manifest's lists and segments tell of, where no clock has left one; 0 if
// there is none.
func (db *DB) newest() (newest int64) {
	for _, l := range db.checkpointer.Files.Manifest.AllLists {
		newest = max(newest, l.Newest)
	}
	db.models.Range(func(_ string, m *catalog.Model) bool {
		for _, mo := range m.Months {
			for _, sg := range mo.Segments {
				for _, x := range sg.Series {
					newest = max(newest, x.Stored.MaxTime)
				}
			}
		}
		return true
	})
	return newest
}

// replayer applies the records of the log at Open.
type replayer struct {
	db            *DB
	decoder       record.Decoder
	record        record.Record
	ordered       head.Batch
	records, rows int
	// last is when the last record came.
	last clock.Moment
	// heads is the most that rows not sealed have taken.
	heads int64
}

func (p *replayer) replay(r wal.Record) error {
	if k := p.db.checkpointer; k.Files.Manifest.Number == 0 {
		return k.Files.NoManifest(fmt.Sprintf("record %d in the log", r.LSN))
	}
	if err := p.decoder.Decode(&p.record, r.Type, r.Payload); err != nil {
		return fmt.Errorf("record %d: %w", r.LSN, err)
	}
	x := publish.NewPublication(&p.record, &p.ordered)
	p.records++
	p.last = p.record.Moment()
	p.rows += p.record.Rows()
	if err := p.db.publisher.Publish(r.LSN, x); err != nil {
		return err
	}
	bytes := p.db.publisher.Counters.HeadBytes()
	p.heads = max(p.heads, bytes)
	if bytes >= p.db.opts.HeadBytes {
		if err := p.db.checkpointer.Spill(); err != nil {
			return fmt.Errorf("spill up to record %d: %w", r.LSN, err)
		}
	}
	return nil
}
