package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// An answer is read in slices of at most [Options.SliceRows] stored rows, or those of one millisecond: its first row comes at once, and no server
// sorts, joins or keeps more than a slice, a tenth of a second and some 50 MB.
const (
	// countedSlices is how many slices are counted at a time before they are cut: a tenth of a second.
	countedSlices = 80
	// sliceSeries is how many series a slice names at most.
	sliceSeries = 5000
	// cutsMost is how many parts of a span rows are counted in to find where to cut it.
	cutsMost = 1024
)

// rowsWalk reads the rows of a shard in the order of a question, slice by slice.
type rowsWalk struct {
	*rowsReader

	of     *asked
	series []event.Series
	hand   func([]row) bool
	// only are the series, where a statement asks for all that the models have.
	only map[event.Series]struct{}
	// left is how many rows are wanted yet, where there is a limit.
	left  int
	ended bool
}

func (w *rowsWalk) sliceRows() uint64 { return uint64(w.sums.store.config.SliceRows) }

// run hands on all rows.
func (w *rowsWalk) run(ctx context.Context) error {
	w.left = w.query.Limit
	whole := engine.CellSpan{From: max(w.wanted.From, 0), To: min(w.wanted.To, latestTime)}
	if !w.sliced() {
		p := w.picture(w.series, whole)
		if err := w.sums.pin(ctx, w.of, &p); err != nil {
			return err
		}
		return w.read(ctx, w.statement(&p, w.limited(w.series)))
	}
	rows, err := w.estimate(ctx, whole)
	if err != nil {
		return err
	}
	return w.halve(ctx, whole, rows)
}

// sliced tells whether the first rows of the order are in the first slice of time. Else a server finds them, of all rows, and keeps as many as the
// limit.
func (w *rowsWalk) sliced() bool {
	return w.query.Order != engine.WorstFirst && w.query.Order != engine.Sample
}

// picture is the rows of some series in a span.
func (w *rowsWalk) picture(of []event.Series, span engine.CellSpan) picture {
	q := w.query
	p := picture{
		from: w.wanted.From, scopes: w.of.scopes,
		lags: q.Columns == 0 || q.Columns&engine.LagColumn != 0, features: q.Columns == 0 || q.Columns&engine.FeaturesColumn != 0 || len(q.Features) > 0,
	}
	if w.wholeModels(of) { // no other model or series meets the condition, but such as came meanwhile
		p.models, p.where = w.sums.models.condition, "("+w.sums.models.condition+")"
		if w.only == nil {
			w.only = make(map[event.Series]struct{}, len(of))
			for _, x := range of {
				w.only[x] = struct{}{}
			}
		}
	} else {
		p.models = "model_id IN (" + quotedList(modelNames(of)) + ")"
		p.where = p.models + " AND " + seriesAre(of)
	}
	p.where += " AND " + timeIs(span.From, span.To)
	if q.ID != "" {
		p.where += " AND prediction_id = " + quoted(q.ID)
	}
	return p
}

// wholeModels tells whether a statement selects all rows of the models, of which those of some series are taken then. It does for all series
// that there are, unless there is a limit and they can be named: rows of series that came meanwhile would take the place of wanted ones.
func (w *rowsWalk) wholeModels(of []event.Series) bool {
	return len(of) == w.of.series && (w.left == 0 || len(of) > sliceSeries)
}

// limited is the limit of a statement, 0 where it has none because rows that are not wanted may be among those that it selects.
func (w *rowsWalk) limited(of []event.Series) int {
	if w.wholeModels(of) {
		return 0
	}
	return w.left
}

// estimate returns how many rows the blocks have in which rows of a span may be, by the index alone.
func (w *rowsWalk) estimate(ctx context.Context, span engine.CellSpan) (total uint64, err error) {
	p := w.picture(w.series, span)
	err = w.of.ask(ctx, "estimate rows", func(ctx context.Context, conn driver.Conn) error {
		total = 0
		return eachRow(query(ctx), conn, fmt.Sprintf("SELECT toUInt64(sum(rows)) FROM (EXPLAIN ESTIMATE SELECT timestamp FROM %s.predictions WHERE %s)", w.sums.store.config.Database, p.where), func(rows driver.Rows) error {
			return rows.Scan(&total)
		})
	})
	return total, err
}

// halve reads a span whose rows are about so many: the halves of it, one after the other, if these are too many to be counted at a time and the
// halves have less.
func (w *rowsWalk) halve(ctx context.Context, span engine.CellSpan, rows uint64) error {
	if rows == 0 || w.ended {
		return nil
	}
	if rows <= countedSlices*w.sliceRows() || span.To-span.From < 2 {
		return w.cut(ctx, span)
	}
	halves := [2]engine.CellSpan{span, span}
	middle := span.From + (span.To-span.From)/2
	halves[0].To, halves[1].From = middle, middle
	var of [2]uint64
	for i := range halves {
		var err error
		if of[i], err = w.estimate(ctx, halves[i]); err != nil {
			return err
		}
	}
	if of[0]+of[1] > rows+rows/2 {
		return w.cut(ctx, span)
	}
	if w.query.Order == engine.TimeDescending {
		slices.Reverse(halves[:])
		slices.Reverse(of[:])
	}
	for i := range halves {
		if err := w.halve(ctx, halves[i], of[i]); err != nil {
			return err
		}
	}
	return nil
}

// cut counts the rows of a span and reads them in slices.
func (w *rowsWalk) cut(ctx context.Context, span engine.CellSpan) error {
	p := w.picture(w.series, span)
	found, err := w.sums.count(ctx, w.of, &p)
	if err != nil {
		return err
	}
	if found = w.known(found); len(found) == 0 {
		return nil
	}
	if w.query.Order != engine.Unordered || len(found) <= sliceSeries && rowsOf(found) <= w.sliceRows() {
		return w.slice(ctx, w.series, found, span)
	}
	for len(found) > 0 && !w.ended {
		n, rows := 1, found[0].rows
		for n < min(len(found), sliceSeries) && rows+found[n].rows <= w.sliceRows() {
			rows += found[n].rows
			n++
		}
		of := make([]event.Series, n)
		for i := range of {
			of[i] = found[i].Series
		}
		if err := w.slice(ctx, of, found[:n], span); err != nil {
			return err
		}
		found = found[n:]
	}
	return nil
}

// known leaves out series that came after the wanted ones were read: slices are of these alone, so that what is of as many is of all of them.
func (w *rowsWalk) known(found []counted) []counted {
	if w.only == nil {
		return found
	}
	return slices.DeleteFunc(found, func(x counted) bool {
		_, ok := w.only[x.Series]
		return !ok
	})
}

// slice reads the rows of some series in a span, one part of it after the other where they are more than a slice has.
func (w *rowsWalk) slice(ctx context.Context, of []event.Series, found []counted, span engine.CellSpan) error {
	rows := rowsOf(found)
	if rows <= w.sliceRows() {
		return w.pinned(ctx, of, found, rows, span)
	}
	tight := engine.CellSpan{From: found[0].first, To: found[0].last + 1}
	for i := range found {
		tight.From, tight.To = min(tight.From, found[i].first), max(tight.To, found[i].last+1)
	}
	return w.parts(ctx, of, found, tight)
}

// pinned reads the rows of some series in a span at once, of which there are about so many.
func (w *rowsWalk) pinned(ctx context.Context, of []event.Series, found []counted, rows uint64, span engine.CellSpan) error {
	p := w.picture(of, span)
	p.pin(found, rows)
	return w.read(ctx, w.statement(&p, w.limited(of)))
}

// parts reads a span that has more rows than a slice.
func (w *rowsWalk) parts(ctx context.Context, of []event.Series, found []counted, span engine.CellSpan) error {
	width := max((span.To-span.From+cutsMost-1)/cutsMost, 1)
	counts, err := w.counts(ctx, of, span, width)
	if err != nil {
		return err
	}
	if w.query.Order == engine.TimeDescending {
		slices.Reverse(counts)
	}
	for len(counts) > 0 && !w.ended {
		n, rows := 1, counts[0].rows
		for n < len(counts) && rows+counts[n].rows <= w.sliceRows() {
			rows += counts[n].rows
			n++
		}
		first, last := counts[0].number, counts[n-1].number
		part := engine.CellSpan{From: span.From + min(first, last)*width, To: min(span.From+(max(first, last)+1)*width, span.To)}
		if rows > w.sliceRows() && width > 1 {
			err = w.parts(ctx, of, found, part)
		} else {
			err = w.pinned(ctx, of, found, rows, part)
		}
		if err != nil {
			return err
		}
		counts = counts[n:]
	}
	return nil
}

// partCount is how many rows there are in a part of a span.
type partCount struct {
	number int64
	rows   uint64
}

// counts counts the rows of some series in each part of a span that has any, in order.
func (w *rowsWalk) counts(ctx context.Context, of []event.Series, span engine.CellSpan, width int64) (counts []partCount, err error) {
	p := w.picture(of, span)
	statement := fmt.Sprintf("SELECT intDiv(toUnixTimestamp64Milli(timestamp) - %d, %d) AS part, count() FROM %s.predictions WHERE %s GROUP BY part ORDER BY part", span.From, width, w.sums.store.config.Database, p.where)
	err = w.of.ask(ctx, "count rows by time", func(ctx context.Context, conn driver.Conn) error {
		counts = counts[:0]
		return eachRow(query(ctx), conn, statement, func(rows driver.Rows) error {
			var x partCount
			if err := rows.Scan(&x.number, &x.rows); err != nil {
				return err
			}
			counts = append(counts, x)
			return nil
		})
	})
	return counts, err
}

// read hands on the rows that a statement selects. It takes as long as whoever takes the rows; a server that sends none for a while is given up.
func (w *rowsWalk) read(ctx context.Context, statement string) error {
	handedOn := false
	return w.of.ask(ctx, "read rows", func(ctx context.Context, conn driver.Conn) error {
		bound, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		silent := time.AfterFunc(readTimeout, func() { cancel(errGivenUp) })
		defer silent.Stop()
		err := w.readFrom(bound, conn, statement, func(batch []row) bool {
			silent.Stop()
			defer silent.Reset(readTimeout)
			handedOn = true
			return w.hand(batch)
		})
		if err != nil && ctx.Err() == nil && bound.Err() != nil {
			err = errGivenUp
		}
		if err != nil && handedOn {
			return fmt.Errorf("%w: %w", errHandedOn, err)
		}
		return err
	})
}

// rowsLongest bounds how long a slice is on its way to who takes it slowly. It is a deadline because the driver ends an answer of a context
// without one after readTimeout, however it goes on.
const rowsLongest = 24 * time.Hour

func (w *rowsWalk) readFrom(outer context.Context, conn driver.Conn, statement string, hand func([]row) bool) error {
	ctx, cancel := context.WithTimeout(outer, rowsLongest)
	defer cancel()
	rows, err := conn.Query(query(ctx), statement)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	batch := make([]row, 0, rowsAtOnce)
	for rows.Next() {
		var x row
		if err := rows.Scan(&x.series.Model, &x.series.Version, &x.series.Environment, &x.ms, &x.id, &x.predicted, &x.actual, &x.known, &x.lag, &x.features, &x.place); err != nil {
			return err
		}
		if !w.holds(&x) {
			continue
		}
		if batch = append(batch, x); len(batch) == rowsAtOnce {
			if !w.give(batch, hand) {
				if !w.sliced() {
					cancel() // the rest of a slice is waited for, which leaves the connection whole, but not that of all rows
				}
				return outer.Err()
			}
			batch = make([]row, 0, rowsAtOnce)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(batch) > 0 && !w.give(batch, hand) {
		return outer.Err()
	}
	return nil
}

// holds tells whether a row is wanted, of those that a statement selects.
func (w *rowsWalk) holds(x *row) bool {
	if w.only != nil {
		if _, ok := w.only[x.series]; !ok {
			return false
		}
	}
	return len(w.query.Features) == 0 || w.wanted.Holds([]byte(x.features))
}

// give hands on rows, up to the limit, and tells whether more are wanted.
func (w *rowsWalk) give(batch []row, hand func([]row) bool) bool {
	if w.query.Limit > 0 {
		batch = batch[:min(len(batch), w.left)]
		w.left -= len(batch)
		w.ended = w.left == 0
	}
	return hand(batch) && !w.ended
}
