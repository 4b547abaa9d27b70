package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
)

// subjects are what a query is about, before anything is added up: series, or groups of them.
type subjects struct {
	// series are those of a query across nothing, groups those of another one.
	series []member
	groups []*Total
}

// Find lists what q is about, in the order of names. Some of the subjects may have no rows: only a scan of each tells.
func (qs *Queries) Find(ctx context.Context, q *Scan) (s subjects, read base.Read, err error) {
	if q.Across != 0 {
		groups, read, err := qs.groups(ctx, q)
		for _, t := range groups {
			s.groups = append(s.groups, t)
		}
		slices.SortFunc(s.groups, func(a, b *Total) int { return CompareSeries(&a.Series, &b.Series) })
		return s, read, err
	}
	read, err = qs.visit(ctx, q, func(m *catalog.Model, n uint32, _ *Scratch) (base.Read, error) {
		if m.Series[n].First < q.Asked[0].To {
			s.series = append(s.series, member{m, n})
		}
		return base.Read{}, nil
	})
	slices.SortFunc(s.series, compareMembers)
	return s, read, err
}

// compareMembers orders by name.
func compareMembers(a, b member) int {
	if a.Model != b.Model {
		return cmp.Compare(a.Model.Name, b.Model.Name)
	}
	x, y := a.named(), b.named()
	return CompareSeries(&x, &y)
}

// named is the member's series.
func (x member) named() event.Series {
	x.Model.Mu.RLock()
	defer x.Model.Mu.RUnlock()
	return x.Model.Series[x.series].Of(x.Model)
}

func (s *subjects) Len() int { return len(s.series) + len(s.groups) }

// At returns the total of a subject.
func (s *subjects) At(i int) *Total {
	if s.groups != nil {
		return s.groups[i]
	}
	x := s.series[i]
	x.Model.Mu.RLock()
	defer x.Model.Mu.RUnlock()
	return &Total{Subject: SubjectOf(x.Model, x.series), Members: s.series[i : i+1]}
}

func CompareSeries(a, b *event.Series) int {
	return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Environment, b.Environment))
}
