package engine

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/residualdb/residual/segment"
)

// smallBytes is the size up to which a segment stays in memory as the bytes that it is, and is opened for each question,
// which takes a microsecond or two. Kept open, its few rows would take several times as much: a hundred thousand idle
// models would not fit.
const smallBytes = 2 << 10

// sealed is an immutable segment of a month with what the engine knows beside it.
type sealed struct {
	// Immutable after creation.
	source     *source
	generation uint64
	rows       uint64
	// series are those of the segment, by number. A single one is alone, where a query of many models finds it in the
	// same line of the cache.
	series []sealedSeries
	alone  [1]sealedSeries

	// kept is the segment; nil for a small one without edits. Guarded by the model's lock.
	kept *segment.Segment

	// index finds rows by their id; nil until one is looked for, and for small segments. It is of what is stored, which
	// does not change, so that who has the segment may make it without a lock.
	index atomic.Pointer[segment.IDIndex]
}

// sealedSeries is a series of a sealed segment.
type sealedSeries struct {
	// number is the model's, index the place in the segment.
	number, index uint32
	// stored counts the rows as they are stored, without edits.
	stored segment.Counts
}

// newSealed opens a segment for m and makes its series known there. The caller holds m's lock.
func newSealed(m *model, src *source, generation uint64, sc *segment.Scratch) (*sealed, error) {
	s := &sealed{source: src, generation: generation}
	if !src.small() {
		if err := s.keep(); err != nil {
			return nil, err
		}
	}
	seg, err := s.open(sc)
	if err != nil {
		return nil, err
	}
	if s.series = s.alone[:]; seg.NumSeries() != 1 {
		s.series = make([]sealedSeries, seg.NumSeries())
	}
	for i := range s.series {
		info := seg.Series(i)
		stored := info.Total.Counts
		s.rows += stored.Rows
		number := m.number(seriesName{info.Version, info.Environment}, stored.MinTime)
		s.series[i] = sealedSeries{number, uint32(i), stored}
	}
	slices.SortFunc(s.series, func(a, b sealedSeries) int { return cmp.Compare(a.number, b.number) })
	return s, nil
}

// open returns the segment, which lives in sc if it is not kept open.
func (s *sealed) open(sc *segment.Scratch) (*segment.Segment, error) {
	if s.kept != nil {
		return s.kept, nil
	}
	seg, err := segment.OpenIn(sc, s.source, s.source.size)
	return seg, segmentError(err)
}

// keep opens the segment for good.
func (s *sealed) keep() (err error) {
	if s.kept == nil {
		s.kept, err = segment.Open(s.source, s.source.size)
	}
	return segmentError(err)
}

// snapshot returns the segment with the edits that it has now.
func (s *sealed) snapshot() (*segment.Segment, error) {
	if s.kept != nil {
		return s.kept.Snapshot(), nil
	}
	seg, err := segment.Open(s.source, s.source.size)
	return seg, segmentError(err)
}

func (s *sealed) edited() bool { return s.kept != nil && s.kept.Edited() }

// find returns what is known of a series, nil if the segment has none of its rows.
func (s *sealed) find(number uint32) *sealedSeries {
	series := s.series
	for len(series) > 1 { // by hand: a fleet has hundreds of thousands of segments of one series or two
		if middle := len(series) / 2; series[middle].number <= number {
			series = series[middle:]
		} else {
			series = series[:middle]
		}
	}
	if len(series) == 0 || series[0].number != number {
		return nil
	}
	return &series[0]
}

// first returns the earliest timestamp of a series with all edits; ok is false if none of its rows is left.
func (s *sealed) first(x sealedSeries) (ts int64, ok bool) {
	if s.kept == nil {
		return x.stored.MinTime, true
	}
	total := s.kept.Series(int(x.index)).Total
	return total.MinTime, total.Rows > 0
}

// waiting counts the rows without an actual, with all edits.
func (s *sealed) waiting() (n int) {
	for _, x := range s.series {
		counts := &x.stored
		if s.kept != nil {
			counts = &s.kept.Series(int(x.index)).Total.Counts
		}
		n += int(counts.Rows - counts.Actuals)
	}
	return n
}

// release lets go of the pack, once no month lists the segment. Queries hold the model's lock while they read, so that
// none is left.
func (s *sealed) release() {
	if pl := s.source.held.Load(); pl != nil {
		pl.pack.release()
	}
}
