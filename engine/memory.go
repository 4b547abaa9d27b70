package engine

import (
	"cmp"
	"context"
	"slices"
)

// makeRoom lets columns of the oldest months go, for indexes that were made since [DB.balance] ran last.
func (db *DB) makeRoom() {
	type candidate struct {
		month  monthNumber
		source *source
	}
	var all []candidate
	used := db.indexer.bytes()
	db.models.Range(func(_ string, m *model) bool {
		m.mu.RLock()
		defer m.mu.RUnlock()
		for _, mo := range m.months {
			for _, sd := range mo.sealed {
				if sd.source.resident.Load() != nil && !sd.source.small() {
					all = append(all, candidate{mo.number, sd.source})
					used += sd.source.size
				}
			}
		}
		return true
	})
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.month, b.month) })
	for i := 0; i < len(all) && used > db.opts.MemoryLimitBytes; i++ {
		used -= all[i].source.size
		all[i].source.evict()
	}
}

// balance holds what sealed segments occupy in memory to the limit: the newest months stay resident, the oldest are
// read from their packs, and their indexes of ids go. Aggregates and small segments always stay. It gives up when ctx
// ends.
func (db *DB) balance(ctx context.Context) {
	type candidate struct {
		month  monthNumber
		source *source
		sealed *sealed
	}
	db.keeper.mu.Lock()
	defer db.keeper.mu.Unlock()
	var all []candidate
	db.models.Range(func(_ string, m *model) bool {
		m.mu.RLock()
		defer m.mu.RUnlock()
		for _, mo := range m.months {
			for _, sd := range mo.sealed {
				all = append(all, candidate{mo.number, sd.source, sd})
			}
		}
		return true
	})
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.month, a.month) })
	used := int64(0)
	for _, c := range all {
		if bytes := c.sealed.indexBytes(); used+bytes <= db.indexesMax() {
			used += bytes
		} else {
			c.sealed.index.Store(nil)
		}
	}
	db.indexer.hold(used)
	for _, c := range all {
		if used+c.source.size > db.opts.MemoryLimitBytes {
			c.source.evict()
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if err := c.source.load(); err != nil {
			db.opts.Logger.Error("segment not loaded", "error", err)
			continue
		}
		used += c.source.size
	}
}
