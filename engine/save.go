package engine

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/segment"
)

// takeUnsaved removes and returns the unsaved segments of generations up to last, by month.
func (k *keeper) takeUnsaved(last uint64) map[dirtyMonth][]*sealed {
	k.sealing.Lock()
	defer k.sealing.Unlock()
	taken := make(map[dirtyMonth][]*sealed)
	k.unsaved = slices.DeleteFunc(k.unsaved, func(u unsaved) bool {
		if u.sealed.generation > last {
			return false
		}
		taken[u.dirtyMonth] = append(taken[u.dirtyMonth], u.sealed)
		return true
	})
	return taken
}

// putBack returns segments that could not be saved.
func (k *keeper) putBack(taken map[dirtyMonth][]*sealed) {
	k.sealing.Lock()
	defer k.sealing.Unlock()
	for d, segments := range taken {
		for _, sd := range segments {
			k.unsaved = append(k.unsaved, unsaved{d, sd})
		}
	}
}

// save writes the unsaved segments and lists of a cut, commits them, and truncates the log.
func (db *DB) save(c cut) error {
	k := &db.keeper
	taken := k.takeUnsaved(c.generation)
	next := k.manifest.clone()
	next.covered = c.covered
	written, err := k.writeLists(&next, db.opts.Now().UnixMilli())
	if err == nil {
		err = db.replace(&next, taken)
	}
	if err != nil {
		k.putBack(taken)
		return k.tidy(err)
	}
	k.keys, k.rejects = k.keys[written.keys:], k.rejects[written.rejects:]
	if err := db.log.Truncate(c.covered); err != nil {
		return logError(err)
	}
	return k.sweep()
}

// replacement is one month whose segments become one segment of a new pack.
type replacement struct {
	dirtyMonth
	old []*sealed
	// merged holds the bytes of several old segments joined; nil if there is one, which only gets a place on disk.
	merged *source
}

// replace makes each month's segments one, writes it to a new pack, and commits next with it. Segments that were in packs are
// retired there. Nothing changes in memory unless the commit went through.
func (db *DB) replace(next *manifest, months map[dirtyMonth][]*sealed) error {
	if len(months) == 0 {
		return db.keeper.commit(next)
	}
	k := &db.keeper
	w, err := newPackWriter(k.fs, filepath.Join(k.dir, packDirName), k.store, k.number())
	if err != nil {
		return err
	}
	replacements, err := k.writeMonths(w, next, months)
	if err != nil {
		return errors.Join(err, w.abort())
	}
	p, err := w.finish()
	if err != nil {
		return err
	}
	next.packs = append(next.packs, packRef{fileRef: p.ref})
	if err := k.commit(next); err != nil {
		return errors.Join(err, p.close())
	}
	k.packs[p.ref.number] = p
	for entry, r := range replacements {
		if err := r.apply(&place{p, entry}); err != nil {
			return k.fail(err)
		}
	}
	return nil
}

func (k *keeper) writeMonths(w *packWriter, next *manifest, months map[dirtyMonth][]*sealed) ([]replacement, error) {
	replacements := make([]replacement, 0, len(months))
	order := slices.SortedFunc(maps.Keys(months), func(a, b dirtyMonth) int {
		return cmp.Or(cmp.Compare(a.model.name, b.model.name), cmp.Compare(a.month.number, b.month.number))
	})
	for _, d := range order {
		r := replacement{dirtyMonth: d, old: months[d]}
		bytes, err := k.bytes(&r)
		if err == nil {
			err = w.add(d.model.name, d.month.number, bytes)
		}
		if err != nil {
			return nil, err
		}
		for _, old := range r.old {
			if pl := old.source.held.Load(); pl != nil {
				next.retire(pl)
			}
		}
		replacements = append(replacements, r)
	}
	return replacements, nil
}

// bytes returns the segment that replaces the old ones.
func (k *keeper) bytes(r *replacement) ([]byte, error) {
	if len(r.old) == 1 {
		if whole := r.old[0].source.resident.Load(); whole != nil {
			return *whole, nil
		}
		pl := r.old[0].source.held.Load()
		return pl.pack.load(pl.entry)
	}
	segments := make([]*segment.Segment, len(r.old))
	for i, old := range r.old {
		segments[i] = old.segment
	}
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
	return bytes, nil
}

// apply puts the new segment in the place of the old ones, for queries from here on.
func (r *replacement) apply(pl *place) error {
	pl.pack.acquire()
	r.model.mu.Lock()
	defer r.model.mu.Unlock()
	if r.merged == nil && r.old[0].source.held.Load() == nil {
		r.old[0].source.held.Store(pl)
		return nil
	}
	src := r.merged
	if src == nil { // the segment moves to another pack
		src = &source{size: r.old[0].source.size}
		src.resident.Store(r.old[0].source.resident.Load())
	}
	src.held.Store(pl)
	sd, err := newSealed(r.model, src, r.old[0].generation)
	if err != nil {
		return fmt.Errorf("open what was just written: %w", err)
	}
	r.month.sealed = slices.DeleteFunc(slices.Clone(r.month.sealed), func(s *sealed) bool { return slices.Contains(r.old, s) })
	r.month.sealed = append(r.month.sealed, sd)
	for _, old := range r.old {
		old.release()
	}
	return nil
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
