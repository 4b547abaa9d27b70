package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/compact"
)

const (
	// mergeBytesMax bounds the segments that one merge rewrites, and so what it holds in memory.
	mergeBytesMax = 256 << 20
	// mergeShare is that bound as a part of MemoryLimitBytes where there is less memory.
	mergeShare = 4
	// monthSettles is how long after its end a month still gets late rows as a matter of course.
	monthSettles = 48 * time.Hour
)

// Merge merges segments of the same month, where that pays: a finished month ends as one. Before that it moves what is alive out of
// packs that have rows which were deleted. It runs beside appends and queries and returns once nothing is left to do.
func (db *DB) Merge(ctx context.Context) error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.end()
	return db.merge(ctx)
}

func (db *DB) merge(ctx context.Context) error {
	for {
		if merged, err := db.mergeOnce(ctx, true); !merged || err != nil {
			return err
		}
	}
}

// mergeOnce empties packs with deleted rows, or merges months, up to the bound on a merge, those that are over to the end if
// idle. merged is false if there is nothing left to do.
func (db *DB) mergeOnce(ctx context.Context, idle bool) (merged bool, err error) {
	k := &db.checkpointer
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.files.Failure(); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("merge: %w", err)
	}
	months := db.purgeable()
	if len(months) == 0 {
		months = db.mergeable(base.ClampMilli(db.opts.Now()), idle)
	}
	if len(months) == 0 {
		return false, nil
	}
	next := k.files.Manifest.Clone()
	if err := db.rewrite(&next, months, k.files.Commit); err != nil {
		return false, fmt.Errorf("merge: %w", k.files.Tidy(err))
	}
	if err := k.files.Sweep(); err != nil {
		return false, fmt.Errorf("merge: %w", err)
	}
	db.counters.merges.Add(1)
	return true, nil
}

// mergeable picks months to merge, up to the bound on a merge.
func (db *DB) mergeable(now int64, idle bool) map[catalog.ModelMonth]*compact.Rewrite {
	return db.pick(func(mo *catalog.Month) []*catalog.Segment {
		return compact.Pick(mo, idle && now >= mo.Span.To+monthSettles.Milliseconds())
	})
}

// purgeable picks what is alive in packs that are to be purged, up to the bound on a merge: written anew it is elsewhere, and a pack
// without anything goes, with the rows that were deleted.
func (db *DB) purgeable() map[catalog.ModelMonth]*compact.Rewrite {
	purge := make(map[uint64]bool)
	for _, p := range db.checkpointer.files.Manifest.Packs {
		if p.Purge {
			purge[p.Number] = true
		}
	}
	if len(purge) == 0 {
		return nil
	}
	return db.pick(func(mo *catalog.Month) (old []*catalog.Segment) {
		for _, sg := range mo.Segments {
			if pl := sg.Source.Place.Load(); pl != nil && purge[pl.Pack.Ref.Number] {
				old = append(old, sg)
			}
		}
		return old
	})
}

// pick picks segments that become one, month by month, up to the bound on a merge.
func (db *DB) pick(of func(mo *catalog.Month) []*catalog.Segment) map[catalog.ModelMonth]*compact.Rewrite {
	months := make(map[catalog.ModelMonth]*compact.Rewrite)
	size := int64(0)
	db.models.Range(func(_ string, m *catalog.Model) bool {
		m.Mu.RLock()
		defer m.Mu.RUnlock()
		for _, mo := range m.Months {
			old := of(mo)
			if len(old) == 0 {
				continue
			}
			d := catalog.ModelMonth{Model: m, Month: mo}
			months[d] = &compact.Rewrite{ModelMonth: d, Old: old}
			for _, sg := range old {
				size += sg.Source.Size
			}
			if size >= min(mergeBytesMax, db.opts.MemoryLimitBytes/mergeShare) {
				return false
			}
		}
		return true
	})
	return months
}
