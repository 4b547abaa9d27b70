package engine

import (
	"bytes"
	"slices"
	"sort"

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

// leafRow is a row's place in a series of a head.
type leafRow struct{ leaf, row int }

// rowsOf appends to dst the rows of a series with a time and a prediction id, the last one first, so that each may be
// removed before the next is looked at. Fresh rows are moved to leaves if one of them is meant.
func (h *head) rowsOf(dst []leafRow, s *headSeries, ts int64, id []byte) []leafRow {
	if len(s.fresh) > 0 && h.fresh.has(s.fresh, ts, id) {
		h.ripen(s)
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
	at := sort.Search(len(s.leaves), func(i int) bool { return order(s.leaves[i].lastKey()) >= 0 })
	for ; at < len(s.leaves); at++ {
		l := s.leaves[at]
		row := sort.Search(l.len(), func(i int) bool { return order(l.at(i)) >= 0 })
		for ; row < l.len() && order(l.at(row)) == 0; row++ {
			dst = append(dst, leafRow{at, row})
		}
		if row < l.len() {
			break
		}
	}
	slices.Reverse(dst[start:])
	return dst
}

// holds tells whether a replacement would change nothing of a row.
func (h *head) holds(s *headSeries, r leafRow, c *change) bool {
	l := s.leaves[r.leaf]
	was := l.cells(r.row)
	return c.apply(was, l.times[r.row]).equal(was) && bytes.Equal(h.features(l.text[r.row]), c.features)
}

// change applies c to a row. The leaves of a frozen head are replaced, because a sealer may be reading them; one that
// is stale was replaced under this hold of the model's lock. Who changes rows calls sum before giving the lock back.
func (h *head) change(s *headSeries, r leafRow, c *change) {
	l := s.leaves[r.leaf]
	stale := l.stale
	if h.frozen && !stale {
		s.leaves = slices.Clone(s.leaves)
		l = l.clone()
		s.leaves[r.leaf] = l
	}
	if c.kind == deleteRow {
		h.rows--
		if l.len() == 1 {
			s.leaves = slices.Delete(s.leaves, r.leaf, r.leaf+1)
			return
		}
		l.remove(r.row)
	} else {
		h.set(l, r.row, c)
	}
	if l.stale && !stale {
		h.stale = append(h.stale, l)
	}
}

// sum sums the leaves anew whose rows have changed: once each, however many of its rows have.
func (h *head) sum() {
	for _, l := range h.stale {
		if l.stale {
			l.aggregate()
		}
	}
	clear(h.stale)
	h.stale = h.stale[:0]
}

// set applies c, which is no deletion, to a row of a leaf and to its texts.
func (h *head) set(l *leaf, row int, c *change) {
	l.set(row, c.apply(l.cells(row), l.times[row]))
	if text := l.text[row]; c.kind == replaceRow && !bytes.Equal(h.features(text), c.features) {
		l.text[row] = h.fresh.addText(h.id(text), c.features)
	}
}

// cells returns what can change of row i.
func (l *leaf) cells(i int) cells {
	c := cells{l.predicted[i], l.actual[i], l.isKnown(i), segment.NoLag}
	if !c.known {
		c.actual = 0
	}
	if l.lags != nil {
		c.lag = l.lags[i]
	}
	return c
}

// set makes c the cells of row i. An actual that was not known is added to the aggregate; any other change makes the
// leaf stale, because sums do not subtract.
func (l *leaf) set(i int, c cells) {
	was := l.cells(i)
	l.predicted[i], l.actual[i] = c.predicted, c.actual
	clearBit(&l.known, i)
	if c.known {
		setBit(&l.known, i)
	}
	l.setLag(i, c.lag)
	l.sketches.forget()
	if c.known && !was.known && was.predicted == c.predicted {
		l.agg.AddActual(l.times[i], c.predicted, c.actual)
	} else {
		l.stale = true
	}
}

func (l *leaf) clone() *leaf {
	return &leaf{
		times: slices.Clone(l.times), predicted: slices.Clone(l.predicted), actual: slices.Clone(l.actual), known: l.known,
		lags: slices.Clone(l.lags), text: slices.Clone(l.text), agg: l.agg,
	}
}

// remove drops row i of a leaf that has others, and makes it stale.
func (l *leaf) remove(i int) {
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
