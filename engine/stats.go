package engine

import (
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/wal"
)

// Stats are plain counters and gauges for monitoring.
type Stats struct {
	// Counters since Open, replayed batches included.
	Batches, Rows, Duplicates uint64
	// Quarantined counts rejected lines by code since Open, without those of replayed batches: a monitor takes what a
	// counter begins with for a burst. QuarantineDropped counts those the quarantine no longer holds.
	Quarantined       event.Counts
	QuarantineDropped uint64
	// Joined counts actuals that came after their prediction or before it, Corrected those that replaced one, Orphaned
	// those that came without a prediction, Deleted predictions' ids deleted.
	Joined, Corrected, Orphaned, Deleted uint64
	// Replaced counts rows sent that were stored already, changed or not; see [Options.Duplicates].
	Replaced uint64
	// Withdrawn counts actuals taken back. ActualsForgotten counts actuals that the memory for rows still to come gave up
	// before their time for want of room, after they had met a row, ActualsEvicted those that had met none, which went to
	// the quarantine.
	Withdrawn, ActualsForgotten, ActualsEvicted uint64
	// Apply is the time spent publishing batches to memory.
	Apply time.Duration

	// Checkpoints and Merges count manifests committed, BackgroundFailures attempts that failed and are tried again.
	Checkpoints, Merges, BackgroundFailures uint64

	// ClockDoubt is how far the wall clock is ahead of the trusted one, negative if it is behind: see docs/durability.md.
	ClockDoubt time.Duration

	// Waits counts appends that waited because heads were full.
	Waits uint64

	// Gauges.
	Models, Series, Segments int
	// ModelSeriesMost is the most series that one model has; Months counts those of all models.
	ModelSeriesMost, Months int
	HeadRows, SealedRows    uint64
	HeadBytes               int64
	// SealedBytes is the size of the sealed segments, ResidentBytes what of them is in memory.
	SealedBytes, ResidentBytes int64
	IdempotencyKeys            int
	// IdempotencyKeysMax bounds them.
	IdempotencyKeysMax int
	// Waiting counts predictions without an actual, Orphans actuals without a prediction.
	Waiting, Orphans int
	// ActualsRemembered counts the actuals kept for rows still to come, ActualsBytes is about their memory.
	ActualsRemembered int
	ActualsBytes      int64

	Log wal.Stats
}

// counters are what Stats reads without a lock.
type counters struct {
	batches, rows, duplicates, applyNanos   atomic.Uint64
	checkpoints, merges, backgroundFailures atomic.Uint64
	deleted, orphans, replaced              atomic.Uint64
	waits                                   atomic.Uint64
	unsealed                                atomic.Int64 // bytes of rows in heads and of changes of sealed ones since the last cut
	sealing                                 atomic.Int64 // and of those before it that no checkpoint covers
	outcomes                                [catalog.Withdrawn + 1]atomic.Uint64
	actualsForgotten, actualsEvicted        atomic.Uint64
	actualsHeld, actualsBytes               atomic.Int64
	rejected                                atomic.Int64 // bytes of rejected lines since the last cut
	quarantined                             [len(event.Counts{})]atomic.Uint64
}

// Stats returns counters and gauges. It visits every model.
func (db *DB) Stats() Stats {
	s := Stats{
		Batches:            db.counters.batches.Load(),
		Rows:               db.counters.rows.Load(),
		Duplicates:         db.counters.duplicates.Load(),
		Apply:              time.Duration(db.counters.applyNanos.Load()),
		Checkpoints:        db.counters.checkpoints.Load(),
		Merges:             db.counters.merges.Load(),
		BackgroundFailures: db.counters.backgroundFailures.Load(),
		Waits:              db.counters.waits.Load(),
		ClockDoubt:         db.clock.Doubted(),
		ModelSeriesMost:    int(db.cardinality.SeriesMost.Load()),
		Months:             int(db.cardinality.Months.Load()),
		IdempotencyKeys:    db.keys.Len(),
		IdempotencyKeysMax: db.keys.Max,
		Joined:             db.counters.outcomes[catalog.Joined].Load(),
		Corrected:          db.counters.outcomes[catalog.Corrected].Load(),
		Orphaned:           db.counters.outcomes[catalog.Orphaned].Load(),
		Deleted:            db.counters.deleted.Load(),
		Replaced:           db.counters.replaced.Load(),
		Withdrawn:          db.counters.outcomes[catalog.Withdrawn].Load(),
		ActualsForgotten:   db.counters.actualsForgotten.Load(),
		ActualsEvicted:     db.counters.actualsEvicted.Load(),
		Orphans:            int(db.counters.orphans.Load()),
		ActualsRemembered:  int(db.counters.actualsHeld.Load()),
		ActualsBytes:       db.counters.actualsBytes.Load(),
		Log:                db.log.Stats(),
	}
	for code := range s.Quarantined {
		s.Quarantined[code] = int(db.counters.quarantined[code].Load())
	}
	s.QuarantineDropped = db.quarantine.rowsDropped()
	db.models.Range(func(_ string, m *catalog.Model) bool {
		m.Mu.RLock()
		defer m.Mu.RUnlock()
		s.Models++
		s.Series += len(m.Series)
		for _, mo := range m.Months {
			s.add(mo)
		}
		return true
	})
	return s
}

// add counts what a month holds. The lock of its model is held.
func (s *Stats) add(mo *catalog.Month) {
	mo.Heads(func(h *head.Head) {
		s.HeadRows += uint64(h.Rows)
		s.HeadBytes += h.Bytes()
		s.Waiting += h.Waiting()
	})
	for _, sd := range mo.Segments {
		s.Segments++
		s.SealedRows += sd.Rows
		s.Waiting += sd.Waiting()
		s.SealedBytes += sd.Source.Size
		if sd.Source.Resident.Load() != nil {
			s.ResidentBytes += sd.Source.Size
		}
	}
}
