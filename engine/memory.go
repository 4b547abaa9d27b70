package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/record"
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

// Rows are found by their id in an index of each segment, see [segment.IDIndex], which is made when a model's first
// actual comes: most models of most stores have theirs in the predictions. From then on sealing and merging make it
// too. A request with actuals makes the indexes that are missing before it is logged, so that no other waits for that.
//
// Indexes may take three quarters of the memory for sealed columns, which give way to them. Where they are more, those
// of the oldest months go, and are made for each request that needs them alone: it pays by decoding the ids of these months.

// indexesMax returns the bound on the memory of indexes.
func (db *DB) indexesMax() int64 { return db.opts.MemoryLimitBytes / 4 * 3 }

// indexFor makes the indexes that the models of a record which looks for rows by their id lack, and has sealing and
// merging make them from here on if it brings actuals, of which there will be more. release gives back those that were lent. A segment that cannot be read keeps the
// record out: an error of class [ErrUnavailable], or the end of the store if it is corrupt.
func (db *DB) indexFor(r *record.Record) (release func(), err error) {
	if r.Kind() == record.KindPredictions || r.Kind() == record.KindDeletion && len(r.Deletion.IDs) == 0 {
		return func() {}, nil
	}
	models := db.modelsOf(r)
	before := db.indexer.Bytes()
	loan, err := db.indexer.Index(models, db.hash, db.indexesMax())
	if err != nil {
		loan.Release()
		if errors.Is(err, ErrCorrupt) {
			db.fail(err)
			return nil, db.failure()
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if db.indexer.Bytes() > before {
		db.makeRoom()
	}
	return loan.Release, nil
}

// modelsOf returns the models of a record with actuals or prediction ids.
func (db *DB) modelsOf(r *record.Record) (models []*catalog.Model) {
	if r.OfAllModels() {
		db.models.Range(func(_ string, m *catalog.Model) bool {
			models = append(models, m)
			return true
		})
		return models
	}
	r.EachModel(func(name string) {
		if m, ok := db.models.Load(name); ok {
			if r.Kind() == record.KindActuals {
				m.WantsIDIndex.Store(true)
			}
			models = append(models, m)
		}
	})
	return models
}
