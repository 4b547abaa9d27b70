package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
)

// balance holds what sealed segments occupy in memory to the limit: the newest months stay resident, the oldest are
// read from their packs, and their indexes of ids go. Aggregates and small segments always stay. It gives up when ctx
// ends.
func (db *DB) balance(ctx context.Context) {
	db.checkpointer.mu.Lock()
	defer db.checkpointer.mu.Unlock()
	all := db.segmentsByMonth()
	used := int64(0)
	for _, sg := range all {
		if bytes := sg.IndexBytes(); used+bytes <= db.indexesMax() {
			used += bytes
		} else {
			sg.Index.Store(nil)
		}
	}
	db.indexer.Hold(used)
	for _, sg := range db.evict(all, used) {
		if ctx.Err() != nil {
			return
		}
		if err := sg.Source.Load(); err != nil {
			db.opts.Logger.Error("segment not loaded", "error", err)
		}
	}
}

// makeRoom lets columns of the oldest months go, for indexes that were made since balance ran last.
func (db *DB) makeRoom() { db.evict(db.segmentsByMonth(), db.indexer.Bytes()) }

// evict lets go of the columns of segments for which there is no room beside used bytes of indexes, and returns the segments
// for which there is. Those that come first stay first.
func (db *DB) evict(all []*catalog.Segment, used int64) (fit []*catalog.Segment) {
	for _, sg := range all {
		if used+sg.Source.Size > db.opts.MemoryLimitBytes {
			sg.Source.Evict()
			continue
		}
		used += sg.Source.Size
		fit = append(fit, sg)
	}
	return fit
}

// segmentsByMonth returns all segments, those of the newest month first.
func (db *DB) segmentsByMonth() []*catalog.Segment {
	byMonth := make(map[base.MonthNumber][]*catalog.Segment)
	db.models.Range(func(_ string, m *catalog.Model) bool {
		m.Mu.RLock()
		defer m.Mu.RUnlock()
		for _, mo := range m.Months {
			byMonth[mo.Number] = append(byMonth[mo.Number], mo.Segments...)
		}
		return true
	})
	var all []*catalog.Segment
	for _, month := range slices.SortedFunc(maps.Keys(byMonth), func(a, b base.MonthNumber) int { return cmp.Compare(b, a) }) {
		all = append(all, byMonth[month]...)
	}
	return all
}
