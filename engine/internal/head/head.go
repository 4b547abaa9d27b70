package head

import (
	"bytes"
	"slices"
	"sort"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

// Head is the mutable part of one model's month: the rows that came since the last seal. The publisher writes it under the
// model's lock, queries read it under the same. Once it is frozen no row is added: rows change still, or go. What a sealer or
// another reader got of it to be read without the lock stays as it is: see [Head.View].
type Head struct {
	// Epoch is the checkpoint interval the rows belong to. It never changes.
	Epoch uint64

	// Guarded by the model's lock.

	// Series are those that the head has rows of, in the order they came.
	Series []*Series
	// Rows counts the rows.
	Rows int

	rowTexts

	places base.Names[uint32] // of the series, by number
	index  *rowsByID          // nil until a row is looked up by its id
	frozen bool
	// generation counts the views that were made with changes between them; viewed is set while nothing has changed since the
	// last. What is of an earlier generation, a view may have.
	generation uint16
	viewed     bool
	// stale are the leaves to sum anew. There are none while nobody holds the lock for writing.
	stale []*leaf
}

// Series is the head's part of one series: leaves in order, and rows that are in none yet.
type Series struct {
	// Number is the model's number of the series.
	Number     uint32
	stagedRows uint16
	// generation is that of the head since which nobody else has the lists of leaves and staged rows.
	generation uint16
	// last is a time that no row of the series in this month is later than, in the head or in what was sealed before it.
	last   int64
	leaves []*leaf
	staged []stagedRun
}

// New returns an empty head for rows of an epoch, the first few of which are staged.
func New(epoch uint64, staging *Staging) *Head {
	return &Head{Epoch: epoch, rowTexts: rowTexts{staging: staging}}
}

// Freeze ends the adding of rows.
func (h *Head) Freeze() { h.frozen = true }

// Frozen tells whether the head is frozen: a sealer may be reading it.
func (h *Head) Frozen() bool { return h.frozen }

// Release lets go of the rows of a head that is sealed, to which others may still point.
func (h *Head) Release() {
	for _, s := range h.Series {
		s.leaves, s.staged = nil, nil
	}
	h.Series, h.text, h.index, h.staging = nil, texts{}, nil, nil
	h.places.Clear()
}

// rowBytes is what a row takes in a leaf.
const rowBytes = 8 + 8 + 8 + 4

// Bytes estimates the memory held.
func (h *Head) Bytes() int64 { return int64(h.Rows)*rowBytes + h.text.size }

// Waiting counts the rows without an actual.
func (h *Head) Waiting() (n int) {
	for _, s := range h.Series {
		for _, l := range s.leaves {
			n += int(l.agg.Rows - l.agg.Actuals)
		}
		for _, r := range s.staged {
			rows := h.staging.run(r)
			for i := range rows {
				if !rows[i].known() {
					n++
				}
			}
		}
	}
	return n
}

// Full tells whether the head is as large as a segment, or will soon have no numbers for its texts.
func (h *Head) Full() bool { return h.Rows >= sealRows || len(h.text.chunks) >= chunksMax/2 }

// LastTime returns a time that no row of a series is later than, in the head or in what was sealed before it; ok is false if
// the head has none of its rows.
func (h *Head) LastTime(series uint32) (ts int64, ok bool) {
	s := h.Find(series)
	if s == nil {
		return 0, false
	}
	return s.last, true
}

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
	s := &Series{Number: series, last: last, generation: h.generation}
	h.Series = append(h.Series, s)
	return s
}

// Add puts the rows [from, to) of o into a series of the head, and returns about what they take of memory, without texts that
// are shared. Few of them stay staged until they are many.
func (h *Head) Add(s *Series, o *Batch, from, to int) (bytes int64) {
	if h.index != nil {
		for i := from; i < to; i++ {
			h.index.add(o.ID(i), s.Number, o.Times[i])
		}
	}
	h.own(s)
	h.Rows += to - from
	s.last = max(s.last, o.Times[to-1])
	bytes = int64(to-from) * rowBytes
	if to-from <= stagedRunMax && o.lags == nil {
		s.staged = h.staging.add(s.staged, o, from, to)
		if s.stagedRows += uint16(to - from); s.stagedRows >= stagedMax {
			h.flush(s)
		}
		return bytes + textBytes(o.texts, from, to)
	}
	h.flush(s) // copies of a row stay in the order they came
	h.text.own(h.generation)
	o.text = h.text.add(o.text[:0], o.texts, from, to)
	s.add(h, o.run(from, to, o.text))
	if !o.texts.shared {
		bytes += textBytes(o.texts, from, to)
	}
	return bytes
}

// flush moves the staged rows of a series to its leaves.
func (h *Head) flush(s *Series) {
	if len(s.staged) == 0 {
		return
	}
	h.own(s)
	var c stagedColumns
	s.add(h, h.staging.columns(&c, s.staged))
	s.staged, s.stagedRows = s.staged[:0], 0
}

// flushed returns the leaves of a series as they would be with its staged rows in them, and leaves those that it has as
// they are.
func (h *Head) flushed(s *Series) []*leaf {
	if len(s.staged) == 0 {
		return s.leaves
	}
	copied := Series{generation: h.generation}
	from, to := h.staging.bounds(s.staged)
	for i, l := range s.leaves {
		behind, before := i < len(s.leaves)-1 && s.leaves[i+1].first() < from, i > 0 && l.first() > to
		if i == len(s.leaves)-1 || !behind && !before {
			l = l.clone(h.generation) // rows go there
		}
		copied.leaves = append(copied.leaves, l)
	}
	var c stagedColumns
	copied.add(h, h.staging.columns(&c, s.staged))
	return copied.leaves
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

// First returns the earliest time of a series; ok is false if none of its rows is left.
func (h *Head) First(s *Series) (ts int64, ok bool) {
	ts, _ = h.staging.bounds(s.staged)
	if len(s.leaves) > 0 {
		ts = min(ts, s.leaves[0].first())
	}
	return ts, len(s.leaves)+len(s.staged) > 0
}

// add puts the rows of r, a run of h, into the series.
func (s *Series) add(h *Head, r run) {
	for len(r.times) > 0 {
		var n int
		if last := len(s.leaves) - 1; last < 0 || h.compare(r.at(0), s.leaves[last].lastKey()) >= 0 {
			n = s.extend(h, r)
		} else {
			n = s.insert(h, r)
		}
		r = r.slice(n, len(r.times))
	}
}

// extend appends rows of r, which come after all of the series, as far as they fit the last leaf. It returns how many.
func (s *Series) extend(h *Head, r run) int {
	switch last := len(s.leaves) - 1; {
	case last < 0:
		s.leaves = append(s.leaves, &leaf{generation: h.generation}) // grows with its rows: most series of many are short
	case s.leaves[last].len() >= leafFill:
		s.leaves = append(s.leaves, newLeaf(h.generation))
	}
	l := h.extendable(s, len(s.leaves)-1)
	if rows := l.len() + len(r.times); rows > wideRows && cap(l.times) < min(rows, leafFill) {
		l.widen()
	}
	return l.extend(r)
}

// insert puts the first rows of r where they belong, before the series' last row: as many as belong in one leaf and
// fit. It returns how many.
func (s *Series) insert(h *Head, r run) int {
	i := s.find(h, r.at(0))
	if s.leaves[i].len() == leafRows {
		s.leaves = slices.Insert(s.leaves, i+1, h.writable(s, i).split())
		if h.compare(r.at(0), s.leaves[i+1].at(0)) >= 0 {
			i++
		}
	}
	end := s.leaves[i].lastKey()
	if i+1 < len(s.leaves) {
		end = s.leaves[i+1].at(0)
	}
	return h.writable(s, i).insert(h, r, end)
}

// find returns the last leaf that begins at or before a row, or the first.
func (s *Series) find(h *Head, x rowKey) int {
	i := sort.Search(len(s.leaves), func(i int) bool { return h.compare(s.leaves[i].at(0), x) > 0 })
	return max(i-1, 0)
}

// findFirst returns the first leaf that ends at or after ts: rows of one time may span leaves.
func findFirst(leaves []*leaf, ts int64) int {
	return sort.Search(len(leaves), func(i int) bool { return leaves[i].last() >= ts })
}

// Window adds the rows of a series that lie in w to dst: whole leaves by their aggregates, at most two by their rows, and those
// that are staged.
func (h *Head) Window(dst *base.Answer, series uint32, w base.Span, want segment.Want) (read segment.Read) {
	s := h.Find(series)
	if s == nil {
		return read
	}
	return window(dst, h.staging, s.leaves, s.staged, w, want)
}

// window adds the rows of leaves and staged runs of a series that lie in w to dst.
func window(dst *base.Answer, st *Staging, leaves []*leaf, staged []stagedRun, w base.Span, want segment.Want) (read segment.Read) {
	if len(staged) > 0 {
		read = st.window(dst, staged, w, want)
	}
	for _, l := range leaves[findFirst(leaves, w.From):] {
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
func (l *leaf) edge(dst *base.Answer, w base.Span, want segment.Want) segment.Read {
	from, _ := slices.BinarySearch(l.times, w.From)
	to, _ := slices.BinarySearch(l.times, w.To)
	dst.AddColumns(want, l.numbers(), from, to)
	if want == segment.WantAll {
		l.addSketches(&dst.Sketches, from, to)
	}
	return segment.Read{Rows: uint64(to - from), Bytes: uint64(to-from) * bytesPerEdgeRow}
}

// bytesPerEdgeRow is what a query reads of a row at a window's edge: timestamp, predicted, actual.
const bytesPerEdgeRow = 24

// sealRows is the size at which a head becomes a segment ahead of the next checkpoint: 128 leaves, which a query walks
// in about 2 us.
const sealRows = 128 << 10
