package engine

import (
	"fmt"
	"time"

	"github.com/residualdb/residual/engine/internal/catalog"
)

// DropExpired drops the months that are wholly older than the retention, as far as checkpoints cover them: first from
// the manifest, then from memory, then from disk.
func (db *DB) DropExpired() error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.end()
	return db.dropExpired()
}

func (db *DB) dropExpired() error {
	if db.opts.Retention == 0 {
		return nil
	}
	k := &db.checkpointer
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.files.Failure(); err != nil {
		return err
	}
	oldest := db.Rules().Oldest
	expired := db.expired(oldest)
	if len(expired) == 0 {
		return nil
	}
	db.announce(expired, oldest)
	next := k.files.Manifest.Clone()
	for _, d := range expired {
		for _, sg := range d.segments {
			next.Retire(sg.Source.Place.Load())
		}
	}
	if err := k.files.Commit(&next); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	for _, d := range expired {
		d.Model.Drop(d.Month)
		for _, sg := range d.segments {
			sg.Retired = true
		}
	}
	if err := k.files.Sweep(); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}

// expiredMonth is a month that is past the retention, with the segments that it has.
type expiredMonth struct {
	catalog.ModelMonth
	segments []*catalog.Segment
}

// announce logs what is about to be dropped: nothing brings it back.
func (db *DB) announce(expired []expiredMonth, oldest int64) {
	rows, models := uint64(0), map[*catalog.Model]bool{}
	first, last := expired[0].Month.Span, expired[0].Month.Span
	for _, d := range expired {
		models[d.Model] = true
		for _, sg := range d.segments {
			rows += sg.Rows
		}
		first.From, last.To = min(first.From, d.Month.Span.From), max(last.To, d.Month.Span.To)
	}
	date := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
	db.opts.Logger.Info("months older than the retention are dropped, for good",
		"retention", db.opts.Retention, "kept_from", date(oldest), "from", date(first.From), "to", date(last.To),
		"months", len(expired), "models", len(models), "rows", rows)
}

// expired returns the months that end at or before oldest and are all in packs. The checkpointer's lock is held, so that
// they stay that way but for late rows, which the bounds of the decoder keep out, and for deletions.
func (db *DB) expired(oldest int64) (found []expiredMonth) {
	db.models.Range(func(_ string, m *catalog.Model) bool {
		m.Mu.RLock()
		defer m.Mu.RUnlock()
		for _, mo := range m.Months {
			if mo.Span.To <= oldest && mo.IsSaved() {
				found = append(found, expiredMonth{catalog.ModelMonth{Model: m, Month: mo}, mo.Segments})
			}
		}
		return true
	})
	return found
}
