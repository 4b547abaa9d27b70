package engine

import (
	"bytes"
	"math"
	"slices"

	"github.com/residualdb/residual/segment"
)

// indexed returns the head's index, which it builds if there is none.
func (h *head) indexed(hash func(id []byte) uint64) *idIndex {
	if h.index != nil {
		return h.index
	}
	h.index = &idIndex{first: make(map[uint64]int32, h.rows)}
	for _, s := range h.series {
		for _, l := range h.ripe(s) {
			for i, ts := range l.times {
				h.index.add(hash(h.id(l.text[i])), s.number, ts)
			}
		}
	}
	return h.index
}

// edit applies e to the rows with its prediction id: a deletion to all, an actual to those that have one. Of the others,
// those that do not wait have theirs in the fills. It tells whether there were any.
func (h *head) edit(e *edit, s *settler) (hit bool) {
	x := h.indexed(s.hash)
	for i, ok := x.first[e.hash]; ok && i >= 0; i = x.entries[i].next {
		number := x.entries[i].series
		for _, r := range h.rowsAt(s, number, x.entries[i].time, e.id) {
			if e.deleted || h.find(number).leaves[r.leaf].isKnown(r.row) {
				h.change(number, r, e)
				hit = true
			}
		}
	}
	return hit
}

// editWaiting applies e to the row that waits at a known place.
func (h *head) editWaiting(e *edit, w waitingRow, s *settler) bool {
	for _, r := range h.rowsAt(s, w.series, w.time, e.id) {
		l := h.find(w.series).leaves[r.leaf]
		if !l.isKnown(r.row) && math.Float64bits(l.predicted[r.row]) == math.Float64bits(w.predicted) {
			h.change(w.series, r, e)
			return true
		}
	}
	return false
}

// leafRow is a row's place in a series of a head.
type leafRow struct{ leaf, row int }

// rowsAt returns the rows of a series with the prediction id at the time ts, the last one first, so that each may be
// removed before the next is looked at. The result is valid until the next call.
func (h *head) rowsAt(s *settler, series uint32, ts int64, id []byte) []leafRow {
	s.rows = s.rows[:0]
	hs := h.find(series)
	if hs == nil {
		return nil
	}
	h.ripen(hs)
	for at := hs.findFirst(ts); at < len(hs.leaves) && hs.leaves[at].first() <= ts; at++ {
		l := hs.leaves[at]
		i, _ := slices.BinarySearch(l.times, ts)
		for ; i < l.len() && l.times[i] == ts; i++ {
			if bytes.Equal(h.id(l.text[i]), id) {
				s.rows = append(s.rows, leafRow{at, i})
			}
		}
	}
	slices.Reverse(s.rows)
	return s.rows
}

// change applies e to a row. The leaves of a frozen head are replaced, because a sealer may be reading them.
func (h *head) change(number uint32, r leafRow, e *edit) {
	s, at, i := h.find(number), r.leaf, r.row
	l := s.leaves[at]
	if h.frozen {
		s.leaves = slices.Clone(s.leaves)
		l = l.clone()
		s.leaves[at] = l
	}
	switch {
	case e.deleted && l.len() == 1:
		s.leaves = slices.Delete(s.leaves, at, at+1)
	case e.deleted:
		l.remove(i)
	case !l.isKnown(i):
		l.actual[i] = e.actual
		setBit(&l.known, i)
		l.setLag(i, e.lag(l.times[i]))
		l.agg.AddActual(l.times[i], l.predicted[i], e.actual)
		l.sketches.forget()
	default:
		l.actual[i] = e.actual
		l.aggregate()
	}
}

func (l *leaf) clone() *leaf {
	return &leaf{
		times: slices.Clone(l.times), predicted: slices.Clone(l.predicted), actual: slices.Clone(l.actual), known: l.known,
		lags: slices.Clone(l.lags), text: slices.Clone(l.text), agg: l.agg,
	}
}

// remove drops row i of a leaf that has others.
func (l *leaf) remove(i int) {
	l.times = slices.Delete(l.times, i, i+1)
	l.predicted = slices.Delete(l.predicted, i, i+1)
	l.actual = slices.Delete(l.actual, i, i+1)
	l.text = slices.Delete(l.text, i, i+1)
	removeBit(&l.known, i)
	if l.lags != nil {
		l.lags = slices.Delete(l.lags, i, i+1)
	}
	l.aggregate()
}

// edit applies e to the rows of a sealed segment with its prediction id, see [head.edit].
func (s *sealed) edit(e *edit, sc *segment.Scratch) (hit bool, err error) {
	type place struct{ series, block, row int }
	var rows []place
	seg, err := s.open(sc)
	if err != nil {
		return false, err
	}
	err = seg.FindID(e.id, sc, func(series, block, row int, known bool) {
		if e.deleted || known {
			rows = append(rows, place{series, block, row})
		}
	})
	if err != nil {
		return false, segmentError(err)
	}
	if len(rows) == 0 {
		return false, nil
	}
	if err := s.keep(); err != nil {
		return false, err
	}
	for _, r := range rows {
		if err := s.kept.Edit(r.series, r.block, e.of(r.row), sc); err != nil {
			return false, segmentError(err)
		}
	}
	return true, nil
}

// editWaiting applies e to the row that waits at a known place.
func (s *sealed) editWaiting(e *edit, w waitingRow, sc *segment.Scratch) (bool, error) {
	x := s.find(w.series)
	if x == nil {
		return false, nil
	}
	series := int(x.index)
	seg, err := s.open(sc)
	if err != nil {
		return false, err
	}
	block, row, ok, err := seg.FindWaiting(series, w.time, w.predicted, e.id, sc)
	if err != nil || !ok {
		return false, segmentError(err)
	}
	if err := s.keep(); err != nil {
		return false, err
	}
	return true, segmentError(s.kept.Edit(series, block, e.of(row), sc))
}

// of returns the edit of a segment's row.
func (e *edit) of(row int) segment.Edit {
	return segment.Edit{Row: row, Deleted: e.deleted, Known: !e.deleted, Actual: e.actual}
}
