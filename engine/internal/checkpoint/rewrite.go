package checkpoint

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/compact"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/wal"
)

// newSegmentsShare is the part of the memory for sealed columns that new segments may take while the old ones are still there.
const newSegmentsShare = 4

// rewrite writes the new segment of each month to a pack and commits next with it. Old segments that were in packs are
// retired there. Nothing changes in memory unless the commit went through. There is no pack if no month has a row left.
func (k *Checkpointer) rewrite(next *store.Manifest, months map[catalog.ModelMonth]*compact.Rewrite, commit func(*store.Manifest) error) (err error) {
	if len(months) == 0 {
		return commit(next)
	}
	order := slices.SortedFunc(maps.Values(months), func(a, b *compact.Rewrite) int {
		return cmp.Or(cmp.Compare(a.Model.Name, b.Model.Name), cmp.Compare(a.Month.Number, b.Month.Number))
	})
	defer func() {
		if err != nil {
			for _, r := range order {
				r.Abandon()
			}
		}
	}()
	p, err := k.writePack(next, order)
	if err != nil {
		return err
	}
	if p != nil {
		next.Packs = append(next.Packs, store.PackRef{FileRef: p.Ref})
	}
	if err := k.syncChanges(); err != nil {
		return err
	}
	if err := commit(next); err != nil {
		return err
	}
	for _, r := range order {
		dropped, err := k.compactor.Install(r, p)
		if err != nil {
			return k.Files.Fail(err)
		}
		for _, old := range r.Old {
			old.Retired = old.Source.Place.Load() == nil || old.Source.Place.Load().Pack != p
		}
		if dropped != nil {
			k.dropped = append(k.dropped, dropped)
		}
	}
	return nil
}

// writePack writes a pack with the new segments of months; nil if there is none.
func (k *Checkpointer) writePack(next *store.Manifest, order []*compact.Rewrite) (*store.Pack, error) {
	var w *store.PackWriter
	entries, size := 0, int64(0)
	for _, r := range order {
		bytes, err := k.compactor.Rewrite(r)
		if err == nil && bytes != nil && w == nil {
			w, err = k.Files.CreatePack()
		}
		r.Entry = -1
		if err == nil && bytes != nil {
			r.Entry = entries
			entries++
			err = w.Add(r.Model.Name, r.Month.Number, bytes)
		}
		if err != nil {
			if w != nil {
				err = errors.Join(err, w.Abort())
			}
			return nil, err
		}
		if size += int64(len(bytes)); size > k.env.MemoryLimitBytes/newSegmentsShare {
			r.Evict()
		}
		for _, old := range r.Old {
			if pl := old.Source.Place.Load(); pl != nil {
				next.Retire(pl)
			}
		}
	}
	if w == nil {
		return nil, nil
	}
	return w.Finish()
}

// syncChanges makes the records durable whose changes of sealed rows new segments may hold, where they are not synced before
// they are published: else a power cut could leave a request in part, its changes in a segment and the rest of it nowhere.
func (k *Checkpointer) syncChanges() error {
	if k.env.Sync == wal.SyncAlways || k.Log == nil {
		return nil
	}
	return base.LogError(k.Log.Rotate(context.Background(), nil)) // which syncs the file that it ends
}
