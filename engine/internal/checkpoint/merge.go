package checkpoint

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

// Merge merges until nothing is left to do.
func (k *Checkpointer) Merge(ctx context.Context) error {
	for {
		if merged, err := k.MergeOnce(ctx, true); !merged || err != nil {
			return err
		}
	}
}

// MergeOnce empties packs with deleted rows, or merges months, up to the bound on a merge, those that are over to the end if
// idle. merged is false if there is nothing left to do.
func (k *Checkpointer) MergeOnce(ctx context.Context, idle bool) (merged bool, err error) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	if err := k.Files.Failure(); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("merge: %w", err)
	}
	months := k.purgeable()
	if len(months) == 0 {
		months = k.mergeable(base.ClampMilli(k.env.Now()), idle)
	}
	if len(months) == 0 {
		return false, nil
	}
	next := k.Files.Manifest.Clone()
	if err := k.rewrite(&next, months, k.Files.Commit); err != nil {
		return false, fmt.Errorf("merge: %w", k.Files.Tidy(err))
	}
	if err := k.Files.Sweep(); err != nil {
		return false, fmt.Errorf("merge: %w", err)
	}
	k.Merges.Add(1)
	return true, nil
}

// mergeable picks months to merge, up to the bound on a merge.
func (k *Checkpointer) mergeable(now int64, idle bool) map[catalog.ModelMonth]*compact.Rewrite {
	return k.pick(func(mo *catalog.Month) []*catalog.Segment {
		return compact.Pick(mo, idle && now >= mo.Span.To+monthSettles.Milliseconds())
	})
}

// purgeable picks what is alive in packs that are to be purged, up to the bound on a merge: written anew it is elsewhere, and a pack
// without anything goes, with the rows that were deleted.
func (k *Checkpointer) purgeable() map[catalog.ModelMonth]*compact.Rewrite {
	purge := make(map[uint64]bool)
	for _, p := range k.Files.Manifest.Packs {
		if p.Purge {
			purge[p.Number] = true
		}
	}
	if len(purge) == 0 {
		return nil
	}
	return k.pick(func(mo *catalog.Month) (old []*catalog.Segment) {
		for _, sg := range mo.Segments {
			if pl := sg.Source.Place.Load(); pl != nil && purge[pl.Pack.Ref.Number] {
				old = append(old, sg)
			}
		}
		return old
	})
}

// pick picks segments that become one, month by month, up to the bound on a merge.
func (k *Checkpointer) pick(of func(mo *catalog.Month) []*catalog.Segment) map[catalog.ModelMonth]*compact.Rewrite {
	months := make(map[catalog.ModelMonth]*compact.Rewrite)
	size := int64(0)
	k.env.Models.Range(func(_ string, m *catalog.Model) bool {
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
			if size >= min(mergeBytesMax, k.env.MemoryLimitBytes/mergeShare) {
				return false
			}
		}
		return true
	})
	return months
}
