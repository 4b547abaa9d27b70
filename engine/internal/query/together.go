package query

import (
	"iter"
	"slices"
	"sort"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// GatheredMost is about how many series are asked about together that have times of their own: of so many some 50 MB of sums are kept.
const GatheredMost = 8192

// Gathers tells whether what is asked within [Run.Together] is asked of many subjects at once.
func (qs *Queries) Gathers() bool { return qs.elsewhere != nil }

// Together calls do, which asks about subjects one by one, each about times of its own. Where rows are elsewhere, what is not there yet adds
// nothing: it is noted, asked for at once, and do is called again, until it finds all that it asks about. So do must come to the same whenever it
// is called with the same answers, and what it has made counts the last time alone.
func (r *Run) Together(do func()) {
	e := r.queries.elsewhere
	if e == nil {
		do()
		return
	}
	e.gathered = &gathered{strips: make(map[event.Series][]*strip)}
	defer func() { e.gathered = nil }()
	for {
		e.gathered.missed = make(map[event.Series]*missed)
		if do(); r.err != nil || len(e.gathered.missed) == 0 {
			return
		}
		if r.err = e.gathered.fetch(r, e.sums); r.err != nil {
			return
		}
	}
}

// Has tells whether the counts of a total in some spans are there, so that windows that are made of them can be asked about; within
// [Run.Together] they are asked for if they are not.
func (r *Run) Has(t *Total, spans iter.Seq[base.Span]) bool {
	e := r.queries.elsewhere
	if e == nil || e.gathered == nil || e.gathered.tooMany(t.members) {
		return true
	}
	there, counts := true, stripKind{counted: true}
	for _, x := range t.members {
		of := x.named()
		for span := range spans {
			if span = asked(span); !span.Empty() && e.gathered.has(of, span, counts) == nil {
				e.gathered.miss(of, span, counts)
				there = false
			}
		}
	}
	return there
}

// gathered is what was asked for together, series by series.
type gathered struct {
	strips map[event.Series][]*strip
	// missed is what was not there.
	missed map[event.Series]*missed
}

// missed are spans of a series that were asked about and are not there.
type missed struct {
	spans []base.Span
	kind  stripKind
}

// stripKind is how much is known of rows: how many there are and of which times, which of them have an actual, and sums.
type stripKind struct {
	rows, counted bool
	want          segment.Want
}

// kindOf is how much a window asks for.
func kindOf(w *Window, want segment.Want) stripKind {
	if w.Counted {
		return stripKind{rows: w.Rows, counted: true}
	}
	return stripKind{want: want}
}

// covers tells whether what is known is enough for what is asked for.
func (k stripKind) covers(o stripKind) bool {
	return (o.rows || !k.rows) && (o.counted || !k.counted) && k.want >= o.want
}

// and is what is enough for both.
func (k stripKind) and(o stripKind) stripKind {
	return stripKind{k.rows && o.rows, k.counted && o.counted, max(k.want, o.want)}
}

// strip is the cells of one series.
type strip struct {
	stripKind
	bounds []int64
	spans  []base.Span
	// Of cells by number: counts if the strip is counted, answers if it is not, nil of no rows.
	counts  []segment.Counts
	answers []*base.Answer
}

// tooMany tells whether a total has too many series for what is gathered.
func (g *gathered) tooMany(members []member) bool { return len(members) > GatheredMost }

// add adds to the answers of a run what is there of the windows of a model, and notes the rest.
func (g *gathered) add(r *Run, m *catalog.Model) {
	for i := range r.count {
		if r.of[i] == catalog.NoSeries {
			continue
		}
		of, w := m.Series[r.of[i]].Of(m), &r.windows[i]
		kind := kindOf(w, r.Want)
		for span := range w.spans {
			if span = asked(span); span.Empty() {
				continue
			}
			if s := g.has(of, span, kind); s != nil {
				s.add(&r.answers[i], span, r.Want)
			} else {
				g.miss(of, span, kind)
			}
		}
	}
}

// has returns a strip that has a span, nil if there is none.
func (g *gathered) has(of event.Series, span base.Span, kind stripKind) *strip {
	for _, s := range g.strips[of] {
		if s.covers(kind) && isCut(s.bounds, s.spans, span) {
			return s
		}
	}
	return nil
}

func (g *gathered) miss(of event.Series, span base.Span, kind stripKind) {
	x := g.missed[of]
	if x == nil {
		x = &missed{kind: kind}
		g.missed[of] = x
	}
	x.spans, x.kind = append(x.spans, span), x.kind.and(kind)
}

// fetch asks for what was missed.
func (g *gathered) fetch(r *Run, sums Sums) error {
	kinds := make(map[stripKind][]OwnCells)
	for of, x := range g.missed {
		bounds, spans := cut(x.spans)
		kinds[x.kind] = append(kinds[x.kind], OwnCells{Series: of, Bounds: bounds, Spans: spans})
	}
	for kind, own := range kinds {
		slices.SortFunc(own, func(a, b OwnCells) int { return CompareSeries(&a.Series, &b.Series) })
		for some := range slices.Chunk(own, 2*GatheredMost) {
			if err := g.fetchKind(r, sums, kind, some); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gathered) fetchKind(r *Run, sums Sums, kind stripKind, own []OwnCells) error {
	strips := make(map[event.Series]*strip, len(own))
	for i := range own {
		x := &own[i]
		s := &strip{stripKind: kind, bounds: x.Bounds, spans: x.Spans}
		if kind.counted {
			s.counts = make([]segment.Counts, len(x.Bounds))
		} else {
			s.answers = make([]*base.Answer, len(x.Bounds))
		}
		strips[x.Series] = s
		g.strips[x.Series] = append(g.strips[x.Series], s)
	}
	q := Cells{Want: kind.want, Counted: kind.counted, Rows: kind.rows}
	q.Add = func(of event.Series, cell int) *base.Answer {
		s := strips[of]
		if s == nil {
			return nil
		}
		if s.answers[cell] == nil {
			s.answers[cell] = new(base.Answer)
		}
		return s.answers[cell]
	}
	q.Count = func(of event.Series, cell int) *segment.Counts {
		if s := strips[of]; s != nil {
			return &s.counts[cell]
		}
		return nil
	}
	same := !slices.ContainsFunc(own, func(x OwnCells) bool {
		return !slices.Equal(x.Bounds, own[0].Bounds) || !slices.Equal(x.Spans, own[0].Spans)
	})
	if q.Spans = hull(own); same {
		q.Bounds, q.Spans = own[0].Bounds, own[0].Spans
		for i := range own {
			q.Only = append(q.Only, own[i].Series)
		}
	} else {
		q.Own = own
	}
	return sums.Sums(r.ctx, &q)
}

// hull is the time from the first to the last that any series is asked about.
func hull(own []OwnCells) []base.Span {
	whole := own[0].Spans[0]
	for i := range own {
		spans := own[i].Spans
		whole.From, whole.To = min(whole.From, spans[0].From), max(whole.To, spans[len(spans)-1].To)
	}
	return []base.Span{whole}
}

// add adds the cells of a span.
func (s *strip) add(dst *base.Answer, span base.Span, want segment.Want) {
	from, _ := slices.BinarySearch(s.bounds, span.From)
	to, _ := slices.BinarySearch(s.bounds, span.To)
	if s.counted {
		for i := from; i < to; i++ {
			if s.counts[i].Rows > 0 {
				dst.AddCounts(&s.counts[i])
			}
		}
		return
	}
	for _, a := range s.answers[from:to] {
		if a == nil {
			continue
		}
		dst.MergeWanted(want, &a.Aggregate)
		if want == segment.WantAll {
			dst.Sketches.Merge(&a.Sketches)
		}
	}
}

// cut returns the bounds of the cells that spans are made of, and the times that they cover.
func cut(spans []base.Span) (bounds []int64, covered []base.Span) {
	for _, s := range spans {
		bounds = append(bounds, s.From, s.To)
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b base.Span) int { return int(min(max(a.From-b.From, -1), 1)) })
	for _, s := range sorted {
		if last := len(covered) - 1; last >= 0 && s.From <= covered[last].To {
			covered[last].To = max(covered[last].To, s.To)
			continue
		}
		covered = append(covered, s)
	}
	return bounds, covered
}

// isCut tells whether a span is made of cells.
func isCut(bounds []int64, covered []base.Span, s base.Span) bool {
	i := sort.Search(len(covered), func(i int) bool { return covered[i].To >= s.To })
	if i == len(covered) || covered[i].From > s.From {
		return false
	}
	_, from := slices.BinarySearch(bounds, s.From)
	_, to := slices.BinarySearch(bounds, s.To)
	return from && to
}
