package catalog

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
)

// Segment is an immutable segment of a month with what the engine knows beside it.
type Segment struct {
	// Immutable after creation.

	// Source is where its bytes are.
	Source *store.Source
	// Epoch is the newest checkpoint interval that rows of it came in.
	Epoch uint64
	// Rows counts the rows as they are stored, without edits.
	Rows uint64
	// Series are those of the segment, by number. A single one is in alone, in the same line of the cache.
	Series []SegmentSeries
	alone  [1]SegmentSeries

	// Opened is the segment; nil for a small one without edits. Guarded by the model's lock.
	Opened *segment.Segment
	// Dropped is set once all rows are deleted: the segment is in no month any more. Guarded by the model's lock.
	Dropped bool
	// Retired is set once the manifest names the segment no longer. Guarded by the lock of whoever changes the manifest.
	Retired bool

	// Index finds rows by their id; nil until one is looked for, and for small segments. It is of what is stored, which does
	// not change, so that it may be made without a lock.
	Index atomic.Pointer[segment.IDIndex]
}

// SegmentSeries is a series of a sealed segment.
type SegmentSeries struct {
	number uint32 // of the model
	// Index is the place in the segment.
	Index uint32
	// Stored counts the rows as they are stored, without edits.
	Stored segment.Counts
}

// NewSegment opens a segment for m and makes its series known there. The caller holds m's lock.
func NewSegment(m *Model, src *store.Source, epoch uint64, sc *segment.Scratch) (*Segment, error) {
	s := &Segment{Source: src, Epoch: epoch}
	if !src.Small() {
		if err := s.keep(); err != nil {
			return nil, err
		}
	}
	seg, err := s.Open(sc)
	if err != nil {
		return nil, err
	}
	if s.Series = s.alone[:]; seg.NumSeries() != 1 {
		s.Series = make([]SegmentSeries, seg.NumSeries())
	}
	for i := range s.Series {
		info := seg.Series(i)
		stored := info.Total.Counts
		s.Rows += stored.Rows
		number := m.Number(SeriesName{info.Version, info.Environment}, stored.MinTime)
		s.Series[i] = SegmentSeries{number, uint32(i), stored}
	}
	slices.SortFunc(s.Series, func(a, b SegmentSeries) int { return cmp.Compare(a.number, b.number) })
	return s, nil
}

// Open returns the segment, which lives in sc if it is not kept open.
func (s *Segment) Open(sc *segment.Scratch) (*segment.Segment, error) {
	if s.Opened != nil {
		return s.Opened, nil
	}
	seg, err := segment.OpenIn(sc, s.Source, s.Source.Size)
	return seg, base.SegmentError(err)
}

// keep opens the segment for good.
func (s *Segment) keep() (err error) {
	if s.Opened == nil {
		s.Opened, err = segment.Open(s.Source, s.Source.Size)
	}
	return base.SegmentError(err)
}

// Snapshot returns the segment with the edits that it has now.
func (s *Segment) Snapshot() (*segment.Segment, error) {
	if s.Opened != nil {
		return s.Opened.Snapshot(), nil
	}
	seg, err := segment.Open(s.Source, s.Source.Size)
	return seg, base.SegmentError(err)
}

// Edited tells whether a row has changed since the segment was made.
func (s *Segment) Edited() bool { return s.Opened != nil && s.Opened.Edited() }

// Find returns what is known of a series, nil if the segment has none of its rows.
func (s *Segment) Find(number uint32) *SegmentSeries {
	series := s.Series
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
func (s *Segment) first(x *SegmentSeries) (ts int64, ok bool) {
	counts := s.counts(x)
	return counts.MinTime, counts.Rows > 0
}

// counts counts the rows of a series with all edits.
func (s *Segment) counts(x *SegmentSeries) *segment.Counts {
	if s.Opened != nil {
		return &s.Opened.Series(int(x.Index)).Total.Counts
	}
	return &x.Stored
}

// left counts the rows with all edits.
func (s *Segment) left() (rows uint64) {
	for i := range s.Series {
		rows += s.counts(&s.Series[i]).Rows
	}
	return rows
}

// Waiting counts the rows without an actual, with all edits.
func (s *Segment) Waiting() (n int) {
	for i := range s.Series {
		counts := s.counts(&s.Series[i])
		n += int(counts.Rows - counts.Actuals)
	}
	return n
}

// Number returns the model's number of the series.
func (x *SegmentSeries) Number() uint32 { return x.number }
