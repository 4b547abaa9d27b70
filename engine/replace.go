package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// replacement is one month whose segments become one segment of a new pack.
type replacement struct {
	dirtyMonth
	old []*sealed
	// merged is the new segment, and index that of its ids where rows are looked for by them; nil if it is the only old
	// one as it was, which only gets a place on disk.
	merged *source
	index  *segment.IDIndex
}

// replacedShare is the part of the memory for sealed columns that new segments may take while the old ones are still
// there.
const replacedShare = 4

// replace writes the new segment of each month to a pack and commits next with it. Old segments that were in packs are
// retired there. Nothing changes in memory unless the commit went through.
func (db *DB) replace(next *manifest, months map[dirtyMonth]*replacement) (err error) {
	k := &db.keeper
	if len(months) == 0 {
		return k.commit(next)
	}
	order := slices.SortedFunc(maps.Values(months), func(a, b *replacement) int {
		return cmp.Or(cmp.Compare(a.model.name, b.model.name), cmp.Compare(a.month.number, b.month.number))
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
	next.packs = append(next.packs, packRef{fileRef: p.ref})
	if err := db.syncChanges(); err != nil {
		p.close()
		return err
	}
	if err := k.commit(next); err != nil {
		p.close()
		return err
	}
	k.packs[p.ref.number] = p
	for entry, r := range order {
		if err := r.apply(&place{p, entry}, &k.scratch); err != nil {
			return k.fail(err)
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
	return logError(db.log.Cut(context.Background(), nil)) // which syncs the file that it ends
}

func (db *DB) writePack(next *manifest, order []*replacement) (*pack, error) {
	k := &db.keeper
	w, err := newPackWriter(k.files, filepath.Join(k.dir, packDirName), k.store, k.number())
	if err != nil {
		return nil, err
	}
	kept := int64(0)
	for _, r := range order {
		bytes, err := db.bytes(r)
		if err == nil {
			err = w.add(r.model.name, r.month.number, bytes)
		}
		if err != nil {
			return nil, errors.Join(err, w.abort())
		}
		if kept += int64(len(bytes)); kept > db.opts.MemoryLimitBytes/replacedShare && r.merged != nil && !r.merged.small() {
			r.merged.resident.Store(nil) // beside the old segments there is no room for all new ones
		}
		for _, old := range r.old {
			if pl := old.source.held.Load(); pl != nil {
				next.retire(pl)
			}
		}
	}
	return w.finish()
}

// bytes returns the segment that replaces the old ones.
func (db *DB) bytes(r *replacement) ([]byte, error) {
	segments, plain, err := r.begin()
	if err != nil {
		return nil, err
	}
	if plain {
		return r.old[0].source.whole()
	}
	k := &db.keeper
	k.sealing.Lock()
	defer k.sealing.Unlock()
	b := k.sealer.builder
	b.Reset(meta(r.model, r.month))
	if err := segment.Merge(b, segments, &k.sealer.scratch); err != nil {
		return nil, segmentError(err)
	}
	bytes := b.Finish(nil)
	r.merged = &source{size: int64(len(bytes))}
	r.merged.resident.Store(&bytes)
	if r.model.asked.Load() && !r.merged.small() {
		r.index, err = newIDIndex(r.merged, db.hash, &k.sealer.scratch)
	}
	return bytes, err
}

// begin returns the segments as they are now; edits from here on are noted for the new one. plain tells that there is
// but one, and nothing to fold into it.
func (r *replacement) begin() (segments []*segment.Segment, plain bool, err error) {
	r.model.mu.Lock()
	defer r.model.mu.Unlock()
	if len(r.old) == 1 && !r.old[0].edited() {
		return nil, true, nil
	}
	r.month.foldJournal = new(journal)
	for _, old := range r.old {
		seg, err := old.snapshot()
		if err != nil {
			return nil, false, err
		}
		segments = append(segments, seg)
	}
	return segments, false, nil
}

// abandon ends a replacement that will not be applied.
func (r *replacement) abandon() {
	r.model.mu.Lock()
	defer r.model.mu.Unlock()
	r.month.foldJournal = nil
}

// apply puts the new segment in the place of the old ones, for queries from here on.
func (r *replacement) apply(pl *place, sc *segment.Scratch) error {
	pl.pack.acquire()
	r.model.mu.Lock()
	defer r.model.mu.Unlock()
	if r.merged == nil && r.old[0].source.held.Load() == nil {
		r.old[0].source.held.Store(pl)
		return nil
	}
	src, index := r.merged, r.index
	if src == nil { // the segment moves to another pack
		src, index = &source{size: r.old[0].source.size}, r.old[0].index.Load()
		src.resident.Store(r.old[0].source.resident.Load())
	}
	src.held.Store(pl)
	generation := uint64(0)
	for _, old := range r.old {
		generation = max(generation, old.generation)
	}
	sd, err := newSealed(r.model, src, generation, sc)
	if err != nil {
		return fmt.Errorf("open what was just written: %w", err)
	}
	sd.index.Store(index)
	mo := r.month
	mo.sealed = slices.DeleteFunc(slices.Clone(mo.sealed), func(s *sealed) bool { return slices.Contains(r.old, s) })
	mo.sealed = append(mo.sealed, sd)
	for _, old := range r.old {
		old.release()
	}
	edits := mo.foldJournal
	mo.foldJournal = nil
	return edits.apply(r.model, sd, sc)
}

// retire marks an entry of a pack as no longer part of the store; a pack without any other goes.
func (m *manifest) retire(pl *place) {
	i := slices.IndexFunc(m.packs, func(p packRef) bool { return p.number == pl.pack.ref.number })
	p := &m.packs[i]
	p.dead = append(p.dead, uint32(pl.entry))
	if len(p.dead) == len(pl.pack.entries) {
		m.packs = slices.Delete(m.packs, i, i+1)
	}
}
