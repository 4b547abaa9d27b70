package head

import (
	"bytes"
	"slices"
	"sort"

	"github.com/residualdb/residual/segment"
)

// Indexed returns the head's index, which it builds if there is none.
func (h *Head) Indexed(hash func(id []byte) uint64) *idIndex {
	if h.Index != nil {
		return h.Index
	}
	h.Index = &idIndex{First: make(map[uint64]int32, h.Rows)}
	for _, s := range h.Series {
		for _, l := range h.flushed(s) {
			for i, ts := range l.times {
				h.Index.Add(hash(h.id(l.text[i])), s.Number, ts)
			}
		}
	}
	return h.Index
}

// LeafRow is a row's place in a series of a head.
type LeafRow struct{ Leaf, Row int }

// RowsOf appends to dst the rows of a series with a time and a prediction id, the last one first, so that each may be
// removed before the next is looked at. Fresh rows are moved to leaves if one of them is meant.
func (h *Head) RowsOf(dst []LeafRow, s *Series, ts int64, id []byte) []LeafRow {
	if len(s.Staged) > 0 && h.Staging.has(s.Staged, ts, id) {
		h.flush(s)
	}
	order := func(k rowKey) int { // of a row and the one that is looked for
		switch {
		case k.time < ts:
			return -1
		case k.time > ts:
			return 1
		}
		return bytes.Compare(h.id(k.text), id)
	}
	start := len(dst)
	at := sort.Search(len(s.Leaves), func(i int) bool { return order(s.Leaves[i].lastKey()) >= 0 })
	for ; at < len(s.Leaves); at++ {
		l := s.Leaves[at]
		row := sort.Search(l.len(), func(i int) bool { return order(l.at(i)) >= 0 })
		for ; row < l.len() && order(l.at(row)) == 0; row++ {
			dst = append(dst, LeafRow{at, row})
		}
		if row < l.len() {
			break
		}
	}
	slices.Reverse(dst[start:])
	return dst
}

// Holds tells whether a replacement would change nothing of a row.
func (h *Head) Holds(s *Series, r LeafRow, c *Change) bool {
	l := s.Leaves[r.Leaf]
	was := l.Cells(r.Row)
	return c.Apply(was, l.times[r.Row]).Equal(was) && bytes.Equal(h.features(l.text[r.Row]), c.Features)
}

// Change applies c to a row. The leaves of a frozen head are replaced, because a sealer may be reading them; one that
// is stale was replaced under this hold of the model's lock. Who changes rows calls sum before giving the lock back.
func (h *Head) Change(s *Series, r LeafRow, c *Change) {
	l := s.Leaves[r.Leaf]
	stale := l.stale
	if h.Frozen && !stale {
		s.Leaves = slices.Clone(s.Leaves)
		l = l.clone()
		s.Leaves[r.Leaf] = l
	}
	if c.Kind == DeleteRow {
		h.Rows--
		if l.len() == 1 {
			s.Leaves = slices.Delete(s.Leaves, r.Leaf, r.Leaf+1)
			return
		}
		l.remove(r.Row)
	} else {
		h.set(l, r.Row, c)
	}
	if l.stale && !stale {
		h.stale = append(h.stale, l)
	}
}

// Sum sums the leaves anew whose rows have changed: once each, however many of its rows have.
func (h *Head) Sum() {
	for _, l := range h.stale {
		if l.stale {
			l.aggregate()
		}
	}
	clear(h.stale)
	h.stale = h.stale[:0]
}

// set applies c, which is no deletion, to a row of a leaf and to its texts.
func (h *Head) set(l *Leaf, row int, c *Change) {
	l.set(row, c.Apply(l.Cells(row), l.times[row]))
	if text := l.text[row]; c.Kind == ReplaceRow && !bytes.Equal(h.features(text), c.Features) {
		l.text[row] = h.Staging.addText(h.id(text), c.Features)
	}
}

// Cells returns what can change of row i.
func (l *Leaf) Cells(i int) Cells {
	c := Cells{l.predicted[i], l.actual[i], l.isKnown(i), segment.NoLag}
	if !c.Known {
		c.Actual = 0
	}
	if l.lags != nil {
		c.Lag = l.lags[i]
	}
	return c
}

// set makes c the cells of row i. An actual that was not known is added to the aggregate; any other change makes the
// leaf stale, because sums do not subtract.
func (l *Leaf) set(i int, c Cells) {
	was := l.Cells(i)
	l.predicted[i], l.actual[i] = c.Predicted, c.Actual
	clearBit(&l.known, i)
	if c.Known {
		setBit(&l.known, i)
	}
	l.setLag(i, c.Lag)
	l.sketches.forget()
	if c.Known && !was.Known && was.Predicted == c.Predicted {
		l.agg.AddActual(l.times[i], c.Predicted, c.Actual)
	} else {
		l.stale = true
	}
}

func (l *Leaf) clone() *Leaf {
	return &Leaf{
		times: slices.Clone(l.times), predicted: slices.Clone(l.predicted), actual: slices.Clone(l.actual), known: l.known,
		lags: slices.Clone(l.lags), text: slices.Clone(l.text), agg: l.agg,
	}
}

// remove drops row i of a leaf that has others, and makes it stale.
func (l *Leaf) remove(i int) {
	l.times = slices.Delete(l.times, i, i+1)
	l.predicted = slices.Delete(l.predicted, i, i+1)
	l.actual = slices.Delete(l.actual, i, i+1)
	l.text = slices.Delete(l.text, i, i+1)
	removeBit(&l.known, i)
	if l.lags != nil {
		l.lags = slices.Delete(l.lags, i, i+1)
	}
	l.sketches.forget()
	l.stale = true
}
