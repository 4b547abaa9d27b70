package rows

import (
	"fmt"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/segment"
)

// resolveLatest drops the series that latest may mean and does not; see package catalog for the rule.
func (s *snapshot) resolveLatest() error {
	if !slices.ContainsFunc(s.series, func(x seriesView) bool { return x.latest }) {
		return nil
	}
	l := latest{snapshot: s}
	series := make([]seriesView, 0, len(s.series))
	for i := range s.models {
		m := &s.models[i]
		picked, err := l.pick(m)
		if err != nil {
			return fmt.Errorf("model %q: %w", m.name, err)
		}
		from := uint32(len(series))
		series = append(series, picked...)
		m.series = places{from, uint32(len(series))}
	}
	s.series = series
	return nil
}

// latest finds what latest means in a snapshot.
type latest struct {
	*snapshot
	answer  base.Answer
	scratch segment.Scratch
}

// pick returns the series of a model that the query names, and of each environment the one that latest means, in the order of names.
func (l *latest) pick(m *modelView) (picked []seriesView, err error) {
	own := l.series[m.series.from:m.series.to]
	candidates := make(map[string][]*seriesView)
	for i := range own {
		x := &own[i]
		if x.latest {
			candidates[x.Environment] = append(candidates[x.Environment], x)
		}
	}
	for _, of := range candidates {
		slices.SortFunc(of, func(a, b *seriesView) int {
			if catalog.NewerVersion(a.Version, a.first, b.Version, b.first) {
				return -1
			}
			return 1
		})
		found, err := catalog.PickLatest(of[0].Version, len(of), func(i int) (*base.Answer, error) { return l.count(m, of[i]) })
		if err != nil {
			return nil, err
		}
		of[found].named = true
	}
	for i := range own {
		if own[i].named {
			picked = append(picked, own[i])
		}
	}
	return picked, nil
}

// count returns what the window has of a series; the next call has it in the same place.
func (l *latest) count(m *modelView, x *seriesView) (*base.Answer, error) {
	l.answer.Reset()
	for i := range l.sources[m.sources.from:m.sources.to] {
		src := &l.sources[int(m.sources.from)+i]
		if src.head != nil {
			if of := src.head.Find(x.number); of != nil {
				l.read.Add(src.head.Window(&l.answer, of, l.query.Span, segment.WantErrors))
			}
			continue
		}
		of := src.sealed.Find(x.number)
		if of == nil || !l.overlaps(of) {
			continue
		}
		seg, err := src.open(&l.scratch)
		if err != nil {
			return nil, err
		}
		w := segment.Window{Series: int(of.Index), From: l.query.From, To: l.query.To, Want: segment.WantErrors}
		read, err := seg.AddWindow(&l.answer.Aggregate, nil, w, &l.scratch)
		if err != nil {
			return nil, base.SegmentError(err)
		}
		l.read.Add(read)
	}
	return &l.answer, nil
}
