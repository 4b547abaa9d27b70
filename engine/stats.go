package engine

import (
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/recent"
	"github.com/residualdb/residual/engine/internal/store"
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
	// QuarantineKept is how many rejected lines it holds.
	QuarantineKept int
	// LastMinute, LastHour and LastDay are the rows and rejected lines that were stored then, since Open.
	LastMinute, LastHour, LastDay Traffic
	// Deleted counts predictions' ids deleted.
	Deleted uint64
	// Joined counts actuals that came after their prediction or before it, Corrected those that replaced one, Orphaned
	// those that came without a prediction.
	Joined, Corrected, Orphaned uint64
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
	// ModelsMax, SeriesMax, MonthsMax, HeadBytesMax and ActualsBytesMax are the bounds of Models, ModelSeriesMost, Months, HeadBytes
	// with what is being sealed, and ActualsBytes.
	ModelsMax, SeriesMax, MonthsMax int
	HeadBytesMax, ActualsBytesMax   int64
	// Waiting counts predictions without an actual, Orphans actuals without a prediction.
	Waiting, Orphans int
	// ActualsRemembered counts the actuals kept for rows still to come, ActualsBytes is about their memory.
	ActualsRemembered int
	ActualsBytes      int64

	// Positions counts the positions of data sources, PositionsBytes is about their memory.
	Positions      int
	PositionsBytes int64

	Log  wal.Stats
	Disk Disk

	// Elsewhere is set by a store whose rows other processes keep: besides what was stored by this one, up to Deleted, only Models, Series, Months,
	// SealedRows, SealedBytes, QuarantineKept and Disk are known of it, and none of these while Unmeasured is set.
	Elsewhere, Unmeasured bool
}

// TrafficCounter counts what was stored in the last minute, hour and day. It is for one goroutine at a time.
type TrafficCounter = recent.Counter

// Traffic is what was stored in some time: rows of predictions and of actuals, and rejected lines.
type Traffic = recent.Counts

// Stats returns counters and gauges. It visits every model, and no file but those that were kept aside.
func (db *DB) Stats() Stats {
	c := &db.publisher.Counters
	s := Stats{
		Batches:            c.Batches.Load(),
		Rows:               c.Rows.Load(),
		Duplicates:         db.commits.Duplicates.Load(),
		Apply:              time.Duration(c.Nanos.Load()),
		Checkpoints:        db.checkpointer.Checkpoints.Load(),
		Merges:             db.checkpointer.Merges.Load(),
		BackgroundFailures: db.background.failures.Load(),
		Waits:              db.checkpointer.Waits.Load(),
		ClockDoubt:         db.clock.Doubted(),
		ModelSeriesMost:    int(db.publisher.Cardinality.SeriesMost.Load()),
		Months:             int(db.publisher.Cardinality.Months.Load()),
		IdempotencyKeys:    db.keys.Len(),
		IdempotencyKeysMax: db.keys.Max,
		ModelsMax:          db.opts.ModelsMax,
		SeriesMax:          db.opts.SeriesMax,
		MonthsMax:          db.opts.MonthsMax,
		HeadBytesMax:       2 * db.opts.HeadBytes,
		ActualsBytesMax:    db.opts.ActualsBytes,
		Joined:             c.Applied[catalog.Joined].Load(),
		Corrected:          c.Applied[catalog.Corrected].Load(),
		Orphaned:           c.Applied[catalog.Orphaned].Load(),
		Deleted:            c.Deleted.Load(),
		Replaced:           c.Replaced.Load(),
		Withdrawn:          c.Applied[catalog.Withdrawn].Load(),
		ActualsForgotten:   c.Forgotten.Load(),
		ActualsEvicted:     c.Evicted.Load(),
		Orphans:            int(c.Unmet.Load()),
		ActualsRemembered:  int(c.Remembered.Load()),
		ActualsBytes:       c.RememberedBytes.Load(),
		Log:                db.log.Stats(),
	}
	for code := range s.Quarantined {
		s.Quarantined[code] = int(c.Quarantined[code].Load())
	}
	s.QuarantineDropped, s.QuarantineKept = db.quarantine.Dropped(), db.quarantine.Kept()
	s.LastMinute, s.LastHour, s.LastDay = db.commits.Recent.Until(base.ClampMilli(db.opts.Now()))
	s.Positions, s.PositionsBytes = db.positions.Size()
	s.Disk = db.disk()
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
	for h := range mo.Heads {
		s.HeadRows += uint64(h.Rows)
		s.HeadBytes += h.Bytes()
		s.Waiting += h.Waiting()
	}
	for _, sg := range mo.Segments {
		s.Segments++
		s.SealedRows += sg.Rows
		s.Waiting += sg.Waiting()
		s.SealedBytes += sg.Source.Size
		if sg.Source.Resident.Load() != nil {
			s.ResidentBytes += sg.Source.Size
		}
	}
}

// Health says whether the store takes events.
type Health struct {
	// Ready is true once recovery is done. Degraded is true while appends are refused, and never else; Err is what they are
	// refused with, Reason its text.
	Ready, Degraded bool
	Reason          string
	Err             error
	// Amiss is what else is wrong while appends are taken, such as a part of a cluster that is away; empty if nothing is.
	Amiss string
	// Failed is true when it takes a restart to recover: a write or sync has failed, and what the disk holds is not known.
	Failed bool
}

// Health says whether the store takes events.
func (db *DB) Health() Health {
	h := Health{Ready: db.ready.Load()}
	if h.Err = db.refusal(); h.Err != nil {
		h.Degraded, h.Reason, h.Failed = true, h.Err.Error(), errors.Is(h.Err, ErrDegraded)
	}
	return h
}

// refusal returns why appends are refused at the moment, nil if they are not. Appends and Health ask here and nowhere
// else, so that they cannot disagree. An append for which there is room once rows are sealed waits, and is not refused.
//
// What ends appends until a restart is of class [ErrDegraded] and has one of three latches:
//   - DB.failed: stored bytes that failed their check, or a record that is in the log and could not be published; DB.failure also
//     tells of a directory that was taken ([vfs.Claim.Err]).
//   - the log ([wal.Log.Err]): a write or sync of it that failed. It also tells of what passes by itself.
//   - [store.Files.Failure]: a sync of a manifest's directory that failed. It ends checkpoints, merges and retention, too.
func (db *DB) refusal() error {
	if err := db.failure(); err != nil {
		return err
	}
	if err := db.log.Err(); err != nil {
		return base.LogError(err)
	}
	if err := db.checkpointer.Files.Failure(); err != nil {
		return err
	}
	if db.checkpointer.HeadsFull() {
		return db.checkpointer.Hopeless()
	}
	return nil
}

// Disk is what a store takes on its disk, by what it is for, and what is left there.
type Disk struct {
	// Bytes of files, as a listing of the directory shows them: of log files, which are as long as they were made; of packs
	// and of the lists beside them; of the manifest with its copy and the store's id; and of what is no part of the store
	// any more: packs and lists that somebody still reads, or has read and that go with the next sweep, and what was kept, by a
	// salvage or when a torn tail was cut off the log.
	Log, Packs, Keys, Quarantine, Actuals, Positions, Manifest, Pinned, Kept int64
	// Free and LogFree are the bytes that the process may still write to the file systems of the directory and of its log,
	// mostly the same one; -1 where they are not known.
	Free, LogFree int64
}

// Bytes is what all files of the store take.
func (d Disk) Bytes() int64 {
	return d.Log + d.Packs + d.Keys + d.Quarantine + d.Actuals + d.Positions + d.Manifest + d.Pinned + d.Kept
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
	files := db.checkpointer.Files
	space := files.Space()
	return Disk{
		Log:        db.log.FileBytes(),
		Packs:      space.Packs,
		Keys:       space.Lists[store.ListKeys],
		Quarantine: space.Lists[store.ListRejects],
		Actuals:    space.Lists[store.ListActuals],
		Positions:  space.Lists[store.ListPositions],
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
