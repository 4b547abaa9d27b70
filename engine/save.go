package engine

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/quarantine"
	"github.com/residualdb/residual/engine/internal/sidecar"
	"github.com/residualdb/residual/engine/internal/store"
)

// takeUnsaved removes and returns the unsaved segments of generations up to last, by month.
func (k *checkpointer) takeUnsaved(last uint64) map[catalog.ModelMonth][]*catalog.Segment {
	k.sealing.Lock()
	defer k.sealing.Unlock()
	taken := make(map[catalog.ModelMonth][]*catalog.Segment)
	k.unsaved = slices.DeleteFunc(k.unsaved, func(u unsaved) bool {
		if u.sealed.Epoch > last {
			return false
		}
		taken[u.ModelMonth] = append(taken[u.ModelMonth], u.sealed)
		return true
	})
	if len(k.unsaved) == 0 {
		k.unsaved = nil // of a hundred thousand models, it is large
	}
	return taken
}

// putBack returns segments that could not be saved.
func (k *checkpointer) putBack(taken map[catalog.ModelMonth][]*catalog.Segment) {
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
	k := &db.checkpointer
	taken := k.takeUnsaved(c.epoch)
	next := k.Manifest.Clone()
	next.Covered = c.position
	written, err := k.writeLists(&next, db.clock.Read(), db.keys.Max, db.quarantine)
	if err == nil {
		err = db.replace(&next, k.replacements(taken, c.epoch), k.Commit)
	}
	if err != nil {
		k.putBack(taken)
		return k.Tidy(err)
	}
	k.written(written)
	if err := db.log.Truncate(c.position); err != nil {
		return base.LogError(err)
	}
	return k.Sweep()
}

// replacements makes one segment of each month that has unsaved ones, or edits to fold.
func (k *checkpointer) replacements(taken map[catalog.ModelMonth][]*catalog.Segment, last uint64) map[catalog.ModelMonth]*replacement {
	months := make(map[catalog.ModelMonth]*replacement)
	for d, segments := range taken {
		months[d] = &replacement{ModelMonth: d, old: segments}
	}
	for d := range k.edited {
		if r := fold(d, last); r != nil {
			months[d] = r
		}
	}
	return months
}

// fold returns the replacement of a month with edits of generations up to last, or nil if it has none.
func fold(d catalog.ModelMonth, last uint64) *replacement {
	d.Model.Mu.Lock()
	defer d.Model.Mu.Unlock()
	r := &replacement{ModelMonth: d}
	edited := false
	for _, sd := range d.Month.Segments {
		if sd.Epoch <= last {
			r.old = append(r.old, sd)
			edited = edited || sd.Edited()
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
func (k *checkpointer) writeLists(next *store.Manifest, now clock.Moment, keysMax int, q *quarantine.Quarantine) (listed, error) {
	n, lists := listed{len(k.keys), k.actuals != nil}, &next.Lists
	if n.keys > 0 {
		ref, err := k.WriteList(store.ListKeys, n.keys, sidecar.Keys(k.keys), newestKey(k.keys))
		if err != nil {
			return n, err
		}
		lists[store.ListKeys] = append(lists[store.ListKeys], ref)
	}
	if err := k.writeRejects(next, now, q); err != nil {
		return n, err
	}
	if n.actuals {
		lists[store.ListActuals] = nil
		for count, entries := range sidecar.Actuals(k.actuals) {
			ref, err := k.WriteList(store.ListActuals, count, entries, now.Wall)
			if err != nil {
				return n, err
			}
			lists[store.ListActuals] = append(lists[store.ListActuals], ref)
		}
	}
	lists[store.ListKeys] = current(lists[store.ListKeys], uint64(keysMax), now.Past()-KeysAge.Milliseconds())
	return n, nil
}

const (
	// rejectListsMax bounds the lists of rejects. Where there are more, all that the quarantine holds is written anew.
	rejectListsMax = 64
	// rejectListBytes is about how large a list of rejects gets: it is in memory while it is written and read.
	rejectListBytes = 4 << 20
)

// writeRejects writes to next what the quarantine got up to the cut.
func (k *checkpointer) writeRejects(next *store.Manifest, now clock.Moment, q *quarantine.Quarantine) error {
	from, lists := k.rejects.from, next.Lists[store.ListRejects]
	if len(lists) >= rejectListsMax && from < k.rejects.to {
		lists, from = nil, 0
	}
	for from < k.rejects.to {
		entries, rows, rest := q.Entries(from, k.rejects.to, rejectListBytes)
		if from = rest; rows == 0 {
			break // all were dropped meanwhile
		}
		ref, err := k.WriteList(store.ListRejects, rows, entries, now.Wall)
		if err != nil {
			return err
		}
		lists = append(lists, ref)
	}
	next.Lists[store.ListRejects] = current(lists, QuarantineRowsMax, base.MinMilli)
	return nil
}

// written lets go of what is on disk now.
func (k *checkpointer) written(n listed) {
	k.keys, k.rejects.from = k.keys[n.keys:], k.rejects.to
	k.actuals = nil
	clear(k.edited)
}

// newestKey returns the latest time of some entries, which are not in the order of their times.
func newestKey(entries []idempotency.Entry) int64 {
	return slices.MaxFunc(entries, func(a, b idempotency.Entry) int { return cmp.Compare(a.At, b.At) }).At
}

// current returns the lists that may hold one of the last entriesMax entries that are not older than oldest. Each goes by
// its own time: one that was written while the clock was behind does not take those before it along.
func current(lists []store.ListRef, entriesMax uint64, oldest int64) []store.ListRef {
	lists = slices.DeleteFunc(lists, func(l store.ListRef) bool { return l.Newest < oldest })
	entries := uint64(0)
	for i, l := range slices.Backward(lists) {
		if entries >= entriesMax {
			return lists[i+1:]
		}
		entries += l.Entries
	}
	return lists
}
