package engine

import (
	"fmt"
	"slices"
	"time"
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
	k := &db.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.failure(); err != nil {
		return err
	}
	oldest := db.Rules().Oldest
	expired := db.expired(oldest)
	if len(expired) == 0 {
		return nil
	}
	db.announce(expired, oldest)
	next := k.manifest.clone()
	for _, d := range expired {
		for _, sd := range d.month.sealed {
			next.retire(sd.source.held.Load())
		}
	}
	if err := k.commit(&next); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	for _, d := range expired {
		d.model.drop(d.month)
	}
	if err := k.sweep(); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}

// announce logs what is about to be dropped: nothing brings it back.
func (db *DB) announce(expired []dirtyMonth, oldest int64) {
	rows, models := uint64(0), map[*model]bool{}
	first, last := expired[0].month.span, expired[0].month.span
	for _, d := range expired {
		models[d.model] = true
		for _, sd := range d.month.sealed {
			rows += sd.rows
		}
		first.from, last.to = min(first.from, d.month.span.from), max(last.to, d.month.span.to)
	}
	date := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
	db.opts.Logger.Info("months older than the retention are dropped, for good",
		"retention", db.opts.Retention, "kept_from", date(oldest), "from", date(first.from), "to", date(last.to),
		"months", len(expired), "models", len(models), "rows", rows)
}

// expired returns the months that end at or before oldest and are all in packs. The keeper's lock is held, so that
// they stay that way but for late rows, which the bounds of the decoder keep out.
func (db *DB) expired(oldest int64) []dirtyMonth {
	var found []dirtyMonth
	db.models.Range(func(_ string, m *model) bool {
		m.mu.RLock()
		defer m.mu.RUnlock()
		for _, mo := range m.months {
			if mo.span.to <= oldest && mo.isSaved() {
				found = append(found, dirtyMonth{m, mo})
			}
		}
		return true
	})
	return found
}

// isSaved tells whether every row of the month is in a pack.
func (mo *month) isSaved() bool {
	return mo.allSealed() &&
		!slices.ContainsFunc(mo.sealed, func(sd *sealed) bool { return sd.source.held.Load() == nil })
}

// drop forgets a month whose segments the manifest has retired.
func (m *model) drop(mo *month) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.months = slices.DeleteFunc(m.months, func(x *month) bool { return x == mo })
	mo.dropped = true
	m.census.months.Add(-1)
	for _, sd := range mo.sealed {
		sd.release()
	}
	mo.sealed = nil // the publisher may still point to it
	m.resight()
}

// resight finds each series' first prediction anew. A series without rows keeps its number and is never the latest.
func (m *model) resight() {
	m.raised++
	for i := range m.series {
		m.series[i].first = maxMilli
	}
	for _, mo := range m.months {
		for _, sd := range mo.sealed {
			for _, x := range sd.series {
				if first, ok := sd.first(x); ok {
					m.series[x.number].first = min(m.series[x.number].first, first)
				}
			}
		}
		mo.heads(func(h *head) {
			for _, hs := range h.series {
				if first, ok := h.first(hs); ok {
					m.series[hs.number].first = min(m.series[hs.number].first, first)
				}
			}
		})
	}
	m.latest.clear()
	for i := range m.series {
		if m.series[i].first < maxMilli {
			m.promote(uint32(i))
		}
	}
}
