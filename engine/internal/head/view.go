package head

import (
	"cmp"
	"math"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

// View is what a head has of some series in one moment. It is read without the model's lock, by any number of goroutines: rows that
// come later go behind those that it sees, and what changes does so in a copy.
type View struct {
	rowTexts

	// Series are those asked for that the head has rows of.
	Series []SeriesView
}

// SeriesView is what a head has of a series.
type SeriesView struct {
	// Number is the model's number of the series.
	Number uint32

	leaves []*leaf
	staged []stagedRun
}

// generationMax is the last number of a generation. From then on views may have everything.
const generationMax = math.MaxUint16

// View returns what the head has of some series of the model, the numbers of which are in order. It costs the lists of the series
// that are asked for, and copies no row. The model's lock is held for writing.
func (h *Head) View(series []uint32) View {
	v := View{rowTexts: h.rowTexts}
	h.viewed = true
	add := func(s *Series) {
		if v.Series == nil {
			v.Series = make([]SeriesView, 0, min(len(series), len(h.Series)))
		}
		v.Series = append(v.Series, SeriesView{Number: s.Number, leaves: s.leaves, staged: s.staged})
	}
	if len(series) <= len(h.Series) {
		for _, n := range series {
			if s := h.Find(n); s != nil {
				add(s)
			}
		}
		return v
	}
	for _, s := range h.Series {
		if _, ok := slices.BinarySearch(series, s.Number); ok {
			add(s)
		}
	}
	return v
}

// own makes the lists of a series, which are about to change, those of the head alone. Whoever changes something of it begins so.
func (h *Head) own(s *Series) {
	if h.viewed {
		h.generation, h.viewed = min(h.generation, generationMax-1)+1, false
	}
	if s.generation != h.generation || h.generation == generationMax {
		s.leaves, s.staged, s.generation = slices.Clone(s.leaves), slices.Clone(s.staged), h.generation
	}
}

// owns tells whether the leaf is the head's alone, so that it may be changed where it is. A stale leaf is: it is stale only while
// the model's lock is held for writing, and views are made under that lock.
func (h *Head) owns(l *leaf) bool {
	return l.generation == h.generation && h.generation < generationMax || l.stale
}

// extendable returns leaf i of a series, whose lists the head owns, to be extended.
func (h *Head) extendable(s *Series, i int) *leaf {
	l := s.leaves[i]
	if !h.owns(l) {
		l = l.share(h.generation)
		s.leaves[i] = l
	}
	return l
}

// writable returns leaf i of a series, whose lists the head owns, to be changed.
func (h *Head) writable(s *Series, i int) *leaf {
	l := s.leaves[i]
	if l.shared || !h.owns(l) {
		l = l.clone(h.generation)
		s.leaves[i] = l
	}
	return l
}

// share returns a leaf with the same arrays, which grow behind the rows that others see of them.
func (l *leaf) share(generation uint16) *leaf {
	return &leaf{
		times: l.times, predicted: l.predicted, actual: l.actual, known: l.known, lags: l.lags, text: l.text,
		agg: l.agg, shared: true, generation: generation,
	}
}

// clone returns a leaf with the same rows.
func (l *leaf) clone(generation uint16) *leaf {
	return &leaf{
		times: slices.Clone(l.times), predicted: slices.Clone(l.predicted), actual: slices.Clone(l.actual), known: l.known,
		lags: slices.Clone(l.lags), text: slices.Clone(l.text), agg: l.agg, generation: generation,
	}
}

// Leaves returns the number of leaves of a series.
func (s *SeriesView) Leaves() int { return len(s.leaves) }

// Aggregate returns that of a leaf, not to be changed.
func (s *SeriesView) Aggregate(leaf int) *segment.Aggregate { return &s.leaves[leaf].agg }

// Staged returns how many rows are staged.
func (s *SeriesView) Staged() (rows int) {
	for _, r := range s.staged {
		rows += int(r.n)
	}
	return rows
}

// Part is a part of a leaf.
type Part struct{ Leaf, Part, Parts int }

// partBytes is about how much of ids and features a part of a leaf has.
const partBytes = 1 << 20

// Parts returns in how many parts a leaf is to be read by who holds but partBytes of texts at a time. It looks at some of its rows.
func (v *View) Parts(s *SeriesView, leaf int) int {
	text, samples, bytes := s.leaves[leaf].text, 0, 0
	for i := 0; i < len(text); i += 1 + len(text)/16 {
		bytes += len(v.id(text[i])) + len(v.features(text[i]))
		samples++
	}
	return min(1+bytes/samples*len(text)/partBytes, len(text), PartsMax)
}

// PartsMax is the most parts that a leaf has.
const PartsMax = 64

// AppendLeaf adds the rows of a part of a leaf to dst: their numbers, and of ids and features those asked for.
func (v *View) AppendLeaf(dst *segment.Columns, s *SeriesView, of Part, cols segment.ColumnSet) {
	l := s.leaves[of.Leaf]
	from, to := l.len()*of.Part/of.Parts, l.len()*(of.Part+1)/of.Parts
	dst.AppendColumns(l.numbers(), from, to)
	v.appendWanted(dst, l.text[from:to], cols)
}

// AppendStaged adds the rows of a series that are staged, in the order of time and id.
func (v *View) AppendStaged(dst *segment.Columns, s *SeriesView, cols segment.ColumnSet) {
	var c stagedColumns
	r := v.staging.columns(&c, s.staged)
	for i, known := range r.known {
		if known {
			c.bits[i/64] |= 1 << (i % 64)
		}
	}
	n := segment.NumberColumns{Times: r.times, Predicted: r.predicted, Actual: r.actual, Known: c.bits[:]}
	dst.AppendColumns(&n, 0, c.n)
	v.appendWanted(dst, r.text, cols)
}

func (v *View) appendWanted(dst *segment.Columns, rows []uint32, cols segment.ColumnSet) {
	ids, features := &dst.IDs, &dst.Features
	if cols&segment.IDs == 0 {
		ids = nil
	}
	if cols&segment.Features == 0 {
		features = nil
	}
	if ids != nil || features != nil {
		v.appendTexts(ids, features, rows)
	}
}

// Window adds the rows of a series that lie in w to dst, as [Head.Window] does.
func (v *View) Window(dst *base.Answer, s *SeriesView, w base.Span, want segment.Want) segment.Read {
	return window(dst, v.staging, s.leaves, s.staged, w, want)
}

// Sort puts the series in the order of their numbers, for [View.Find].
func (v *View) Sort() {
	slices.SortFunc(v.Series, func(a, b SeriesView) int { return cmp.Compare(a.Number, b.Number) })
}

// Find returns what the view has of a series, nil if it has nothing. The series are sorted.
func (v *View) Find(number uint32) *SeriesView {
	i, ok := slices.BinarySearchFunc(v.Series, number, func(s SeriesView, n uint32) int { return cmp.Compare(s.Number, n) })
	if !ok {
		return nil
	}
	return &v.Series[i]
}

// StagedTimes returns the earliest and the latest time of the rows of a series that are staged.
func (v *View) StagedTimes(s *SeriesView) (first, last int64) { return v.staging.bounds(s.staged) }
