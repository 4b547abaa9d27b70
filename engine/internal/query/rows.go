package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// rowsAtOnce is how many rows are made under one [Run].
const rowsAtOnce = 64

// Rows makes the rows of a query one after the other. What it holds meanwhile does not grow with them but for some 16 bytes
// for each series that the query is about, 32 where the order depends on the rows. No lock is held while a row is used, and
// Close does not wait for its user. Rows are of the moment in which they are made, a few at a time: an answer is of one
// moment only where nothing is stored meanwhile, or the plan cuts off what comes late.
type Rows[R any] struct {
	Queries *Queries
	Plan    *Plan
	// Row makes the row of a subject; ok is false if it has none.
	Row func(of *Subject, answers []base.Answer) (row R, ok bool)
	// Aim, unless it is nil, asks for the windows of a subject before its row is made, where they differ from those of others. It returns false
	// as long as it is not known which they are, see [Run.Together].
	Aim func(r *Run, of *Total) bool

	ctx  context.Context
	of   Subjects
	made []numbered[R] // scratch
	read segment.Read
	err  error
}

// EachNamed hands on the rows in the order of names, until yield returns false. A row is valid during the call.
func (q *Rows[R]) EachNamed(ctx context.Context, yield func(*R) bool) (segment.Read, error) {
	return q.EachRanked(ctx, nil, yield)
}

// rowPlace is where a row comes among others: first by class, then by rank, the highest first, then by number, which is in
// the order of names.
type rowPlace struct {
	class  uint8
	rank   float64
	number uint32
}

func comparePlaces(a, b rowPlace) int {
	return cmp.Or(cmp.Compare(a.class, b.class), -cmp.Compare(a.rank, b.rank), cmp.Compare(a.number, b.number))
}

// EachRanked hands on the rows by class, the lowest first, then by rank, the highest first, then by name, until yield returns
// false. A row is valid during the call. More than a few are made twice: to be put in order, and when it is their turn. A nil
// rank puts all rows in one place.
func (q *Rows[R]) EachRanked(ctx context.Context, rank func(*R) (class uint8, rank float64), yield func(*R) bool) (segment.Read, error) {
	q.ctx, q.read, q.err = ctx, segment.Read{}, nil
	var few []named[R]
	ok := false
	if q.Aim == nil {
		few, ok = q.madeAtOnce()
	}
	if q.err != nil {
		return q.read, q.err
	}
	if !ok {
		q.madeInTurn(rank, yield)
		return q.read, q.err
	}
	slices.SortFunc(few, func(a, b named[R]) int { return CompareSeries(&a.of, &b.of) })
	places := make([]rowPlace, len(few))
	for i := range few {
		places[i].number = uint32(i)
		if rank != nil {
			places[i].class, places[i].rank = rank(&few[i].row)
		}
	}
	slices.SortFunc(places, comparePlaces)
	for i := range places {
		if !yield(&few[places[i].number].row) {
			break
		}
	}
	return q.read, q.err
}

// named is a row with the series that it is of.
type named[R any] struct {
	of  event.Series
	row R
}

// fewMax is the most subjects whose rows are all made under one [Run].
const fewMax = 2 * rowsAtOnce

// madeAtOnce makes all rows in one pass, in no order, unless the query is about more than a few subjects.
func (q *Rows[R]) madeAtOnce() (rows []named[R], ok bool) {
	run, err := q.Queries.Start(q.ctx, q.Plan)
	if err != nil {
		q.err = err
		return nil, false
	}
	subjects := 0
	for of, answers := range run.Answers {
		if of.First >= run.windows[0].To { // it has not begun, or none of its rows is left
			continue
		}
		if subjects++; subjects > fewMax {
			break
		}
		if row, ok := q.Row(&of, answers); ok {
			rows = append(rows, named[R]{of.Series, row})
		}
	}
	read, err := run.End()
	q.read.Add(read)
	q.err = err
	return rows, err == nil && subjects <= fewMax
}

// madeInTurn lists what the query is about first, and then makes row by row.
func (q *Rows[R]) madeInTurn(rank func(*R) (class uint8, rank float64), yield func(*R) bool) {
	var read segment.Read
	q.of, read, q.err = q.Queries.Find(q.ctx, q.Plan)
	q.read.Add(read)
	if q.err != nil {
		return
	}
	places := make([]rowPlace, 0, q.of.Len())
	all := make([]uint32, q.of.Len())
	for i := range all {
		all[i] = uint32(i)
	}
	if rank == nil {
		q.inOrder(all, yield)
		return
	}
	for some := range slices.Chunk(all, q.atOnce(1)) {
		for _, x := range q.makeRows(some) {
			class, rank := rank(&x.row)
			places = append(places, rowPlace{class, rank, x.number})
		}
		if q.err != nil {
			return
		}
	}
	slices.SortFunc(places, comparePlaces)
	order := make([]uint32, len(places))
	for i := range places {
		order[i] = places[i].number
	}
	q.inOrder(order, yield)
}

// atOnce is how many rows are made under one [Run]: as many as few, or of rows that are elsewhere as many as are asked about together.
func (q *Rows[R]) atOnce(few int) int {
	if q.Aim != nil && q.Queries.Gathers() {
		return GatheredMost
	}
	return few
}

// inOrder makes the rows of the subjects with these numbers and hands them on.
func (q *Rows[R]) inOrder(numbers []uint32, yield func(*R) bool) {
	for some := range slices.Chunk(numbers, q.atOnce(rowsAtOnce)) {
		made := q.makeRows(some)
		if q.err != nil {
			return
		}
		for i := range made {
			if !yield(&made[i].row) {
				return
			}
		}
	}
}

// numbered is a row with the number of its subject.
type numbered[R any] struct {
	row    R
	number uint32
}

// makeRows makes the rows of the subjects with these numbers. They are valid until the next ones.
func (q *Rows[R]) makeRows(numbers []uint32) []numbered[R] {
	run, err := q.Queries.Start(q.ctx, q.Plan)
	if err != nil {
		q.err = err
		return nil
	}
	if q.Aim == nil {
		q.makeEach(run, numbers)
	} else {
		run.Together(func() { q.makeEach(run, numbers) })
	}
	read, err := run.End()
	q.read.Add(read)
	q.err = err
	return q.made
}

func (q *Rows[R]) makeEach(run *Run, numbers []uint32) {
	q.made = q.made[:0]
	for _, i := range numbers {
		t := q.of.At(int(i))
		if q.Plan.asksPrevious() {
			t.Previous = t.PreviousVersion()
		}
		if q.Aim != nil && !q.Aim(run, t) {
			continue
		}
		if run.addTotal(t, nil); run.err != nil {
			return
		}
		if row, ok := q.Row(&t.Subject, run.answers[:run.count]); ok {
			q.made = append(q.made, numbered[R]{row, i})
		}
	}
}

// Subjects are what a query is about, before anything is added up: series, or groups of them.
type Subjects struct {
	// series are those of a query across nothing, groups those of another one.
	series []member
	groups []*Total
}

// Find lists what a plan is about, in the order of names. Some of the subjects may have no rows: only their answers tell.
func (qs *Queries) Find(ctx context.Context, p *Plan) (s Subjects, read segment.Read, err error) {
	run, err := qs.Start(ctx, p)
	if err != nil {
		return s, read, err
	}
	if p.Across != 0 {
		for _, t := range run.totals() {
			s.groups = append(s.groups, t)
		}
		slices.SortFunc(s.groups, func(a, b *Total) int { return CompareSeries(&a.Series, &b.Series) })
	} else {
		for m, n := range run.Series {
			if m.Series[n].First < p.windows[0].To {
				s.series = append(s.series, member{m, n})
			}
		}
		slices.SortFunc(s.series, compareMembers)
	}
	read, err = run.End()
	return s, read, err
}

// compareMembers orders by name.
func compareMembers(a, b member) int {
	if a.model != b.model {
		return cmp.Compare(a.model.Name, b.model.Name)
	}
	x, y := a.named(), b.named()
	return CompareSeries(&x, &y)
}

// named is the member's series.
func (x member) named() event.Series {
	x.model.Mu.RLock()
	defer x.model.Mu.RUnlock()
	return x.model.Series[x.n].Of(x.model)
}

// Len returns how many subjects there are.
func (s *Subjects) Len() int { return len(s.series) + len(s.groups) }

// At returns the total of a subject.
func (s *Subjects) At(i int) *Total {
	if s.groups != nil {
		return s.groups[i]
	}
	x := s.series[i]
	x.model.Mu.RLock()
	defer x.model.Mu.RUnlock()
	return &Total{Subject: subjectOf(x.model, x.n), members: s.series[i : i+1]}
}

// KnowsVersion tells whether a plan is about any model with a prediction, and whether one of them has a version of that name.
func (qs *Queries) KnowsVersion(ctx context.Context, p *Plan, version string) (asked, known bool, err error) {
	if err := qs.begin(); err != nil {
		return false, false, err
	}
	defer qs.end()
	err = qs.EachModel(ctx, &p.Selection, func(m *catalog.Model) bool {
		m.Mu.RLock()
		defer m.Mu.RUnlock()
		asked, known = asked || m.Begins(), m.HasVersion(version)
		return !known
	})
	return asked, known, err
}

// CompareSeries orders by model, version, environment.
func CompareSeries(a, b *event.Series) int {
	return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Environment, b.Environment))
}
