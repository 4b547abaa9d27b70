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
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// replacement is one month whose segments become one segment of a new pack.
type replacement struct {
	catalog.ModelMonth
	old []*catalog.Segment
	// merged is the new segment, and index that of its ids where rows are looked for by them; nil if it is the only old
	// one as it was, which only gets a place on disk.
	merged *store.Source
	index  *segment.IDIndex
}

// replacedShare is the part of the memory for sealed columns that new segments may take while the old ones are still
// there.
const replacedShare = 4

// replace writes the new segment of each month to a pack and commits next with it. Old segments that were in packs are
// retired there. Nothing changes in memory unless the commit went through.
func (db *DB) replace(next *store.Manifest, months map[catalog.ModelMonth]*replacement, commit func(*store.Manifest) error) (err error) {
	k := &db.checkpointer
	if len(months) == 0 {
		return commit(next)
	}
	order := slices.SortedFunc(maps.Values(months), func(a, b *replacement) int {
		return cmp.Or(cmp.Compare(a.Model.Name, b.Model.Name), cmp.Compare(a.Month.Number, b.Month.Number))
	})
	defer func() {
		if err != nil {
			for _, r := range order {
				r.abandon()
			}
		}
	}()
	p, err := db.writePack(next, order)
	if err != nil {
		return err
	}
	next.Packs = append(next.Packs, store.PackRef{FileRef: p.Ref})
	if err := db.syncChanges(); err != nil {
		return err
	}
	if err := commit(next); err != nil {
		return err
	}
	for entry, r := range order {
		if err := r.apply(&store.Place{Pack: p, Entry: entry}, &k.scratch); err != nil {
			return k.Fail(err)
		}
	}
	return nil
}

// syncChanges makes the records durable whose changes of sealed rows new segments may hold, where they are not synced before
// they are published: else a power cut could leave a request in part, its changes in a segment and the rest of it nowhere.
func (db *DB) syncChanges() error {
	if db.opts.Sync == wal.SyncAlways || db.log == nil {
		return nil
	}
	return base.LogError(db.log.Rotate(context.Background(), nil)) // which syncs the file that it ends
}

func (db *DB) writePack(next *store.Manifest, order []*replacement) (*store.Pack, error) {
	k := &db.checkpointer
	w, err := k.CreatePack()
	if err != nil {
		return nil, err
	}
	kept := int64(0)
	for _, r := range order {
		bytes, err := db.bytes(r)
		if err == nil {
			err = w.Add(r.Model.Name, r.Month.Number, bytes)
		}
		if err != nil {
			return nil, errors.Join(err, w.Abort())
		}
		if kept += int64(len(bytes)); kept > db.opts.MemoryLimitBytes/replacedShare && r.merged != nil && !r.merged.Small() {
			r.merged.Resident.Store(nil) // beside the old segments there is no room for all new ones
		}
		for _, old := range r.old {
			if pl := old.Source.Held.Load(); pl != nil {
				next.Retire(pl)
			}
		}
	}
	return w.Finish()
}

// bytes returns the segment that replaces the old ones.
func (db *DB) bytes(r *replacement) ([]byte, error) {
	segments, plain, err := r.begin()
	if err != nil {
		return nil, err
	}
	if plain {
		return r.old[0].Source.Whole()
	}
	k := &db.checkpointer
	k.sealing.Lock()
	defer k.sealing.Unlock()
	b := k.sealer.builder
	b.Reset(meta(r.Model, r.Month))
	if err := segment.Merge(b, segments, &k.sealer.scratch); err != nil {
		return nil, base.SegmentError(err)
	}
	bytes := b.Finish(nil)
	r.merged = &store.Source{Size: int64(len(bytes))}
	r.merged.Resident.Store(&bytes)
	if r.Model.Asked.Load() && !r.merged.Small() {
		r.index, err = catalog.NewIDIndex(r.merged, db.hash, &k.sealer.scratch)
	}
	return bytes, err
}

// begin returns the segments as they are now; edits from here on are noted for the new one. plain tells that there is
// but one, and nothing to fold into it.
func (r *replacement) begin() (segments []*segment.Segment, plain bool, err error) {
	r.Model.Mu.Lock()
	defer r.Model.Mu.Unlock()
	if len(r.old) == 1 && !r.old[0].Edited() {
		return nil, true, nil
	}
	r.Month.MergeRedo = new(catalog.Redo)
	for _, old := range r.old {
		seg, err := old.Snapshot()
		if err != nil {
			return nil, false, err
		}
		segments = append(segments, seg)
	}
	return segments, false, nil
}

// abandon ends a replacement that will not be applied.
func (r *replacement) abandon() {
	r.Model.Mu.Lock()
	defer r.Model.Mu.Unlock()
	r.Month.MergeRedo = nil
}

// apply puts the new segment in the place of the old ones, for queries from here on.
func (r *replacement) apply(pl *store.Place, sc *segment.Scratch) error {
	r.Model.Mu.Lock()
	defer r.Model.Mu.Unlock()
	if r.merged == nil && r.old[0].Source.Held.Load() == nil {
		r.old[0].Source.Held.Store(pl)
		return nil
	}
	src, index := r.merged, r.index
	if src == nil { // the segment moves to another pack
		src, index = &store.Source{Size: r.old[0].Source.Size}, r.old[0].Index.Load()
		src.Resident.Store(r.old[0].Source.Resident.Load())
	}
	src.Held.Store(pl)
	generation := uint64(0)
	for _, old := range r.old {
		generation = max(generation, old.Epoch)
	}
	sd, err := catalog.NewSegment(r.Model, src, generation, sc)
	if err != nil {
		return fmt.Errorf("open what was just written: %w", err)
	}
	sd.Index.Store(index)
	mo := r.Month
	mo.Segments = slices.DeleteFunc(slices.Clone(mo.Segments), func(s *catalog.Segment) bool { return slices.Contains(r.old, s) })
	mo.Segments = append(mo.Segments, sd)
	edits := mo.MergeRedo
	mo.MergeRedo = nil
	return edits.Apply(r.Model, sd, sc)
}
