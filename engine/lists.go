package engine

import "slices"

// listed counts what writeLists put on disk.
type listed struct {
	keys, rejects int
	orphans       bool
}

// writeLists writes what waits for a list to next, and lets go there of the lists that are past the bounds of the
// idempotency window and the quarantine.
func (k *keeper) writeLists(next *manifest, now int64) (listed, error) {
	n := listed{len(k.keys), len(k.rejects), k.orphans != nil}
	if n.keys > 0 {
		ref, err := k.writeList(listKeys, encodeKeys(k.store, k.keys), n.keys, k.keys[n.keys-1].at)
		if err != nil {
			return n, err
		}
		next.keys = append(next.keys, ref)
	}
	if n.rejects > 0 {
		ref, err := k.writeList(listRejects, encodeRejects(k.store, k.rejects), n.rejects, k.rejects[n.rejects-1].InsertedAt.UnixMilli())
		if err != nil {
			return n, err
		}
		next.rejects = append(next.rejects, ref)
	}
	if n.orphans {
		next.orphans = nil
	}
	if len(k.orphans) > 0 {
		ref, err := k.writeList(listOrphans, encodeOrphans(k.store, k.orphans), len(k.orphans), now)
		if err != nil {
			return n, err
		}
		next.orphans = append(next.orphans, ref)
	}
	next.keys = current(next.keys, KeysMax, now-KeysAge.Milliseconds())
	next.rejects = current(next.rejects, QuarantineRowsMax, 0)
	return n, nil
}

// written lets go of what is on disk now.
func (k *keeper) written(n listed) {
	k.keys, k.rejects = k.keys[n.keys:], k.rejects[n.rejects:]
	k.orphans = nil
	clear(k.edited)
}

func (k *keeper) writeList(kind listKind, content []byte, entries int, newest int64) (listRef, error) {
	ref, err := writeList(k.fs, k.dir, kind, k.number(), content)
	return listRef{fileRef: ref, entries: uint64(entries), newest: newest}, err
}

// current returns the lists that may hold one of the newest entriesMax entries not older than oldest.
func current(lists []listRef, entriesMax uint64, oldest int64) []listRef {
	entries := uint64(0)
	for i, l := range slices.Backward(lists) {
		if entries >= entriesMax || l.newest < oldest {
			return lists[i+1:]
		}
		entries += l.entries
	}
	return lists
}
