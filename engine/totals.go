package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/residualdb/residual/event"
)

// Columns is a set of the columns that name a series.
type Columns uint8

// The columns.
const (
	ModelColumn Columns = 1 << iota
	VersionColumn
	EnvironmentColumn
	allColumns = ModelColumn | VersionColumn | EnvironmentColumn
)

// columnNames are the names of the columns, in the order of their bits.
var columnNames = [...]string{"model_id", "model_version", "environment"}

// ParseGroupBy reads the columns that make rows of an answer, with commas between their names, and returns those that
// are left: what a query is to add up across. No columns make one row of everything.
func ParseGroupBy(names string) (across Columns, err error) {
	across = allColumns
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name == "" && strings.TrimSpace(names) == "" {
			break
		}
		i := slices.Index(columnNames[:], name)
		if i < 0 {
			return 0, queryError("%q is not a column to group by: these are model_id, model_version and environment", name)
		}
		across &^= 1 << i
	}
	return across, nil
}

// of returns what a series counts for.
func (c Columns) of(s event.Series) event.Series {
	for i, name := range [...]*string{&s.Model, &s.Version, &s.Environment} {
		if c&(1<<i) != 0 {
			*name = All
		}
	}
	return s
}

// total is a subject of several series.
type total struct {
	subject
	// members are its series, those of one model one behind the other.
	members []member
	// held is the model that is locked already, if any.
	held *model
}

// visitTotal receives a total, whose members it adds up.
type visitTotal func(t *total, sc *scratch) (Read, error)

type member struct {
	model  *model
	series uint32
}

// totals calls f for the total of every group of series that differ in no column but those that q is across, and that
// have begun before its first window ends. It is for f to add up members: sums are exact, so that the sum of a group
// takes one answer, whatever the number of its series.
func (db *DB) totals(ctx context.Context, q *scan, f visitTotal) (Read, error) {
	groups, read, err := db.groups(ctx, q)
	if err != nil {
		return read, err
	}
	r, err := db.working(func(sc *scratch) (read Read, err error) {
		for _, t := range groups {
			r, err := f(t, sc)
			read.add(r)
			if err != nil {
				return read, err
			}
		}
		return read, nil
	})
	read.add(r)
	return read, err
}

// groups finds the series of every group.
func (db *DB) groups(ctx context.Context, q *scan) (map[event.Series]*total, Read, error) {
	groups := make(map[event.Series]*total)
	read, err := db.visit(ctx, q, func(m *model, n uint32, _ *scratch) (Read, error) {
		s := m.subject(n)
		if s.first >= q.asked[0].to { // it has not begun, or none of its rows is left
			return Read{}, nil
		}
		s.Series = q.across.of(s.Series)
		t := groups[s.Series]
		if t == nil {
			t = &total{subject: s}
			groups[s.Series] = t
		}
		t.first = min(t.first, s.first)
		if t.version != s.version {
			t.version = ""
		}
		t.members = append(t.members, member{m, n})
		return Read{}, nil
	})
	return groups, read, err
}

// add sets each answer to the rows of all members that lie in its window of q.
func (t *total) add(ctx context.Context, answers []answer, q *scan, sc *scratch) (read Read, err error) {
	for i := range answers {
		answers[i].reset()
	}
	for rest := t.members; len(rest) > 0; {
		m, n := rest[0].model, 1
		for n < len(rest) && rest[n].model == m {
			n++
		}
		if err := ctx.Err(); err != nil {
			return read, fmt.Errorf("query model %q: %w", m.name, err)
		}
		r, err := t.addModel(answers, rest[:n], q, sc)
		read.add(r)
		if err != nil {
			return read, fmt.Errorf("model %q: %w", m.name, err)
		}
		rest = rest[n:]
	}
	return read, nil
}

// addModel adds the members of one model. What windows about another version say of their environments counts once.
// That version itself is then no part of what is compared with it, which is the first window.
func (t *total) addModel(answers []answer, members []member, q *scan, sc *scratch) (read Read, err error) {
	m := members[0].model
	if m != t.held {
		m.hold()
		defer m.letGo(sc)
	}
	clear(sc.counted)
	for _, x := range members {
		m.sisters(x.series, q.windows(), sc)
		for i := range q.count {
			switch version := q.asked[i].version; {
			case version == "":
				continue
			case t.version == "" && m.series[x.series].version == version:
				sc.of[0] = noSeries
			}
			of := sc.of[i]
			if sc.counted[of] {
				sc.of[i] = noSeries
			}
			if sc.counted == nil {
				sc.counted = make(map[uint32]bool)
			}
			sc.counted[of] = true
		}
		r, err := m.add(answers, q, sc)
		read.add(r)
		if err != nil {
			return read, err
		}
	}
	return read, nil
}
