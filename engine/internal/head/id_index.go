package head

// idIndex finds rows by the hash of their prediction id. Several rows may have the same one, and a row that is gone may
// still be in it.
type idIndex struct {
	First map[uint64]int32 // of entries, by hash
	// Entries of one hash are chained by next; -1 ends a chain.
	Entries []idEntry
}

type idEntry struct {
	Time   int64
	Series uint32
	Next   int32
}

func (x *idIndex) Add(hash uint64, series uint32, ts int64) {
	next, ok := x.First[hash]
	if !ok {
		next = -1
	}
	x.First[hash] = int32(len(x.Entries))
	x.Entries = append(x.Entries, idEntry{ts, series, next})
}
