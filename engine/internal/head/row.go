package head

import (
	"bytes"
	"iter"
	"slices"
	"sort"

	"github.com/residualdb/residual/segment"
)

// Row is a row of a head, in a leaf. It is valid until the lock is given back, or the row is deleted.
type Row struct {
	head   *Head
	series *Series
	leaf   int
	row    int
}

// RowsOf yields the rows of a series with a time and a prediction id. Each may be changed or deleted before the next one is
// asked for: it goes backwards. Staged rows are moved to leaves if one of them is meant.
func (h *Head) RowsOf(s *Series, ts int64, id []byte) iter.Seq[Row] {
	after := func(k rowKey) bool { return k.time > ts || k.time == ts && bytes.Compare(h.id(k.text), id) > 0 }
	return func(yield func(Row) bool) {
		if len(s.staged) > 0 && h.staging.has(s.staged, ts, id) {
			h.flush(s)
		}
		at := sort.Search(len(s.leaves), func(i int) bool { return after(s.leaves[i].at(0)) })
		for at--; at >= 0; at-- {
			row := sort.Search(s.leaves[at].len(), func(i int) bool { return after(s.leaves[at].at(i)) })
			for row--; row >= 0; row-- {
				k := s.leaves[at].at(row) // of the leaf that is there now
				if k.time != ts || !bytes.Equal(h.id(k.text), id) || !yield(Row{h, s, at, row}) {
					return
				}
			}
		}
	}
}

func (r Row) in() *leaf { return r.series.leaves[r.leaf] }

// Series returns the number of the row's series.
func (r Row) Series() uint32 { return r.series.Number }

// Time returns the row's timestamp.
func (r Row) Time() int64 { return r.in().times[r.row] }

// Cells returns what can change of the row.
func (r Row) Cells() Cells { return r.in().cells(r.row) }

// Holds tells whether a replacement would change nothing of the row.
func (r Row) Holds(c *Change) bool {
	was := r.Cells()
	return c.Apply(was, r.Time()).Equal(was) && bytes.Equal(r.head.features(r.in().text[r.row]), c.Features)
}

// Change applies c to the row. [Head.Sum] is to be called before the lock is given back.
func (r Row) Change(c *Change) {
	h, s := r.head, r.series
	h.own(s)
	l := h.writable(s, r.leaf)
	stale := l.stale
	if c.Kind == DeleteRow {
		h.Rows--
		if l.len() == 1 {
			s.leaves = slices.Delete(s.leaves, r.leaf, r.leaf+1)
			return
		}
		l.remove(r.row, r.row+1)
	} else {
		h.set(l, r.row, c)
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
func (h *Head) set(l *leaf, row int, c *Change) {
	l.set(row, c.Apply(l.cells(row), l.times[row]))
	if text := l.text[row]; c.Kind == ReplaceRow && !bytes.Equal(h.features(text), c.Features) {
		l.text[row] = h.staging.addText(h.id(text), c.Features)
	}
}

func (l *leaf) cells(i int) Cells {
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
func (l *leaf) set(i int, c Cells) {
	was := l.cells(i)
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

// remove drops the rows [from, to) of a leaf that has others, and makes it stale.
func (l *leaf) remove(from, to int) {
	l.times = slices.Delete(l.times, from, to)
	l.predicted = slices.Delete(l.predicted, from, to)
	l.actual = slices.Delete(l.actual, from, to)
	l.text = slices.Delete(l.text, from, to)
	removeBits(&l.known, from, to)
	if l.lags != nil {
		l.lags = slices.Delete(l.lags, from, to)
	}
	l.sketches.forget()
	l.stale = true
}
