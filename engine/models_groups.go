package engine

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/engine/internal/query"
)

// group is the versions of one model that a survey looks at together.
type group struct {
	of []*query.Total
	// numbers are those of the versions among all, in a list.
	numbers []int
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

// batchOf returns the batch that the models of a list are looked at in. Where rows are elsewhere, many of them are asked about together; those of a
// few models are worth getting.
func (s *survey) batchOf(of *query.Subjects) (b batch) {
	const few = 2
	models := 0
	for i := 0; i < of.Len() && models <= few; i++ {
		if i == 0 || of.At(i-1).Model != of.At(i).Model {
			models++
		}
	}
	if s.db.queries.Gathers() && models > few {
		s.query.Recall, b.most = 0, judgedMost
	}
	return b
}

// add adds a model, whose versions and numbers it does not keep.
func (b *batch) add(numbers []int, of []*query.Total) error {
	if b.most > 0 {
		of, numbers = slices.Clone(of), slices.Clone(numbers)
	}
	b.groups = append(b.groups, group{of: of, numbers: numbers})
	if b.size += len(of); b.size < b.most {
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

// group judges the versions of a model, and hands on those that have rows with their place among all.
func (s *survey) group(of []*query.Total, do func(i int, v *seen)) error {
	groups := []group{{of: of}}
	err := s.groups(groups, false)
	if err == nil {
		for i := range groups[0].found {
			v := &groups[0].found[i]
			do(v.place, v)
		}
	}
	return err
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
			s.lookBack(groups[i].found)
		}
	})
	var judged error
	s.run.Together(func() {
		for i := range groups {
			if judged = s.judge(groups[i].found); judged != nil {
				return
			}
		}
	})
	return cmp.Or(s.end(), judged)
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
