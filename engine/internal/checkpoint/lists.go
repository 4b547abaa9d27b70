package checkpoint

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/engine/internal/quarantine"
	"github.com/residualdb/residual/engine/internal/sidecar"
	"github.com/residualdb/residual/engine/internal/store"
)

// writeLists writes what waits for a list to next, and lets go there of the lists that are past the bounds of the
// idempotency window and the quarantine.
func (k *Checkpointer) writeLists(next *store.Manifest, now clock.Moment, keysMax int, q *quarantine.Quarantine) error {
	keys := next.Lists[store.ListKeys]
	if len(k.keys) > 0 {
		newest := slices.MaxFunc(k.keys, func(a, b idempotency.Entry) int { return cmp.Compare(a.At, b.At) }).At
		ref, err := k.Files.WriteList(store.ListKeys, len(k.keys), sidecar.Keys(k.keys), newest)
		if err != nil {
			return err
		}
		keys = append(keys, ref)
	}
	next.Lists[store.ListKeys] = current(keys, uint64(keysMax), now.Past()-idempotency.KeysAge.Milliseconds())
	if err := k.writeRejects(next, now, q); err != nil {
		return err
	}
	if err := k.writePositions(next, now); err != nil || k.actuals == nil {
		return err
	}
	var lists []store.ListRef
	for count, entries := range sidecar.Actuals(k.actuals) {
		ref, err := k.Files.WriteList(store.ListActuals, count, entries, now.Wall)
		if err != nil {
			return err
		}
		lists = append(lists, ref)
	}
	next.Lists[store.ListActuals] = lists
	return nil
}

const (
	// rejectListsMax bounds the lists of rejects, of which there could be one for each row. Where there are more, all that the
	// quarantine holds is written anew.
	rejectListsMax = 64
	// rejectListBytes is about how large a list of rejects gets: it is in memory while it is written and read.
	rejectListBytes = 4 << 20
)

// writeRejects writes to next what the quarantine got up to the rotation.
func (k *Checkpointer) writeRejects(next *store.Manifest, now clock.Moment, q *quarantine.Quarantine) error {
	from, lists := k.rejects.from, next.Lists[store.ListRejects]
	if k.rejects.anew || len(lists) >= rejectListsMax && from < k.rejects.to {
		lists, from = nil, 0
	}
	for from < k.rejects.to {
		entries, rows, rest := q.Entries(from, k.rejects.to, rejectListBytes)
		if from = rest; rows == 0 {
			break // all were dropped meanwhile
		}
		ref, err := k.Files.WriteList(store.ListRejects, rows, entries, now.Wall)
		if err != nil {
			return err
		}
		lists = append(lists, ref)
	}
	next.Lists[store.ListRejects] = current(lists, quarantine.RowsMax, base.MinMilli)
	return nil
}

const (
	// positionListsMax bounds the lists of positions beside those that all positions need: where there are more, all are written anew.
	positionListsMax = 64
	// positionsSpare is how many entries of lists that say nothing any more are not worth it.
	positionsSpare = 1 << 12
)

// writePositions writes to next what has changed of the positions since the lists were written, or, where lists say more that is
// over than what counts, all of them.
func (k *Checkpointer) writePositions(next *store.Manifest, now clock.Moment) error {
	p := &k.positions
	lists, said := next.Lists[store.ListPositions], uint64(0)
	for _, l := range lists {
		said += l.Entries
	}
	since := p.listed
	if said > 2*uint64(p.rotated.Len())+positionsSpare || int64(len(lists)) > positionListsMax+p.rotated.ListBytes()/sidecar.PositionsBytes {
		since, lists = positions.Snapshot{}, nil
	}
	for count, entries := range sidecar.Positions(p.rotated, since) {
		ref, err := k.Files.WriteList(store.ListPositions, count, entries, now.Wall)
		if err != nil {
			return err
		}
		lists = append(lists, ref)
	}
	next.Lists[store.ListPositions] = lists
	return nil
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
