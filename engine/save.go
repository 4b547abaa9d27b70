package engine

import (
	"cmp"
	"slices"
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
	if len(k.unsaved) == 0 {
		k.unsaved = nil // of a hundred thousand models, it is large
	}
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

// save writes the unsaved segments, what folds into saved ones, and the lists of a cut; it commits them and truncates
// the log.
func (db *DB) save(c cut) error {
	k := &db.keeper
	taken := k.takeUnsaved(c.generation)
	next := k.manifest.clone()
	next.covered = c.covered
	written, err := k.writeLists(&next, db.clock.read(), db.keys.max, db.quarantine)
	if err == nil {
		err = db.replace(&next, k.replacements(taken, c.generation))
	}
	if err != nil {
		k.putBack(taken)
		return k.tidy(err)
	}
	k.written(written)
	if err := db.log.Truncate(c.covered); err != nil {
		return logError(err)
	}
	return k.sweep()
}

// replacements makes one segment of each month that has unsaved ones, or edits to fold.
func (k *keeper) replacements(taken map[dirtyMonth][]*sealed, last uint64) map[dirtyMonth]*replacement {
	months := make(map[dirtyMonth]*replacement)
	for d, segments := range taken {
		months[d] = &replacement{dirtyMonth: d, old: segments}
	}
	for d := range k.edited {
		if r := d.fold(last); r != nil {
			months[d] = r
		}
	}
	return months
}

// fold returns the replacement of a month with edits of generations up to last, or nil if it has none.
func (d dirtyMonth) fold(last uint64) *replacement {
	d.model.mu.Lock()
	defer d.model.mu.Unlock()
	r := &replacement{dirtyMonth: d}
	edited := false
	for _, sd := range d.month.sealed {
		if sd.generation <= last {
			r.old = append(r.old, sd)
			edited = edited || sd.edited()
		}
	}
	if !edited {
		return nil
	}
	return r
}

// listed counts what writeLists put on disk.
type listed struct {
	keys    int
	actuals bool
}

// writeLists writes what waits for a list to next, and lets go there of the lists that are past the bounds of the
// idempotency window and the quarantine.
func (k *keeper) writeLists(next *manifest, now moment, keysMax int, q *quarantine) (listed, error) {
	n := listed{len(k.keys), k.actuals != nil}
	if n.keys > 0 {
		ref, err := k.writeList(listKeys, encodeKeys(k.store, k.keys), n.keys, newestKey(k.keys))
		if err != nil {
			return n, err
		}
		next.keys = append(next.keys, ref)
	}
	if err := k.writeRejects(next, now, q); err != nil {
		return n, err
	}
	if n.actuals {
		next.actuals = nil
		for content, entries := range actualLists(k.store, k.actuals) {
			ref, err := k.writeList(listActuals, content, entries, now.wall)
			if err != nil {
				return n, err
			}
			next.actuals = append(next.actuals, ref)
		}
	}
	next.keys = current(next.keys, uint64(keysMax), now.past()-KeysAge.Milliseconds())
	return n, nil
}

const (
	// rejectListsMax bounds the lists of rejects. Where there are more, all that the quarantine holds is written anew.
	rejectListsMax = 64
	// rejectListBytes is about how large a list of rejects gets: it is in memory while it is written and read.
	rejectListBytes = 4 << 20
)

// writeRejects writes to next what the quarantine got up to the cut.
func (k *keeper) writeRejects(next *manifest, now moment, q *quarantine) error {
	from := k.rejects.from
	if len(next.rejects) >= rejectListsMax && from < k.rejects.to {
		next.rejects, from = nil, 0
	}
	for from < k.rejects.to {
		entries, rows, rest := q.encoded(from, k.rejects.to, rejectListBytes)
		if from = rest; rows == 0 {
			break // all were dropped meanwhile
		}
		ref, err := k.writeList(listRejects, append(listHeader(k.store, listRejects, rows), entries...), rows, now.wall)
		if err != nil {
			return err
		}
		next.rejects = append(next.rejects, ref)
	}
	next.rejects = current(next.rejects, QuarantineRowsMax, minMilli)
	return nil
}

// written lets go of what is on disk now.
func (k *keeper) written(n listed) {
	k.keys, k.rejects.from = k.keys[n.keys:], k.rejects.to
	k.actuals = nil
	clear(k.edited)
}

func (k *keeper) writeList(kind listKind, content []byte, entries int, newest int64) (listRef, error) {
	ref, err := writeList(k.fs, k.dir, kind, k.number(), content)
	return listRef{fileRef: ref, entries: uint64(entries), newest: newest}, err
}

// newestKey returns the latest time of some entries, which are not in the order of their times.
func newestKey(entries []keyEntry) int64 {
	return slices.MaxFunc(entries, func(a, b keyEntry) int { return cmp.Compare(a.at, b.at) }).at
}

// current returns the lists that may hold one of the last entriesMax entries that are not older than oldest. Each goes by
// its own time: one that was written while the clock was behind does not take those before it along.
func current(lists []listRef, entriesMax uint64, oldest int64) []listRef {
	lists = slices.DeleteFunc(lists, func(l listRef) bool { return l.newest < oldest })
	entries := uint64(0)
	for i, l := range slices.Backward(lists) {
		if entries >= entriesMax {
			return lists[i+1:]
		}
		entries += l.entries
	}
	return lists
}
