package head

import (
	"iter"

	"github.com/residualdb/residual/segment"
)

// rowsByID finds rows of a head by the hash of their prediction id. Several rows may have the same hash, and a row that is
// gone may still be listed.
type rowsByID struct {
	hash  func(id []byte) uint64
	first map[uint64]int32 // of entries, by hash
	// entries of one hash are chained by next; -1 ends a chain.
	entries []entryByID
}

type entryByID struct {
	time   int64
	series uint32
	next   int32
}

func (x *rowsByID) add(id []byte, series uint32, ts int64) {
	hash := x.hash(id)
	next, ok := x.first[hash]
	if !ok {
		next = -1
	}
	x.first[hash] = int32(len(x.entries))
	x.entries = append(x.entries, entryByID{ts, series, next})
}

// indexed returns the head's index by id. The first look-up makes it, and [Head.Add] adds to it from then on: models whose
// actuals come with their predictions have none.
func (h *Head) indexed(hash func(id []byte) uint64) *rowsByID {
	if h.index != nil {
		return h.index
	}
	h.index = &rowsByID{hash: hash, first: make(map[uint64]int32, h.Rows)}
	for _, s := range h.Series {
		for _, l := range h.flushed(s) {
			for i, ts := range l.times {
				h.index.add(h.id(l.text[i]), s.Number, ts)
			}
		}
	}
	return h.index
}

// RowsByID yields the rows of a prediction id. Each may be changed or deleted before the next one is asked for. hash is the
// hash of ids, the same for every call.
func (h *Head) RowsByID(id segment.HashedID, hash func(id []byte) uint64) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		x := h.indexed(hash)
		for at, ok := x.first[id.Hash]; ok && at >= 0; at = x.entries[at].next {
			e := x.entries[at]
			s := h.Find(e.series)
			if s == nil {
				continue
			}
			for r := range h.RowsOf(s, e.time, id.ID) {
				if !yield(r) {
					return
				}
			}
		}
	}
}
