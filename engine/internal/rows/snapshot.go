package rows

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// snapshot is what the store has in one moment of the series of a query, in the months of its window: heads, segments and the edits
// over them, which do not change any more. Nobody else's lock is held while it is read.
type snapshot struct {
	env   *Env
	query *Query
	// selection is that of the query, as it is of the models that there are.
	selection query.Selection
	pin       *store.Pin

	scratch []uint32

	// models are in the order of their names. Each has the series and sources behind those of the one before.
	models []modelView
	// series are, of each model, in the order of their names.
	series []seriesView
	// sources are, of each model, month by month, and in a month from the oldest to the newest.
	sources []source

	read segment.Read
}

type modelView struct {
	name string
	// series and sources are its ranges of those of the snapshot.
	series, sources places
}

// places are a range of them.
type places struct{ from, to uint32 }

type seriesView struct {
	event.Series
	number uint32
	// named is set for a series that the query names, latest for one that latest may mean.
	named, latest bool
	first         int64 // time of its first prediction
}

// source is what has rows of a model and month: a segment or a head.
type source struct {
	sealed *catalog.Segment
	// opened is the segment with its edits; nil for a small one without any, which is opened to be read.
	opened *segment.Segment
	head   *head.View
}

// snapshot returns the rows of a query as they are. It is to be released whatever the error is.
func (env *Env) snapshot(ctx context.Context, q *Query) (*snapshot, error) {
	s := &snapshot{env: env, query: q, pin: env.NewPin()}
	if err := env.Queries.Begin(); err != nil {
		return s, err
	}
	defer env.Queries.End()
	s.selection = env.Queries.Fixed(q.Selection)
	var moment *catalog.Moment
	err := env.Between(ctx, func() { moment = env.Moments.Begin(s.see) })
	if err != nil {
		return s, fmt.Errorf("read rows: %w", err)
	}
	defer moment.End()
	err = env.Queries.EachModel(ctx, &s.selection, func(m *catalog.Model) bool {
		moment.Look(m)
		return true
	})
	if err != nil {
		return s, err
	}
	moment.End()
	s.order()
	return s, s.resolveLatest()
}

// release lets go of the files that the snapshot needs.
func (s *snapshot) release() { s.pin.Release() }

// see adds a model, which is locked, if the query is about it. Whoever is about to change it waits for that: no row is looked at.
func (s *snapshot) see(m *catalog.Model) {
	if !s.selection.HasModel(m.Name) {
		return
	}
	numbers := s.scratch[:0]
	defer func() { s.scratch = numbers }()
	v := modelView{name: m.Name, series: places{from: uint32(len(s.series))}, sources: places{from: uint32(len(s.sources))}}
	see := func(n uint32, named, latest bool) {
		x := &m.Series[n]
		s.series = append(s.series, seriesView{Series: x.Of(m), number: n, named: named, latest: latest, first: x.First})
	}
	sel := s.selection.In(m)
	numbers = sel.AppendSeries(numbers, m)
	for _, n := range numbers {
		see(n, true, false)
	}
	sel.EachLatest(m, func(environment string) bool {
		for i := range m.Series {
			x := &m.Series[i]
			if x.Environment != environment || x.First >= s.query.To {
				continue
			}
			if at, ok := slices.BinarySearch(numbers, uint32(i)); ok {
				s.series[int(v.series.from)+at].latest = true
			} else {
				see(uint32(i), false, true)
			}
		}
		return true
	})
	numbers = numbers[:0]
	for _, x := range s.series[v.series.from:] {
		numbers = append(numbers, x.number)
	}
	slices.Sort(numbers)
	for _, mo := range m.Months {
		if mo.Overlaps(s.query.Span) {
			s.addMonth(mo, numbers)
		}
	}
	v.series.to, v.sources.to = uint32(len(s.series)), uint32(len(s.sources))
	if v.sources.from < v.sources.to {
		s.models = append(s.models, v)
	} else {
		s.series = s.series[:v.series.from]
	}
}

func (s *snapshot) addMonth(mo *catalog.Month, numbers []uint32) {
	for _, sg := range mo.Segments {
		if !s.mayHave(sg, numbers) {
			continue
		}
		if !sg.Source.Small() {
			s.pin.Hold(sg.Source)
		}
		src := source{sealed: sg}
		if sg.Opened != nil {
			src.opened = sg.Opened.Snapshot()
		}
		s.sources = append(s.sources, src)
	}
	for h := range mo.Heads {
		if v := h.View(numbers); len(v.Series) > 0 {
			s.sources = append(s.sources, source{head: &v})
		}
	}
}

// mayHave tells whether a segment may have rows of the query, of the series with these numbers.
func (s *snapshot) mayHave(sg *catalog.Segment, numbers []uint32) bool {
	if len(numbers) < len(sg.Series) {
		return slices.ContainsFunc(numbers, func(n uint32) bool { x := sg.Find(n); return x != nil && s.overlaps(x) })
	}
	for i := range sg.Series {
		x := &sg.Series[i]
		if _, ok := slices.BinarySearch(numbers, x.Number()); ok && s.overlaps(x) {
			return true
		}
	}
	return false
}

func (s *snapshot) overlaps(x *catalog.SegmentSeries) bool {
	return x.Stored.MinTime < s.query.To && x.Stored.MaxTime >= s.query.From
}

// order puts models, their series and those of their heads in order.
func (s *snapshot) order() {
	slices.SortFunc(s.models, func(a, b modelView) int { return cmp.Compare(a.name, b.name) })
	series := make([]seriesView, 0, len(s.series))
	for i := range s.models {
		m := &s.models[i]
		own := s.series[m.series.from:m.series.to]
		slices.SortFunc(own, func(a, b seriesView) int { return query.CompareSeries(&a.Series, &b.Series) })
		m.series.from = uint32(len(series))
		series = append(series, own...)
		m.series.to = uint32(len(series))
	}
	s.series = series
	for i := range s.sources {
		if h := s.sources[i].head; h != nil {
			h.Sort()
		}
	}
}

// open returns the segment of a source that is none of a head. It may live in sc.
func (src *source) open(sc *segment.Scratch) (*segment.Segment, error) {
	if src.opened != nil {
		return src.opened, nil
	}
	seg, err := segment.OpenIn(sc, src.sealed.Source, src.sealed.Source.Size)
	return seg, base.SegmentError(err)
}
