package query

import (
	"context"
	"fmt"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
)

// ColumnNames are the names of the columns, in the order of their bits.
var ColumnNames = [...]string{"model_id", "model_version", "environment"}

// Across is a set of the columns of a series that an answer adds up across: bit 0 is the model, 1 the version, 2 the environment.
type Across uint8

// of returns what a series counts for.
func (c Across) of(s event.Series) event.Series {
	for i, name := range [...]*string{&s.Model, &s.Version, &s.Environment} {
		if c&(1<<i) != 0 {
			*name = All
		}
	}
	return s
}

// Total is a subject of several series.
type Total struct {
	Subject
	// Members are its series, those of one model one behind the other.
	Members []member
	// Held is the model that is locked already, if any.
	Held *catalog.Model
}

// visitTotal receives a total, whose members it adds up.
type visitTotal func(t *Total, sc *Scratch) (base.Read, error)

type member struct {
	Model  *catalog.Model
	series uint32
}

// totals calls f for the total of every group of series that differ in no column but those that q is across, and that
// have begun before its first window ends. It is for f to add up members: sums are exact, so that the sum of a group
// takes one answer, whatever the number of its series.
func (qs *Queries) totals(ctx context.Context, q *Scan, f visitTotal) (base.Read, error) {
	groups, read, err := qs.groups(ctx, q)
	if err != nil {
		return read, err
	}
	r, err := qs.Working(func(sc *Scratch) (read base.Read, err error) {
		for _, t := range groups {
			r, err := f(t, sc)
			read.Add(r)
			if err != nil {
				return read, err
			}
		}
		return read, nil
	})
	read.Add(r)
	return read, err
}

// groups finds the series of every group.
func (qs *Queries) groups(ctx context.Context, q *Scan) (map[event.Series]*Total, base.Read, error) {
	groups := make(map[event.Series]*Total)
	read, err := qs.visit(ctx, q, func(m *catalog.Model, n uint32, _ *Scratch) (base.Read, error) {
		s := SubjectOf(m, n)
		if s.First >= q.Asked[0].To { // it has not begun, or none of its rows is left
			return base.Read{}, nil
		}
		s.Series = q.Across.of(s.Series)
		t := groups[s.Series]
		if t == nil {
			t = &Total{Subject: s}
			groups[s.Series] = t
		}
		t.First = min(t.First, s.First)
		if t.SingleVersion != s.SingleVersion {
			t.SingleVersion = ""
		}
		t.Members = append(t.Members, member{m, n})
		return base.Read{}, nil
	})
	return groups, read, err
}

// Add sets each answer to the rows of all members that lie in its window of q.
func (t *Total) Add(ctx context.Context, answers []base.Answer, q *Scan, sc *Scratch) (read base.Read, err error) {
	for i := range answers {
		answers[i].Reset()
	}
	for rest := t.Members; len(rest) > 0; {
		m, n := rest[0].Model, 1
		for n < len(rest) && rest[n].Model == m {
			n++
		}
		if err := ctx.Err(); err != nil {
			return read, fmt.Errorf("query model %q: %w", m.Name, err)
		}
		r, err := t.addModel(answers, rest[:n], q, sc)
		read.Add(r)
		if err != nil {
			return read, fmt.Errorf("model %q: %w", m.Name, err)
		}
		rest = rest[n:]
	}
	return read, nil
}

// addModel adds the members of one model. What windows about another version say of their environments counts once.
// That version itself is then no part of what is compared with it, which is the first window.
func (t *Total) addModel(answers []base.Answer, members []member, q *Scan, sc *Scratch) (read base.Read, err error) {
	m := members[0].Model
	if m != t.Held {
		m.Mu.RLock()
		defer Unlock(m, sc)
	}
	clear(sc.counted)
	for _, x := range members {
		siblings(m, x.series, q.windows(), sc)
		for i := range q.Count {
			switch version := q.Asked[i].Version; {
			case version == "":
				continue
			case t.SingleVersion == "" && m.Series[x.series].Version == version:
				sc.Of[0] = catalog.NoSeries
			}
			of := sc.Of[i]
			if sc.counted[of] {
				sc.Of[i] = catalog.NoSeries
			}
			if sc.counted == nil {
				sc.counted = make(map[uint32]bool)
			}
			sc.counted[of] = true
		}
		r, err := addSeries(m, answers, q, sc)
		read.Add(r)
		if err != nil {
			return read, err
		}
	}
	return read, nil
}
