package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/residualdb/residual/event"
)

// A query with an Each method has its rows one after the other, in the order of its other method, and what it holds
// meanwhile does not grow with them but for some 16 bytes for each series that it is about, 32 where the order depends
// on the rows. No lock is held while a row is used. Rows are of the moment in which they are made, a few at a time: an
// answer is of one moment only where nothing is stored meanwhile, or AsOf is given and nothing comes late.

// rowsAtOnce is how many rows are made at one time.
const rowsAtOnce = 64

// subjects are what a query is about, before anything is added up: series, or groups of them.
type subjects struct {
	// series are those of a query across nothing, groups those of another one.
	series []member
	groups []*total
}

// find lists what q is about, in the order of names. Some of the subjects may have no rows: only a scan of each tells.
func (db *DB) find(ctx context.Context, q *scan) (s subjects, read Read, err error) {
	if q.across != 0 {
		groups, read, err := db.groups(ctx, q)
		for _, t := range groups {
			s.groups = append(s.groups, t)
		}
		slices.SortFunc(s.groups, func(a, b *total) int { return compareSeries(&a.Series, &b.Series) })
		return s, read, err
	}
	read, err = db.visit(ctx, q, func(m *model, n uint32, _ *scratch) (Read, error) {
		if m.series[n].first < q.asked[0].to {
			s.series = append(s.series, member{m, n})
		}
		return Read{}, nil
	})
	slices.SortFunc(s.series, compareMembers)
	return s, read, err
}

// compareMembers orders by name.
func compareMembers(a, b member) int {
	if a.model != b.model {
		return cmp.Compare(a.model.name, b.model.name)
	}
	x, y := a.named(), b.named()
	return compareSeries(&x, &y)
}

// named is the member's series.
func (x member) named() event.Series {
	x.model.mu.RLock()
	defer x.model.mu.RUnlock()
	return x.model.series[x.series].of(x.model)
}

func (s *subjects) len() int { return len(s.series) + len(s.groups) }

// at returns the total of a subject.
func (s *subjects) at(i int) *total {
	if s.groups != nil {
		return s.groups[i]
	}
	x := s.series[i]
	x.model.mu.RLock()
	defer x.model.mu.RUnlock()
	return &total{subject: x.model.subject(x.series), members: s.series[i : i+1]}
}

// working lends f a scratch while the store is open.
func (db *DB) working(f func(sc *scratch) (Read, error)) (Read, error) {
	if err := db.begin(); err != nil {
		return Read{}, err
	}
	defer db.end()
	sc := db.scratches.Get().(*scratch)
	defer db.scratches.Put(sc)
	return f(sc)
}

// rows are what a query answers: one for each subject that has any.
type rows[R any] struct {
	db *DB
	*scan
	of subjects
	// row makes the row of a subject; ok is false if it has none.
	row func(of *subject, answers []answer) (row R, ok bool)
}

// some makes the rows of the subjects whose numbers there are, and appends them to dst.
func (q *rows[R]) some(ctx context.Context, dst []R, numbers []uint32) ([]R, Read, error) {
	read, err := q.db.working(func(sc *scratch) (read Read, err error) {
		answers := sc.windows(q.count)
		for _, i := range numbers {
			t := q.of.at(int(i))
			r, err := t.add(ctx, answers, q.scan, sc)
			read.add(r)
			if err != nil {
				return read, err
			}
			if row, ok := q.row(&t.subject, answers); ok {
				dst = append(dst, row)
			}
		}
		return read, nil
	})
	return dst, read, err
}

// each hands the rows on in the order of the numbers of their subjects, until yield returns false.
func (q *rows[R]) each(ctx context.Context, order []uint32, yield func(*R) bool) (read Read, err error) {
	var made []R
	for len(order) > 0 {
		n := min(len(order), rowsAtOnce)
		var r Read
		made, r, err = q.some(ctx, made[:0], order[:n])
		read.add(r)
		if err != nil {
			return read, err
		}
		for i := range made {
			if !yield(&made[i]) {
				return read, nil
			}
		}
		order = order[n:]
	}
	return read, nil
}

// eachNamed hands on the rows of q in the order of names.
func eachNamed[R any](ctx context.Context, q *rows[R], yield func(*R) bool) (read Read, err error) {
	if q.of, read, err = q.db.find(ctx, q.scan); err != nil {
		return read, err
	}
	order := make([]uint32, q.of.len())
	for i := range order {
		order[i] = uint32(i)
	}
	r, err := q.each(ctx, order, yield)
	read.add(r)
	return read, err
}

// rowPlace is where a row comes among others: first by class, then by rank, the highest first, then by name.
type rowPlace struct {
	class  uint8
	rank   float64
	number uint32 // of the subject
}

// eachRanked hands on the rows of q in the order of their places. More than a few are made twice: to be put in order,
// and when it is their turn.
func eachRanked[R any](
	ctx context.Context, q *rows[R], rank func(*R) (class uint8, rank float64), yield func(*R) bool,
) (read Read, err error) {
	if q.of, read, err = q.db.find(ctx, q.scan); err != nil {
		return read, err
	}
	places := make([]rowPlace, 0, q.of.len())
	var few, made []R
	for i := range q.of.len() {
		var r Read
		made, r, err = q.some(ctx, made[:0], []uint32{uint32(i)})
		read.add(r)
		if err != nil {
			return read, err
		}
		if len(made) == 0 {
			continue
		}
		class, rank := rank(&made[0])
		places = append(places, rowPlace{class, rank, uint32(i)})
		if few = append(few, made[0]); len(few) > 2*rowsAtOnce {
			few = few[:0]
		}
	}
	whole := len(few) == len(places)
	if whole { // their numbers are those of few from here on
		for i := range places {
			places[i].number = uint32(i)
		}
	}
	slices.SortFunc(places, func(a, b rowPlace) int {
		return cmp.Or(cmp.Compare(a.class, b.class), -cmp.Compare(a.rank, b.rank), cmp.Compare(a.number, b.number))
	})
	if whole {
		for i := range places {
			if !yield(&few[places[i].number]) {
				break
			}
		}
		return read, nil
	}
	order := make([]uint32, len(places))
	for i := range places {
		order[i] = places[i].number
	}
	r, err := q.each(ctx, order, yield)
	read.add(r)
	return read, err
}
