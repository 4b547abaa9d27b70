package query

import (
	"fmt"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
)

// Total is a subject with the series that it adds up.
type Total struct {
	Subject
	// members are its series, those of one model one behind the other.
	members []member
}

// member is a series by its model and its number there.
type member struct {
	model *catalog.Model
	n     uint32
}

// Len returns of how many series it is.
func (t *Total) Len() int { return len(t.members) }

// PreviousVersion returns the version before that of a total of one series, empty if there is none.
func (t *Total) PreviousVersion() string {
	if len(t.members) > 1 {
		return ""
	}
	x := t.members[0]
	x.model.Mu.RLock()
	defer x.model.Mu.RUnlock()
	return versionOf(x.model, x.model.Previous(x.n))
}

// NewestBegun returns the newest of the versions whose first prediction came in a time, from and to included, in the model and
// environment of a total of one series, and when that was; empty if there is none.
func (t *Total) NewestBegun(from, to int64) (version string, first int64) {
	if len(t.members) > 1 {
		return "", 0
	}
	x := t.members[0]
	x.model.Mu.RLock()
	defer x.model.Mu.RUnlock()
	environment := x.model.Series[x.n].Environment
	for i := range x.model.Series {
		s := &x.model.Series[i]
		if s.Environment == environment && s.First >= from && s.First <= to &&
			(version == "" || catalog.NewerVersion(s.Version, s.First, version, first)) {
			version, first = s.Version, s.First
		}
	}
	return version, first
}

// LastTime returns a time that no row of a total is later than.
func (t *Total) LastTime() int64 {
	last := int64(base.MinMilli)
	for _, x := range t.members {
		x.model.Mu.RLock()
		if x.model.Last != nil {
			last = max(last, x.model.Last[x.n])
		}
		for _, v := range slices.Backward(x.model.Months) {
			if of := v.LastTime(x.n); of > base.MinMilli {
				last = max(last, of)
				break
			}
		}
		x.model.Mu.RUnlock()
	}
	return last
}

// versionOf is the version of a series, empty for NoSeries.
func versionOf(m *catalog.Model, n uint32) string {
	if n == catalog.NoSeries {
		return ""
	}
	return m.Series[n].Version
}

// totals finds the groups of series that differ in no column but those that the plan is across, and that have begun before
// its first window ends. Sums are exact, so that the sum of a group takes one answer whatever the number of its series.
func (r *Run) totals() map[event.Series]*Total {
	groups := make(map[event.Series]*Total)
	for m, n := range r.Series {
		s := subjectOf(m, n)
		if s.First >= r.windows[0].To { // it has not begun, or none of its rows is left
			continue
		}
		s.Series = r.Across.of(s.Series)
		t := groups[s.Series]
		if t == nil {
			t = &Total{Subject: s}
			groups[s.Series] = t
		}
		t.First = min(t.First, s.First)
		if t.SingleVersion != s.SingleVersion {
			t.SingleVersion = ""
		}
		t.members = append(t.members, member{m, n})
	}
	if r.err != nil {
		return nil
	}
	return groups
}

// sighted is a series that a window has counted.
type sighted struct {
	window int
	series uint32
}

// Add returns one answer per window for a total, whose models must not be locked. They are valid until the next use of r, which
// End tells the errors of.
func (r *Run) Add(t *Total) []base.Answer {
	r.addTotal(t, nil)
	return r.answers[:r.count]
}

// Failed tells whether an error has ended what the run does, which End returns.
func (r *Run) Failed() bool { return r.err != nil }

// addTotal sets each answer to the rows of all members that lie in its window. locked is the model that the caller has
// locked, nil if none is.
func (r *Run) addTotal(t *Total, locked *catalog.Model) {
	r.answered, r.wide = catalog.NoSeries, len(t.members) > GatheredMost
	for i := range r.count {
		r.answers[i].Reset()
	}
	expected := 0 // members that are about to be asked about
	for rest := t.members; len(rest) > 0 && r.err == nil; {
		if e := r.queries.elsewhere; e != nil && r.wide && r.alone && expected == 0 {
			if expected, r.err = e.expectMembers(r, rest); r.err != nil {
				return
			}
		}
		m, n := rest[0].model, 1
		for n < len(rest) && rest[n].model == m {
			n++
		}
		if err := r.ctx.Err(); err != nil {
			r.err = fmt.Errorf("query model %q: %w", m.Name, err)
		} else if err := r.addMembers(t, rest[:n], locked); err != nil {
			r.err = fmt.Errorf("model %q: %w", m.Name, err)
		}
		rest, expected = rest[n:], max(expected-n, 0)
	}
}

// addMembers adds the members of one model. What windows about another version say of their environments counts once. That
// version itself is then no part of what is compared with it, which is the first window.
func (r *Run) addMembers(t *Total, members []member, locked *catalog.Model) error {
	m := members[0].model
	if m != locked {
		m.Mu.RLock()
		defer r.unlock(m)
	}
	clear(r.counted)
	for _, x := range members {
		r.siblings(m, x.n)
		for i := range r.count {
			w := &r.windows[i]
			if !w.Sibling() {
				continue
			}
			if t.SingleVersion == "" && m.Series[x.n].Version == w.Version {
				r.of[0] = catalog.NoSeries
			}
			of := sighted{i, r.of[i]}
			if r.counted[of] {
				r.of[i] = catalog.NoSeries
			}
			if r.counted == nil {
				r.counted = make(map[sighted]bool)
			}
			r.counted[of] = true
		}
		if err := r.add(m); err != nil {
			return err
		}
	}
	return nil
}

// Expect says that subject i is about to be asked for these buckets, and those behind it for the same: of rows that are elsewhere the sums of
// many come at once.
func (r *Run) Expect(of *Subjects, i int, buckets []base.Span) {
	if e := r.queries.elsewhere; e != nil && r.err == nil {
		r.err = e.expectMany(r, r.within(buckets), of, i)
	}
}

// within are the buckets as they end with the window of the plan.
func (r *Run) within(buckets []base.Span) []base.Span {
	spans := make([]base.Span, len(buckets))
	for i, b := range buckets {
		spans[i] = base.Span{From: b.From, To: min(b.To, r.windows[0].To)}
	}
	return spans
}

// Buckets calls f with the rows of a total in each bucket, which ends with the window of the plan at the latest. A total of
// one model is answered under one hold of its lock.
func (r *Run) Buckets(t *Total, buckets []base.Span, f func(b base.Span, a *base.Answer)) {
	if r.err != nil {
		return
	}
	end := r.windows[0].To
	if e := r.queries.elsewhere; e != nil {
		if r.err = e.expect(r, r.within(buckets), t.members); r.err != nil {
			return
		}
	}
	var locked *catalog.Model
	if m := t.members[0].model; m == t.members[len(t.members)-1].model {
		m.Mu.RLock()
		defer r.unlock(m)
		locked = m
	}
	for _, b := range buckets {
		r.Ask(Window{Span: base.Span{From: b.From, To: min(b.To, end)}})
		if r.addTotal(t, locked); r.err != nil {
			return
		}
		f(b, &r.answers[0])
	}
}
