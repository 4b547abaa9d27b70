package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
)

// A query with an Each method has its rows one after the other, in the order of its other method, and what it holds
// meanwhile does not grow with them but for some 16 bytes for each series that it is about, 32 where the order depends
// on the rows. No lock is held while a row is used. Rows are of the moment in which they are made, a few at a time: an
// answer is of one moment only where nothing is stored meanwhile, or AsOf is given and nothing comes late.

// rowsAtOnce is how many rows are made at one time.
const rowsAtOnce = 64

// Rows are what a query answers: one for each subject that has any.
type Rows[R any] struct {
	Queries *Queries
	*Scan
	of subjects
	// Row makes the row of a subject; ok is false if it has none.
	Row func(of *Subject, answers []base.Answer) (row R, ok bool)
}

// some makes the rows of the subjects whose numbers there are, and appends them to dst.
func (q *Rows[R]) some(ctx context.Context, dst []R, numbers []uint32) ([]R, base.Read, error) {
	read, err := q.Queries.Working(func(sc *Scratch) (read base.Read, err error) {
		answers := sc.Windows(q.Count)
		for _, i := range numbers {
			t := q.of.At(int(i))
			r, err := t.Add(ctx, answers, q.Scan, sc)
			read.Add(r)
			if err != nil {
				return read, err
			}
			if row, ok := q.Row(&t.Subject, answers); ok {
				dst = append(dst, row)
			}
		}
		return read, nil
	})
	return dst, read, err
}

// each hands the rows on in the order of the numbers of their subjects, until yield returns false.
func (q *Rows[R]) each(ctx context.Context, order []uint32, yield func(*R) bool) (read base.Read, err error) {
	var made []R
	for len(order) > 0 {
		n := min(len(order), rowsAtOnce)
		var r base.Read
		made, r, err = q.some(ctx, made[:0], order[:n])
		read.Add(r)
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

// EachNamed hands on the rows of q in the order of names.
func EachNamed[R any](ctx context.Context, q *Rows[R], yield func(*R) bool) (read base.Read, err error) {
	if q.of, read, err = q.Queries.Find(ctx, q.Scan); err != nil {
		return read, err
	}
	order := make([]uint32, q.of.Len())
	for i := range order {
		order[i] = uint32(i)
	}
	r, err := q.each(ctx, order, yield)
	read.Add(r)
	return read, err
}

// rowPlace is where a row comes among others: first by class, then by rank, the highest first, then by name.
type rowPlace struct {
	class  uint8
	rank   float64
	number uint32 // of the subject
}

// EachRanked hands on the rows of q in the order of their places. More than a few are made twice: to be put in order,
// and when it is their turn.
func EachRanked[R any](
	ctx context.Context, q *Rows[R], rank func(*R) (class uint8, rank float64), yield func(*R) bool,
) (read base.Read, err error) {
	if q.of, read, err = q.Queries.Find(ctx, q.Scan); err != nil {
		return read, err
	}
	places := make([]rowPlace, 0, q.of.Len())
	var few, made []R
	for i := range q.of.Len() {
		var r base.Read
		made, r, err = q.some(ctx, made[:0], []uint32{uint32(i)})
		read.Add(r)
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
	read.Add(r)
	return read, err
}
