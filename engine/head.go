package engine

import (
	"bytes"
	"slices"
	"sort"

	"github.com/residualdb/residual/segment"
)

// head is the mutable part of one model's month: what came since the last seal. The publisher writes it under the
// model's lock; once frozen it never changes again.
type head struct {
	// generation is the checkpoint interval the rows belong to.
	generation uint64

	// fresh holds the fresh rows of the generation, those of other heads too.
	fresh *freshRows

	// spares is where the memory of its rows comes from, and goes.
	spares *spares

	// Guarded by the model's lock.
	places names[uint32] // of the series, by number
	series []*headSeries
	text   text     // of the rows that were never fresh
	index  *idIndex // nil until a row is looked up
	rows   int
	frozen bool
	// stale are the leaves to sum anew. There are none while nobody holds the lock for writing.
	stale []*leaf
}

// headSeries is the head's part of one series: leaves in order, and rows that are in none yet.
type headSeries struct {
	number    uint32
	freshRows uint32
	// last is a time that no row of the series in this month is later than, in the head or in what was sealed before it.
	last   int64
	leaves []*leaf
	fresh  []freshRun
}

func newHead(generation uint64, fresh *freshRows, spares *spares) *head {
	return &head{generation: generation, fresh: fresh, spares: spares}
}

// release lets go of the rows of a head that is sealed, to which the publisher may still point. The model's lock is
// held for writing and no month has the head any more: those who read its leaves do it under that lock, but for the
// sealer, which is done. What the sealer read and an edit has replaced is not among them.
func (h *head) release() {
	for _, s := range h.series {
		for _, l := range s.leaves {
			h.spares.giveLeaf(l)
		}
		s.leaves, s.fresh = nil, nil
	}
	for _, c := range h.text.chunks {
		h.spares.drop(c)
	}
	h.series, h.text, h.index, h.fresh = nil, text{}, nil, nil
	h.places.clear()
}

// headRowBytes is what a row takes in a leaf.
const headRowBytes = 8 + 8 + 8 + 4

// bytes estimates the memory held.
func (h *head) bytes() int64 { return int64(h.rows)*headRowBytes + h.text.size }

// waiting counts the rows without an actual.
func (h *head) waiting() (n int) {
	for _, s := range h.series {
		for _, l := range s.leaves {
			n += int(l.agg.Rows - l.agg.Actuals)
		}
		for _, r := range s.fresh {
			rows := h.fresh.of(r)
			for i := range rows {
				if !rows[i].known() {
					n++
				}
			}
		}
	}
	return n
}

// full tells whether the head is as large as a segment, or will soon have no numbers for its texts.
func (h *head) full() bool { return h.rows >= sealRows || len(h.text.chunks) >= chunksMax/2 }

// find returns the head's part of a series, nil if it has none.
func (h *head) find(series uint32) *headSeries {
	if at, ok := h.places.get(series); ok {
		return h.series[at]
	}
	return nil
}

// of returns the head's part of a series, making it on first sight. last is the last time of the series so far.
func (h *head) of(series uint32, last int64) *headSeries {
	if s := h.find(series); s != nil {
		return s
	}
	h.places.set(series, uint32(len(h.series)))
	s := &headSeries{number: series, last: last}
	h.series = append(h.series, s)
	return s
}

// add puts the rows [from, to) of o into a series of the head. Few of them stay fresh until they are many.
func (h *head) add(s *headSeries, o *bySeries, from, to int) {
	h.rows += to - from
	s.last = max(s.last, o.times[to-1])
	if to-from <= freshRunMax && o.lags == nil {
		s.fresh = h.fresh.add(s.fresh, o, from, to)
		if s.freshRows += uint32(to - from); s.freshRows >= freshMax {
			h.ripen(s)
		}
		return
	}
	h.ripen(s) // copies of a row stay in the order they came
	o.text = grown(o.text, len(o.times))
	h.text.add(o.text[from:to], o.texts, from, to, h.spares)
	all := run{o.times, o.predicted, o.actual, o.known, o.lags, o.text}
	s.add(h, all.slice(from, to))
}

// ripen moves the fresh rows of a series to its leaves.
func (h *head) ripen(s *headSeries) {
	if len(s.fresh) == 0 {
		return
	}
	if h.frozen {
		h.sum() // what is copied is not stale
		s.leaves = h.ripe(s)
	} else {
		var c freshColumns
		s.add(h, h.fresh.columns(&c, s.fresh))
	}
	s.fresh, s.freshRows = s.fresh[:0], 0
}

// ripe returns the leaves of a series as they would be with its fresh rows in them, and leaves those that it has as
// they are.
func (h *head) ripe(s *headSeries) []*leaf {
	if len(s.fresh) == 0 {
		return s.leaves
	}
	var copied headSeries
	from, to := h.fresh.bounds(s.fresh)
	for i, l := range s.leaves {
		behind, before := i < len(s.leaves)-1 && s.leaves[i+1].first() < from, i > 0 && l.first() > to
		if i == len(s.leaves)-1 || !behind && !before {
			l = l.clone() // rows go there
		}
		copied.leaves = append(copied.leaves, l)
	}
	var c freshColumns
	copied.add(h, h.fresh.columns(&c, s.fresh))
	return copied.leaves
}

// compare orders rows of a series by time, then id.
func (h *head) compare(x, y rowKey) int {
	switch {
	case x.time < y.time:
		return -1
	case x.time > y.time:
		return 1
	}
	return bytes.Compare(h.id(x.text), h.id(y.text))
}

// id returns the prediction id of a row by its number among the texts.
func (h *head) id(row uint32) []byte {
	if row&freshText != 0 {
		return h.fresh.id(row &^ freshText)
	}
	return h.text.id(row)
}

func (h *head) features(row uint32) []byte {
	if row&freshText != 0 {
		return h.fresh.features(row &^ freshText)
	}
	return h.text.features(row)
}

// appendTexts adds the texts of rows, in this order, to two columns.
func (h *head) appendTexts(ids, features *segment.Text, rows []uint32) {
	for len(rows) > 0 {
		n := 0
		for n < len(rows) && rows[n]&freshText == 0 {
			n++
		}
		h.text.appendTo(ids, features, rows[:n])
		rows = rows[n:]
		for n = 0; n < len(rows) && rows[n]&freshText != 0; n++ {
			ids.Append(h.fresh.id(rows[n] &^ freshText))
			features.Append(h.fresh.features(rows[n] &^ freshText))
		}
		rows = rows[n:]
	}
}

// first returns the earliest time of a series; ok is false if none of its rows is left.
func (h *head) first(s *headSeries) (ts int64, ok bool) {
	ts, _ = h.fresh.bounds(s.fresh)
	if len(s.leaves) > 0 {
		ts = min(ts, s.leaves[0].first())
	}
	return ts, len(s.leaves)+len(s.fresh) > 0
}

// add puts the rows of r, a run of h, into the series.
func (s *headSeries) add(h *head, r run) {
	for len(r.times) > 0 {
		var n int
		if last := len(s.leaves) - 1; last < 0 || h.compare(r.at(0), s.leaves[last].lastKey()) >= 0 {
			n = s.extend(r, h.spares)
		} else {
			n = s.insert(h, r)
		}
		r = r.slice(n, len(r.times))
	}
}

// extend appends rows of r, which come after all of the series, as far as they fit the last leaf. It returns how many.
func (s *headSeries) extend(r run, spares *spares) int {
	switch last := len(s.leaves) - 1; {
	case last < 0:
		s.leaves = append(s.leaves, &leaf{}) // grows with its rows: most series of many are short
	case s.leaves[last].len() >= leafFill:
		s.leaves = append(s.leaves, spares.leaf())
	}
	l := s.leaves[len(s.leaves)-1]
	if rows := l.len() + len(r.times); rows > wideRows && cap(l.times) < min(rows, leafFill) {
		l.widen(spares)
	}
	return l.extend(r)
}

// insert puts the first rows of r where they belong, before the series' last row: as many as belong in one leaf and
// fit. It returns how many.
func (s *headSeries) insert(h *head, r run) int {
	i := s.find(h, r.at(0))
	if s.leaves[i].len() == leafRows {
		s.leaves = slices.Insert(s.leaves, i+1, s.leaves[i].split(h.spares))
		if h.compare(r.at(0), s.leaves[i+1].at(0)) >= 0 {
			i++
		}
	}
	end := s.leaves[i].lastKey()
	if i+1 < len(s.leaves) {
		end = s.leaves[i+1].at(0)
	}
	return s.leaves[i].insert(h, r, end)
}

// find returns the last leaf that begins at or before a row, or the first.
func (s *headSeries) find(h *head, x rowKey) int {
	i := sort.Search(len(s.leaves), func(i int) bool { return h.compare(s.leaves[i].at(0), x) > 0 })
	return max(i-1, 0)
}

// findFirst returns the first leaf that ends at or after ts: rows of one time may span leaves.
func (s *headSeries) findFirst(ts int64) int {
	return sort.Search(len(s.leaves), func(i int) bool { return s.leaves[i].last() >= ts })
}

// window adds the rows in w to dst: whole leaves by their aggregates, at most two by their rows.
func (s *headSeries) window(dst *answer, w span, want segment.Want) Read {
	var read Read
	for _, l := range s.leaves[s.findFirst(w.from):] {
		switch {
		case l.first() >= w.to:
			return read
		case l.first() >= w.from && l.last() < w.to:
			dst.MergeWanted(want, &l.agg)
			if want == segment.WantAll {
				l.sketches.addTo(&dst.sketches, dst.scratch, func(d *segment.Sketches) { l.addSketches(d, 0, l.len()) })
			}
		default:
			read.add(l.edge(dst, w, want))
		}
	}
	return read
}

// edge adds the rows of a leaf that lie in w.
func (l *leaf) edge(dst *answer, w span, want segment.Want) Read {
	from, _ := slices.BinarySearch(l.times, w.from)
	to, _ := slices.BinarySearch(l.times, w.to)
	dst.AddWanted(want, l.times, l.predicted, l.actual, l.known[:], from, to)
	if want == segment.WantAll {
		l.addSketches(&dst.sketches, from, to)
	}
	return Read{Rows: uint64(to - from), Bytes: uint64(to-from) * bytesPerEdgeRow}
}

// bytesPerEdgeRow is what a query reads of a row at a window's edge: timestamp, predicted, actual.
const bytesPerEdgeRow = 24

// rowRef names one row of a head.
type rowRef struct {
	head *head
	leaf *leaf
	row  int32
}

func (r rowRef) time() int64 { return r.leaf.times[r.row] }
func (r rowRef) id() []byte  { return r.head.id(r.leaf.text[r.row]) }

// leavesOf lists the leaves of a series in each head, with its fresh rows. The model's lock is held; the leaves of
// frozen heads may be read without it, because edits replace them.
func leavesOf(heads []*head, series uint32) [][]*leaf {
	leaves := make([][]*leaf, len(heads))
	for i, h := range heads {
		if s := h.find(series); s != nil {
			leaves[i] = h.ripe(s)
		}
	}
	return leaves
}
