package engine

// idIndex finds rows by the hash of their prediction id. Several rows may have the same one, and a row that is gone may
// still be in it.
type idIndex struct {
	first map[uint64]int32 // of entries, by hash
	// entries of one hash are chained by next; -1 ends a chain.
	entries []idEntry
}

type idEntry struct {
	time   int64
	series uint32
	next   int32
}

func (x *idIndex) add(hash uint64, series uint32, ts int64) {
	next, ok := x.first[hash]
	if !ok {
		next = -1
	}
	x.first[hash] = int32(len(x.entries))
	x.entries = append(x.entries, idEntry{ts, series, next})
}
