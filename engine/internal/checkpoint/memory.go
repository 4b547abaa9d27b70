package checkpoint

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

// Balance holds what sealed segments occupy in memory to the limit: the newest months stay resident, the oldest are
// read from their packs, and their indexes of ids go. Aggregates and small segments always stay. It gives up when ctx
// ends.
func (k *Checkpointer) Balance(ctx context.Context) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	all := k.segmentsByMonth()
	used := int64(0)
	for _, sg := range all {
		if bytes := sg.IndexBytes(); used+bytes <= k.indexesMax() {
			used += bytes
		} else {
			sg.Index.Store(nil)
		}
	}
	k.env.Indexer.Hold(used)
	for _, sg := range k.evict(all, used) {
		if ctx.Err() != nil {
			return
		}
		if err := sg.Source.Load(); err != nil {
			k.env.Logger.Error("segment not loaded", "error", err)
		}
	}
}

// makeRoom lets columns of the oldest months go, for indexes that were made since Balance ran last.
func (k *Checkpointer) makeRoom() { k.evict(k.segmentsByMonth(), k.env.Indexer.Bytes()) }

// evict lets go of the columns of segments for which there is no room beside used bytes of indexes, and returns the segments
// for which there is. Those that come first stay first.
func (k *Checkpointer) evict(all []*catalog.Segment, used int64) (fit []*catalog.Segment) {
	for _, sg := range all {
		if used+sg.Source.Size > k.env.MemoryLimitBytes {
			sg.Source.Evict()
			continue
		}
		used += sg.Source.Size
		fit = append(fit, sg)
	}
	return fit
}

// segmentsByMonth returns all segments, those of the newest month first.
func (k *Checkpointer) segmentsByMonth() []*catalog.Segment {
	byMonth := make(map[base.MonthNumber][]*catalog.Segment)
	k.env.Models.Range(func(_ string, m *catalog.Model) bool {
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
func (k *Checkpointer) indexesMax() int64 { return k.env.MemoryLimitBytes / 4 * 3 }

// IndexFor makes the indexes that the models of a record which looks for rows by their id lack, and has sealing and
// merging make them from here on if it brings actuals, of which there will be more. release gives back those that were lent. A segment that cannot be read keeps the
// record out: an error of class [base.ErrUnavailable], or the end of the store if it is corrupt.
func (k *Checkpointer) IndexFor(r *record.Record) (release func(), err error) {
	if r.Kind() == record.KindPredictions || r.Kind() == record.KindDeletion && len(r.Deletion.IDs) == 0 {
		return func() {}, nil
	}
	models := k.modelsOf(r)
	before := k.env.Indexer.Bytes()
	loan, err := k.env.Indexer.Index(models, k.env.Hash, k.indexesMax())
	if err != nil {
		loan.Release()
		if errors.Is(err, base.ErrCorrupt) {
			k.env.Fail(err)
			return nil, k.env.Failure()
		}
		return nil, fmt.Errorf("%w: %w", base.ErrUnavailable, err)
	}
	if k.env.Indexer.Bytes() > before {
		k.makeRoom()
	}
	return loan.Release, nil
}

// modelsOf returns the models of a record with actuals or prediction ids.
func (k *Checkpointer) modelsOf(r *record.Record) (models []*catalog.Model) {
	if r.OfAllModels() {
		k.env.Models.Range(func(_ string, m *catalog.Model) bool {
			models = append(models, m)
			return true
		})
		return models
	}
	r.EachModel(func(name string) {
		if m, ok := k.env.Models.Load(name); ok {
			if r.Kind() == record.KindActuals {
				m.WantsIDIndex.Store(true)
			}
			models = append(models, m)
		}
	})
	return models
}
