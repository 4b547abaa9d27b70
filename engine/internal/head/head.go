package head

import (
	"bytes"
	"slices"
	"sort"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

// Head is the mutable part of one model's month: what came since the last seal. The publisher writes it under the
// model's lock; once frozen it never changes again.
type Head struct {
	// Epoch is the checkpoint interval the rows belong to.
	Epoch uint64

	// Staged holds the fresh rows of the generation, those of other heads too.
	Staging *Staging

	// Guarded by the model's lock.
	places base.Names[uint32] // of the series, by number
	Series []*Series
	text   texts    // of the rows that were never fresh
	Index  *idIndex // nil until a row is looked up
	Rows   int
	Frozen bool
	// stale are the leaves to sum anew. There are none while nobody holds the lock for writing.
	stale []*Leaf
}

// Series is the head's part of one series: leaves in order, and rows that are in none yet.
type Series struct {
	Number     uint32
	stagedRows uint32
	// Last is a time that no row of the series in this month is later than, in the head or in what was sealed before it.
	Last   int64
	Leaves []*Leaf
	Staged []stagedRun
}

func New(generation uint64, fresh *Staging) *Head {
	return &Head{Epoch: generation, Staging: fresh}
}

// Release lets go of the rows of a head that is sealed, to which the publisher may still point. The model's lock is held
// for writing.
func (h *Head) Release() {
	for _, s := range h.Series {
		s.Leaves, s.Staged = nil, nil
	}
	h.Series, h.text, h.Index, h.Staging = nil, texts{}, nil, nil
	h.places.Clear()
}

// rowBytes is what a row takes in a leaf.
const rowBytes = 8 + 8 + 8 + 4

// Bytes estimates the memory held.
func (h *Head) Bytes() int64 { return int64(h.Rows)*rowBytes + h.text.size }

// Waiting counts the rows without an actual.
func (h *Head) Waiting() (n int) {
	for _, s := range h.Series {
		for _, l := range s.Leaves {
			n += int(l.agg.Rows - l.agg.Actuals)
		}
		for _, r := range s.Staged {
			rows := h.Staging.of(r)
			for i := range rows {
				if !rows[i].known() {
					n++
				}
			}
		}
	}
	return n
}

// Full tells whether the head is as large as a segment.
func (h *Head) Full() bool { return h.Rows >= sealRows }

// Find returns the head's part of a series, nil if it has none.
func (h *Head) Find(series uint32) *Series {
	if at, ok := h.places.Get(series); ok {
		return h.Series[at]
	}
	return nil
}

// Of returns the head's part of a series, making it on first sight. last is the last time of the series so far.
func (h *Head) Of(series uint32, last int64) *Series {
	if s := h.Find(series); s != nil {
		return s
	}
	h.places.Set(series, uint32(len(h.Series)))
	s := &Series{Number: series, Last: last}
	h.Series = append(h.Series, s)
	return s
}

// Add puts the rows [from, to) of o into a series of the head, and returns about what they take of memory. Few of them stay
// staged until they are many.
func (h *Head) Add(s *Series, o *Batch, from, to int) (bytes int64) {
	s.Last = max(s.Last, o.Times[to-1])
	if to-from <= freshRunMax && o.Lags == nil {
		for i := from; i < to; i++ {
			bytes += rowBytes + textBytes(o.ID(i), o.Features(i))
		}
		h.Rows += to - from
		s.Staged = h.Staging.add(s.Staged, o, from, to)
		if s.stagedRows += uint32(to - from); s.stagedRows >= freshMax {
			h.flush(s)
		}
		return bytes
	}
	h.flush(s) // copies of a row stay in the order they came
	before := h.Bytes()
	h.Rows += to - from
	o.text = h.text.add(o.text[:0], o, from, to)
	r := run{o.Times[from:to], o.Predicted[from:to], o.Actual[from:to], o.Known[from:to], nil, o.text}
	if o.Lags != nil {
		r.lags = o.Lags[from:to]
	}
	s.add(h, r)
	return h.Bytes() - before
}

// flush moves the fresh rows of a series to its leaves.
func (h *Head) flush(s *Series) {
	if len(s.Staged) == 0 {
		return
	}
	if h.Frozen {
		h.Sum() // what is copied is not stale
		s.Leaves = h.flushed(s)
	} else {
		var c freshColumns
		s.add(h, h.Staging.columns(&c, s.Staged))
	}
	s.Staged, s.stagedRows = s.Staged[:0], 0
}

// flushed returns the leaves of a series as they would be with its fresh rows in them, and leaves those that it has as
// they are.
func (h *Head) flushed(s *Series) []*Leaf {
	if len(s.Staged) == 0 {
		return s.Leaves
	}
	var copied Series
	from, to := h.Staging.bounds(s.Staged)
	for i, l := range s.Leaves {
		behind, before := i < len(s.Leaves)-1 && s.Leaves[i+1].first() < from, i > 0 && l.first() > to
		if i == len(s.Leaves)-1 || !behind && !before {
			l = l.clone() // rows go there
		}
		copied.Leaves = append(copied.Leaves, l)
	}
	var c freshColumns
	copied.add(h, h.Staging.columns(&c, s.Staged))
	return copied.Leaves
}

// compare orders rows of a series by time, then id.
func (h *Head) compare(x, y rowKey) int {
	switch {
	case x.time < y.time:
		return -1
	case x.time > y.time:
		return 1
	}
	return bytes.Compare(h.id(x.text), h.id(y.text))
}

// id returns the prediction id of a row by its number among the texts.
func (h *Head) id(row uint32) []byte {
	if row&stagedText != 0 {
		return h.Staging.id(row &^ stagedText)
	}
	return h.text.id(row)
}

func (h *Head) features(row uint32) []byte {
	if row&stagedText != 0 {
		return h.Staging.features(row &^ stagedText)
	}
	return h.text.features(row)
}

// appendTexts adds the texts of rows, in this order, to two columns.
func (h *Head) appendTexts(ids, features *segment.Text, rows []uint32) {
	for len(rows) > 0 {
		n := 0
		for n < len(rows) && rows[n]&stagedText == 0 {
			n++
		}
		h.text.appendTo(ids, features, rows[:n])
		rows = rows[n:]
		for n = 0; n < len(rows) && rows[n]&stagedText != 0; n++ {
			ids.Append(h.Staging.id(rows[n] &^ stagedText))
			features.Append(h.Staging.features(rows[n] &^ stagedText))
		}
		rows = rows[n:]
	}
}

// First returns the earliest time of a series; ok is false if none of its rows is left.
func (h *Head) First(s *Series) (ts int64, ok bool) {
	ts, _ = h.Staging.bounds(s.Staged)
	if len(s.Leaves) > 0 {
		ts = min(ts, s.Leaves[0].first())
	}
	return ts, len(s.Leaves)+len(s.Staged) > 0
}

// Add puts the rows of r, a run of h, into the series.
func (s *Series) add(h *Head, r run) {
	for len(r.times) > 0 {
		var n int
		if last := len(s.Leaves) - 1; last < 0 || h.compare(r.at(0), s.Leaves[last].lastKey()) >= 0 {
			n = s.extend(r)
		} else {
			n = s.insert(h, r)
		}
		r = r.slice(n, len(r.times))
	}
}

// extend appends rows of r, which come after all of the series, as far as they fit the last leaf. It returns how many.
func (s *Series) extend(r run) int {
	switch last := len(s.Leaves) - 1; {
	case last < 0:
		s.Leaves = append(s.Leaves, &Leaf{}) // grows with its rows: most series of many are short
	case s.Leaves[last].len() >= leafFill:
		s.Leaves = append(s.Leaves, newLeaf())
	}
	l := s.Leaves[len(s.Leaves)-1]
	if rows := l.len() + len(r.times); rows > wideRows && cap(l.times) < min(rows, leafFill) {
		l.widen()
	}
	return l.extend(r)
}

// insert puts the first rows of r where they belong, before the series' last row: as many as belong in one leaf and
// fit. It returns how many.
func (s *Series) insert(h *Head, r run) int {
	i := s.find(h, r.at(0))
	if s.Leaves[i].len() == leafRows {
		s.Leaves = slices.Insert(s.Leaves, i+1, s.Leaves[i].split())
		if h.compare(r.at(0), s.Leaves[i+1].at(0)) >= 0 {
			i++
		}
	}
	end := s.Leaves[i].lastKey()
	if i+1 < len(s.Leaves) {
		end = s.Leaves[i+1].at(0)
	}
	return s.Leaves[i].insert(h, r, end)
}

// Find returns the last leaf that begins at or before a row, or the first.
func (s *Series) find(h *Head, x rowKey) int {
	i := sort.Search(len(s.Leaves), func(i int) bool { return h.compare(s.Leaves[i].at(0), x) > 0 })
	return max(i-1, 0)
}

// findFirst returns the first leaf that ends at or after ts: rows of one time may span leaves.
func (s *Series) findFirst(ts int64) int {
	return sort.Search(len(s.Leaves), func(i int) bool { return s.Leaves[i].last() >= ts })
}

// Window adds the rows in w to dst: whole leaves by their aggregates, at most two by their rows.
func (s *Series) Window(dst *base.Answer, w base.Span, want segment.Want) segment.Read {
	var read segment.Read
	for _, l := range s.Leaves[s.findFirst(w.From):] {
		switch {
		case l.first() >= w.To:
			return read
		case l.first() >= w.From && l.last() < w.To:
			dst.MergeWanted(want, &l.agg)
			if want == segment.WantAll {
				l.sketches.addTo(&dst.Sketches, dst.Scratch, func(d *segment.Sketches) { l.addSketches(d, 0, l.len()) })
			}
		default:
			read.Add(l.edge(dst, w, want))
		}
	}
	return read
}

// edge adds the rows of a leaf that lie in w.
func (l *Leaf) edge(dst *base.Answer, w base.Span, want segment.Want) segment.Read {
	from, _ := slices.BinarySearch(l.times, w.From)
	to, _ := slices.BinarySearch(l.times, w.To)
	dst.AddWanted(want, l.times, l.predicted, l.actual, l.known[:], from, to)
	if want == segment.WantAll {
		l.addSketches(&dst.Sketches, from, to)
	}
	return segment.Read{Rows: uint64(to - from), Bytes: uint64(to-from) * bytesPerEdgeRow}
}

// bytesPerEdgeRow is what a query reads of a row at a window's edge: timestamp, predicted, actual.
const bytesPerEdgeRow = 24

// rowRef names one row of a head.
type rowRef struct {
	head *Head
	leaf *Leaf
	row  int32
}

func (r rowRef) time() int64 { return r.leaf.times[r.row] }
func (r rowRef) id() []byte  { return r.head.id(r.leaf.text[r.row]) }

// LeavesOf lists the leaves of a series in each head, with its fresh rows. The model's lock is held; the leaves of
// frozen heads may be read without it, because edits replace them.
func LeavesOf(heads []*Head, series uint32) [][]*Leaf {
	leaves := make([][]*Leaf, len(heads))
	for i, h := range heads {
		if s := h.Find(series); s != nil {
			leaves[i] = h.flushed(s)
		}
	}
	return leaves
}

// sealRows is the size at which a head becomes a segment ahead of the next checkpoint: 128 leaves, which a query walks
// in about 2 us.
const sealRows = 128 << 10
