package query

import (
	"fmt"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
)

// latest returns the series that latest means in an environment for the first window, NoSeries if there is none; see package
// catalog for the rule. The answers of the series are those that [Run.Answer] returns next. It asks the newest series first,
// which nearly always is the one.
func (r *Run) latest(m *catalog.Model, environment string) uint32 {
	held, ok := m.Latest.Get(environment)
	if !ok {
		return catalog.NoSeries
	}
	end := r.windows[0].To
	if m.Series[held].First < end && (m.Series[held].Literal() || r.Answer(m, held)[0].Actuals > 0 && r.err == nil) {
		return held
	}
	r.candidates = m.Begun(r.candidates[:0], environment, end)
	if len(r.candidates) == 0 || r.err != nil {
		return catalog.NoSeries
	}
	picked, _ := catalog.PickLatest(m.Series[r.candidates[0]].Version, len(r.candidates), func(i int) (*base.Answer, error) {
		a := r.Answer(m, r.candidates[i])
		return &a[0], r.err // which the run keeps
	})
	return r.candidates[picked]
}

// LastTime returns the newest timestamp of a series in w, MinMilli if it has none there. Its model is locked. The run's plan
// asks for one window, which LastTime sets.
func (r *Run) LastTime(m *catalog.Model, n uint32, w base.Span) int64 {
	r.Ask(Window{Span: w, Counted: true, Rows: true})
	r.of, r.answered = append(r.of[:0], n), catalog.NoSeries
	last, a := int64(base.MinMilli), &r.answers[0]
	if r.queries.elsewhere != nil {
		a.Reset()
		if r.err = r.add(m); a.Rows > 0 {
			last = a.MaxTime
		}
		a.Reset()
		return last
	}
	take := func() {
		if a.Rows > 0 {
			last = max(last, a.MaxTime)
		}
		a.Reset()
	}
	a.Reset()
	for i := len(m.Months) - 1; i >= 0 && last == base.MinMilli; i-- {
		mo := m.Months[i]
		if !mo.Overlaps(w) {
			continue
		}
		if !mo.AllSealed() {
			mo.Window(a, n, w, r.Want)
			take()
		}
		for _, sg := range mo.Segments {
			x := sg.Find(n)
			if x == nil || x.Stored.MaxTime <= last || x.Stored.MaxTime < w.From || x.Stored.MinTime >= w.To {
				continue
			}
			if x.Stored.MaxTime < w.To && !sg.Edited() {
				last = x.Stored.MaxTime
				continue
			}
			if err := r.addSegment(sg); err != nil {
				r.err = fmt.Errorf("model %q: %w", m.Name, err)
				return last
			}
			take()
		}
	}
	return last
}
