package query

import (
	"context"
	"slices"
	"sort"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// Sums adds up rows that are kept elsewhere.
type Sums interface {
	// Sums adds to the cells of q what rows add up to.
	Sums(ctx context.Context, q *Cells) error
}

// Cells asks for what the rows of each series add up to in each of some cells of time.
type Cells struct {
	// Bounds are ascending: cell i is from Bounds[i] on, and before Bounds[i+1].
	Bounds []int64
	// Spans are the times that are asked about, in order: each is made of cells, and no two of them touch.
	Spans []base.Span
	Want  segment.Want
	// Only are the series that are asked about. Nil: all that there are.
	Only []event.Series
	// Own, unless it is nil, are the series that are asked about, each with cells of its own: Bounds and Only are nil then, and Spans have
	// whatever time one of them is asked about.
	Own []OwnCells
	// Add returns the answer of a cell, to be added to. A series that is not asked about has none: nil.
	Add func(of event.Series, cell int) *base.Answer
	// Counted is set where counts and times are all that is asked for, and Rows where none of the rows need be said to have an actual. They are
	// added to what Count returns then, which is as Add.
	Counted, Rows bool
	Count         func(of event.Series, cell int) *segment.Counts
}

// OwnCells are the cells of one series, as those of [Cells].
type OwnCells struct {
	event.Series
	Bounds []int64
	Spans  []base.Span
}

// Cells returns the cells that a run of the plan asks for first, without what adds to them; nil where nothing is in its windows.
func (p *Plan) Cells() *Cells {
	spans := p.askedSpans()
	if len(spans) == 0 {
		return nil
	}
	g := newGrid(p.Want, spans)
	return &Cells{Bounds: g.bounds, Spans: g.spans, Want: g.want}
}

// askedSpans are the spans of all windows as they are asked about.
func (p *Plan) askedSpans() (spans []base.Span) {
	for i := range p.count {
		for span := range p.windows[i].spans {
			if span = asked(span); !span.Empty() {
				spans = append(spans, span)
			}
		}
	}
	return spans
}

// Elsewhere is rows that are kept elsewhere, in the place of those of models: their sums are asked for when a run needs them, of all
// series at once where it asks the same about each. It is of one question, and for one goroutine at a time.
type Elsewhere struct {
	sums Sums
	// models have series and no rows.
	models *xsync.MapOf[string, *catalog.Model]
	series int
	grids  []*grid
	// gathered is what a run asks for together, nil while none does.
	gathered *gathered
}

// grid is the answers to one [Cells].
type grid struct {
	bounds []int64
	spans  []base.Span
	want   segment.Want
	// only is nil for all series.
	only  map[event.Series]bool
	cells map[event.Series][]cell
	// found are the answers while they are added to.
	found map[cellOf]*base.Answer
}

// cellOf is a cell of a series.
type cellOf struct {
	series event.Series
	number int
}

// cell is the answer of a cell by its number. Those of a series are in order.
type cell struct {
	number int
	answer *base.Answer
}

const (
	// earliestMilli and latestMilli bound what is asked elsewhere: the years from 1970 to 2286.
	earliestMilli, latestMilli = 0, 9_999_999_999_999
	// cellsMax is how many cells are asked for at once, and of how many those of some series are kept.
	cellsMax = 20_000
	// gridsOfSome is how many grids of some series are kept.
	gridsOfSome = 4
)

// InitElsewhere readies queries for models whose rows are elsewhere.
func (qs *Queries) InitElsewhere(models *xsync.MapOf[string, *catalog.Model], sums Sums) {
	nothing := func() {}
	qs.Init(models, func() error { return nil }, nothing)
	qs.elsewhere = &Elsewhere{sums: sums, models: models}
	models.Range(func(_ string, m *catalog.Model) bool {
		qs.elsewhere.series += len(m.Series)
		return true
	})
}

// add adds to each answer of a run the rows of its window, of the series r.of of a model.
func (e *Elsewhere) add(r *Run, m *catalog.Model) error {
	if e.gathered != nil && !r.wide {
		e.gathered.add(r, m)
		return nil
	}
	names := make([]event.Series, r.count)
	for i, n := range r.of[:r.count] {
		if n != catalog.NoSeries {
			names[i] = m.Series[n].Of(m)
		}
	}
	g, err := e.grid(r, r.askedSpans(), names)
	if err != nil {
		return err
	}
	for i := range r.count {
		if r.of[i] == catalog.NoSeries {
			continue
		}
		for span := range r.windows[i].spans {
			g.add(&r.answers[i], names[i], asked(span), r.Want)
		}
	}
	return nil
}

// expect asks at once for spans that a run is about to ask for, of a subject whose series are these.
func (e *Elsewhere) expect(r *Run, spans []base.Span, members []member) error {
	if e.gathered != nil && !e.gathered.tooMany(members) {
		return nil
	}
	r.alone = r.alone || e.series*len(spans) > cellsMax
	_, err := e.grid(r, allAsked(spans), appendNames(nil, members))
	return err
}

// expectMany asks at once for spans of all series or, if these have too many cells, of the subject i and as many behind it as have not.
func (e *Elsewhere) expectMany(r *Run, spans []base.Span, of *Subjects, i int) error {
	all := allAsked(spans)
	most := cellsMax / max(len(all), 1)
	if len(of.At(i).members) > most {
		return nil
	}
	r.alone = e.series > most
	var names []event.Series
	for ; i < of.Len(); i++ {
		members := of.At(i).members
		if len(names)+len(members) > most {
			break
		}
		names = appendNames(names, members)
		if len(names) == len(members) && e.has(r.Want, all, names) != nil {
			return nil
		}
	}
	_, err := e.grid(r, all, names)
	return err
}

// expectMembers asks at once for what a run is about to ask for, of the first of some members that are more than are asked about together, and
// returns of how many: of all of a model, or none.
func (e *Elsewhere) expectMembers(r *Run, members []member) (n int, err error) {
	n = min(len(members), GatheredMost)
	for n < len(members) && members[n].model == members[n-1].model {
		n++
	}
	_, err = e.grid(r, r.askedSpans(), appendNames(nil, members[:n]))
	return n, err
}

func appendNames(dst []event.Series, members []member) []event.Series {
	dst = slices.Grow(dst, len(members))
	for _, x := range members {
		dst = append(dst, x.named())
	}
	return dst
}

// asked is a span as it is asked about.
func asked(s base.Span) base.Span {
	return base.Span{From: max(s.From, earliestMilli), To: min(s.To, latestMilli)}
}

// allAsked are spans as they are asked about, without those in which nothing can be.
func allAsked(spans []base.Span) []base.Span {
	all := make([]base.Span, 0, len(spans))
	for _, span := range spans {
		if span = asked(span); !span.Empty() {
			all = append(all, span)
		}
	}
	return all
}

// grid returns one that has the spans for the series, nil where there are no spans.
func (e *Elsewhere) grid(r *Run, spans []base.Span, names []event.Series) (*grid, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	if g := e.has(r.Want, spans, names); g != nil {
		return g, nil
	}
	g := newGrid(r.Want, spans)
	q := Cells{Bounds: g.bounds, Spans: g.spans, Want: g.want, Add: g.at}
	if r.alone {
		g.only = make(map[event.Series]bool)
		for _, name := range names {
			if name != (event.Series{}) && !g.only[name] {
				g.only[name] = true
				q.Only = append(q.Only, name)
			}
		}
		if len(q.Only) == 0 {
			return g, nil
		}
		e.forget(g.size())
	}
	if err := e.sums.Sums(r.ctx, &q); err != nil {
		return nil, err
	}
	g.found = nil
	for _, of := range g.cells {
		slices.SortFunc(of, func(a, b cell) int { return a.number - b.number })
	}
	e.grids = append(e.grids, g)
	return g, nil
}

// has returns a grid that has the spans for the series, nil where there is none yet.
func (e *Elsewhere) has(want segment.Want, spans []base.Span, names []event.Series) *grid {
	for _, g := range slices.Backward(e.grids) {
		if g.answers(want, spans, names) {
			return g
		}
	}
	return nil
}

// size is how many cells a grid of some series has at most.
func (g *grid) size() int { return len(g.only) * len(g.bounds) }

// forget leaves no more grids of some series than are kept beside another one, which has so many cells.
func (e *Elsewhere) forget(cells int) {
	some := 1
	for i, g := range slices.Backward(e.grids) {
		if g.only == nil {
			continue
		}
		if some++; some > gridsOfSome || cells+g.size() > cellsMax {
			e.grids = slices.Delete(e.grids, i, i+1)
			continue
		}
		cells += g.size()
	}
}

// newGrid returns the grid whose cells the spans are made of.
func newGrid(want segment.Want, spans []base.Span) *grid {
	g := &grid{want: want, cells: make(map[event.Series][]cell), found: make(map[cellOf]*base.Answer)}
	g.bounds, g.spans = cut(spans)
	return g
}

// at returns the answer of a cell of a series.
func (g *grid) at(of event.Series, number int) *base.Answer {
	if g.only != nil && !g.only[of] {
		return nil
	}
	if a := g.found[cellOf{of, number}]; a != nil {
		return a
	}
	a := new(base.Answer)
	g.found[cellOf{of, number}] = a
	g.cells[of] = append(g.cells[of], cell{number, a})
	return a
}

// answers tells whether the grid has all of the spans for the series.
func (g *grid) answers(want segment.Want, spans []base.Span, names []event.Series) bool {
	if want > g.want {
		return false
	}
	if g.only != nil && slices.ContainsFunc(names, func(name event.Series) bool { return name != (event.Series{}) && !g.only[name] }) {
		return false
	}
	return !slices.ContainsFunc(spans, func(s base.Span) bool { return !isCut(g.bounds, g.spans, s) })
}

// add adds the cells of a span.
func (g *grid) add(dst *base.Answer, of event.Series, s base.Span, want segment.Want) {
	if g == nil || s.Empty() {
		return
	}
	from, _ := slices.BinarySearch(g.bounds, s.From)
	to, _ := slices.BinarySearch(g.bounds, s.To)
	cells := g.cells[of]
	i := sort.Search(len(cells), func(i int) bool { return cells[i].number >= from })
	for ; i < len(cells) && cells[i].number < to; i++ {
		dst.MergeWanted(want, &cells[i].answer.Aggregate)
		if want == segment.WantAll {
			dst.Sketches.Merge(&cells[i].answer.Sketches)
		}
	}
}
