package engine

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/segment"
)

// sealed is an immutable segment of a month with what the engine knows beside it.
type sealed struct {
	// Immutable after creation.
	segment    *segment.Segment
	source     *source
	generation uint64
	rows       uint64
	// numbers are the model's numbers of the segment's series, ascending; indexes are their places in the segment.
	numbers, indexes []uint32
}

// newSealed opens a segment for m and makes its series known there. The caller holds m's lock.
func newSealed(m *model, src *source, generation uint64) (*sealed, error) {
	seg, err := segment.Open(src, src.size)
	if err != nil {
		return nil, segmentError(err)
	}
	s := &sealed{segment: seg, source: src, generation: generation}
	type pair struct{ number, index uint32 }
	pairs := make([]pair, seg.NumSeries())
	for i := range pairs {
		info := seg.Series(i)
		s.rows += info.Total.Rows
		pairs[i] = pair{m.number(seriesName{info.Version, info.Environment}, info.Total.MinTime), uint32(i)}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.number, b.number) })
	for _, p := range pairs {
		s.numbers, s.indexes = append(s.numbers, p.number), append(s.indexes, p.index)
	}
	return s, nil
}

// window adds the rows of a series that lie in w to dst.
func (s *sealed) window(dst *segment.Aggregate, number uint32, w span, want segment.Want, sc *segment.Scratch) (Read, error) {
	i, ok := slices.BinarySearch(s.numbers, number)
	if !ok {
		return Read{}, nil
	}
	read, err := s.segment.Window(dst, int(s.indexes[i]), w.from, w.to, want, sc)
	return Read{Rows: read.Rows, Bytes: read.Bytes}, segmentError(err)
}

// release lets go of the pack, once no month lists the segment. Queries hold the model's lock while they read, so that
// none is left.
func (s *sealed) release() {
	if pl := s.source.held.Load(); pl != nil {
		pl.pack.release()
	}
}
