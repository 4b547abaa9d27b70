package engine

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/windows"
)

// group is the versions of one model that a survey looks at together.
type group struct {
	of []*query.Total
	// numbers are those of the versions among all, in a list.
	numbers []int
	// at is the moment at which they are looked at, nil for that of the survey.
	at *windows.Layout
	// gone are the places of the versions that are retired for want of rows in any window, of which no more is known, and found those of the
	// others that have rows. A survey writes them.
	gone  []int
	found []seen
}

// judgedMost is about how many versions are judged at once where rows are elsewhere: some 90 MB of what was found of them. What the states of few
// depend on costs the more the oftener it is asked for.
const judgedMost = 8 * query.GatheredMost

// batch puts groups together that are looked at at once.
type batch struct {
	// most is about how many versions there are; 0 for those of one model.
	most   int
	groups []group
	size   int
	do     func(groups []group) error
}

// newBatch returns an empty batch. Where rows are elsewhere, the versions of many models are asked about together.
func (s *survey) newBatch() (b batch) {
	if s.db.queries.Gathers() {
		b.most = judgedMost
	}
	return b
}

// add adds the versions of a model and their numbers, which it does not keep.
func (b *batch) add(numbers []int, of []*query.Total) error {
	if b.most > 0 {
		of, numbers = slices.Clone(of), slices.Clone(numbers)
	}
	return b.addGroup(group{of: of, numbers: numbers})
}

func (b *batch) addGroup(g group) error {
	b.groups = append(b.groups, g)
	if b.size += len(g.of); b.size < b.most {
		return nil
	}
	return b.flush()
}

func (b *batch) flush() error {
	if len(b.groups) == 0 {
		return nil
	}
	groups := b.groups
	b.groups, b.size = b.groups[:0], 0
	return b.do(groups)
}

// groups finds the versions of some models and judges them; with live set, without those that are gone. What is found is valid until the next ones.
func (s *survey) groups(groups []group, live bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	s.found = s.found[:0]
	for rest := groups; len(rest) > 0; {
		n, series := 0, 0
		for ; n < len(rest) && (n == 0 || series < query.GatheredMost); n++ {
			for _, t := range rest[n].of {
				series += t.Len()
			}
		}
		s.lookAt(rest[:n], live)
		rest = rest[n:]
	}
	s.run.Together(func() {
		for i := range groups {
			s.moveTo(&groups[i])
			s.lookBack(groups[i].found)
		}
	})
	var judged error
	s.run.Together(func() {
		for i := range groups {
			s.moveTo(&groups[i])
			if judged = s.judge(groups[i].found); judged != nil {
				return
			}
		}
	})
	return cmp.Or(s.end(), judged)
}

// moveTo has the plan be about the moment of a group.
func (s *survey) moveTo(g *group) {
	if g.at != nil {
		s.plan.Layout = *g.at
	}
}

// lookAt looks at the versions of some models.
func (s *survey) lookAt(groups []group, live bool) {
	begun := s.begun()
	for i := range groups {
		g := &groups[i]
		g.gone = nil
		for place, t := range g.of {
			if live && t.LastTime() < begun {
				g.gone = append(g.gone, place)
			}
		}
	}
	begin := len(s.found)
	s.run.Together(func() {
		s.found = s.found[:begin]
		for i := range groups {
			g, from := &groups[i], len(s.found)
			s.moveTo(g)
			for place, t := range g.of {
				if _, gone := slices.BinarySearch(g.gone, place); gone {
					continue
				}
				if v, ok := s.look(t); ok {
					v.place = place
					s.found = append(s.found, v)
				}
			}
			g.found = s.found[from:len(s.found):len(s.found)]
		}
	})
}

// begun is the earliest time that the history or the recent window of a version may have: who has no rows from then on is retired.
func (s *survey) begun() int64 {
	begun := min(s.plan.History().From, s.plan.Recent.From)
	if s.plan.minActuals > 0 {
		begun = min(begun, s.plan.Earliest(recentLongest))
	}
	return begun
}
