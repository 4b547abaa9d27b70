package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
)

const (
	// mergeBytesMax bounds the segments that one merge rewrites, and so what it holds in memory.
	mergeBytesMax = 256 << 20
	// mergeShare is that bound as a part of MemoryLimitBytes where there is less memory.
	mergeShare = 4
	// mergeFanIn is the number of segments of similar size that are worth one rewrite: each row is rewritten about
	// log4 of its month's number of checkpoints times.
	mergeFanIn = 4
	// monthSettles is how long after its end a month still gets late rows as a matter of course.
	monthSettles = 48 * time.Hour
)

// Merge joins segments of the same month, where that pays: a finished month ends as one. It runs beside appends and
// queries and returns once nothing is left to merge.
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

// mergeOnce merges months up to the bound on a merge, those that are over to the end if calm. merged is false if there
// is nothing left to merge.
func (db *DB) mergeOnce(ctx context.Context, calm bool) (merged bool, err error) {
	k := &db.checkpointer
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.Failure(); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("merge: %w", err)
	}
	months := db.mergeable(base.ClampMilli(db.opts.Now()), calm)
	if len(months) == 0 {
		return false, nil
	}
	next := k.Manifest.Clone()
	if err := db.replace(&next, months, k.Commit); err != nil {
		return false, fmt.Errorf("merge: %w", k.Tidy(err))
	}
	if err := k.Sweep(); err != nil {
		return false, fmt.Errorf("merge: %w", err)
	}
	db.counters.merges.Add(1)
	return true, nil
}

// mergeable picks months to merge, up to the bound on a merge.
func (db *DB) mergeable(now int64, calm bool) map[catalog.ModelMonth]*replacement {
	months := make(map[catalog.ModelMonth]*replacement)
	size := int64(0)
	db.models.Range(func(_ string, m *catalog.Model) bool {
		m.Mu.RLock()
		defer m.Mu.RUnlock()
		for _, mo := range m.Months {
			picked := pickMerge(mo.Segments, calm && now >= mo.Span.To+monthSettles.Milliseconds())
			for _, sd := range picked {
				size += sd.Source.Size
			}
			if len(picked) > 0 {
				d := catalog.ModelMonth{Model: m, Month: mo}
				months[d] = &replacement{ModelMonth: d, old: picked}
			}
			if size >= min(mergeBytesMax, db.opts.MemoryLimitBytes/mergeShare) {
				return false
			}
		}
		return true
	})
	return months
}

// pickMerge returns the segments of a month worth joining: all of a settled month, else the smallest ones as long as
// none is larger than those before it together. Segments that only the log backs are left to the checkpoint.
func pickMerge(segments []*catalog.Segment, settled bool) []*catalog.Segment {
	var saved []*catalog.Segment
	for _, sd := range segments {
		if sd.Source.Held.Load() != nil {
			saved = append(saved, sd)
		}
	}
	if settled && len(saved) > 1 {
		return saved
	}
	slices.SortStableFunc(saved, func(a, b *catalog.Segment) int { return cmp.Compare(a.Rows, b.Rows) })
	rows := uint64(0)
	for i, sd := range saved {
		if i >= 2 && sd.Rows > rows {
			saved = saved[:i]
			break
		}
		rows += sd.Rows
	}
	if len(saved) < mergeFanIn {
		return nil
	}
	return saved
}
