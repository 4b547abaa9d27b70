package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// rowsAtOnce is how many rows are handed on together.
const rowsAtOnce = 1000

// EachRows hands on the rows of a window, batch by batch, until yield returns false. Those of one slice
// ([Options.SliceRows]) are of one moment, and no row comes twice.
func (s *Store) EachRows(ctx context.Context, q engine.RowsQuery, yield func(b *engine.RowBatch) bool) (engine.Read, error) {
	of, sums, err := s.questions(ctx, q.Model, q.Within, q.Literal, nil)
	if err != nil {
		return engine.Read{}, err
	}
	wanted, err := of.Rows(ctx, q)
	if err != nil || len(wanted.Series) == 0 {
		return engine.Read{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := rowsReader{sums: sums, query: &q, wanted: &wanted}
	var cursors []*cursor
	defer func() {
		cancel()
		for _, c := range cursors {
			c.wait()
		}
	}()
	for _, x := range sums.with {
		if mine := r.seriesOf(x.shard); len(mine) > 0 {
			cursors = append(cursors, r.start(ctx, x, mine))
		}
	}
	out := rowsOut{query: &q, yield: yield, series: map[event.Series]uint32{}}
	if err := merge(cursors, q.Order, &out); err != nil {
		return out.read, sums.explain(err)
	}
	out.flush()
	return out.read, nil
}

// rowsReader reads the rows of a question from each shard.
type rowsReader struct {
	sums   *sums
	query  *engine.RowsQuery
	wanted *engine.RowsWanted
}

// seriesOf returns the series that a shard has.
func (r *rowsReader) seriesOf(of *shard) (mine []event.Series) {
	for _, x := range r.wanted.Series {
		if r.sums.store.shards.of(x.Model) == of {
			mine = append(mine, x)
		}
	}
	return mine
}

// statement selects rows in their order, up to a limit unless that is 0.
func (r *rowsReader) statement(p *picture, limit int) string {
	q := r.query
	lag, features, place := "toInt64(-1)", "''", "toUInt64(0)"
	if p.lags {
		lag = "lag"
	}
	if p.features {
		features = "features"
	}
	names := "model_id, model_version, environment, prediction_id"
	var order string
	switch q.Order {
	case engine.Unordered:
		order = "model_id, environment, model_version, ms, prediction_id"
	case engine.TimeAscending:
		order = "ms, " + names
	case engine.TimeDescending:
		order = "ms DESC, " + names
	case engine.WorstFirst:
		order = "abs(p - a) DESC, ms, " + names
	case engine.Sample:
		place = "sipHash64(toUInt64(" + strconv.FormatUint(q.Seed, 10) + "), model_id, model_version, environment, ms, p, known, a)"
		order = "place, ms, " + names
	}
	text := fmt.Sprintf("SELECT model_id, model_version, environment, ms, prediction_id, p, a, known, %s, %s, %s AS place\nFROM (\n%s\n)", lag, features, place, r.sums.store.sql(p))
	switch r.wanted.Actuals {
	case engine.AnyActual:
	case engine.WithActual:
		text += "\nWHERE known"
	case engine.Waiting:
		text += "\nWHERE NOT known"
	}
	text += "\nORDER BY " + order
	if limit > 0 && len(q.Features) == 0 {
		text += "\nLIMIT " + strconv.Itoa(limit)
	}
	return text
}

// row is one as it comes from a shard.
type row struct {
	series            event.Series
	ms                int64
	id, features      string
	predicted, actual float64
	known             uint8
	lag               int64
	place             uint64
}

// cursor is the rows of a shard, which are read ahead.
type cursor struct {
	rows chan []row
	done sync.WaitGroup
	err  error // once rows is closed

	batch []row
}

func (c *cursor) wait() { c.done.Wait() }

// start begins to read the rows of a shard, until the context ends.
func (r *rowsReader) start(ctx context.Context, of *asked, mine []event.Series) *cursor {
	c := &cursor{rows: make(chan []row, 2)}
	c.done.Go(func() {
		defer close(c.rows)
		walk := rowsWalk{rowsReader: r, of: of, series: mine, hand: func(batch []row) bool {
			select {
			case c.rows <- batch:
				return true
			case <-ctx.Done():
				return false
			}
		}}
		c.err = walk.run(ctx)
	})
	return c
}

// next returns the row that the cursor is at, nil at its end.
func (c *cursor) next() *row {
	for len(c.batch) == 0 {
		var ok bool
		if c.batch, ok = <-c.rows; !ok {
			return nil
		}
	}
	return &c.batch[0]
}

// merge hands on the rows of cursors in an order, or one cursor after the other where there is none.
func merge(cursors []*cursor, order engine.RowOrder, out *rowsOut) error {
	for {
		var first *cursor
		for _, c := range cursors {
			x := c.next()
			if x == nil {
				if c.err != nil {
					return c.err
				}
				continue
			}
			if first == nil || order != engine.Unordered && compareRows(x, &first.batch[0], order) < 0 {
				first = c
			}
			if order == engine.Unordered {
				break
			}
		}
		if first == nil || !out.add(&first.batch[0]) {
			return nil
		}
		first.batch = first.batch[1:]
	}
}

func compareRows(a, b *row, order engine.RowOrder) (c int) {
	switch order {
	case engine.Unordered, engine.TimeAscending:
	case engine.TimeDescending:
		c = cmp.Compare(b.ms, a.ms)
	case engine.WorstFirst:
		c = cmp.Compare(math.Abs(b.predicted-b.actual), math.Abs(a.predicted-a.actual))
	case engine.Sample:
		c = cmp.Compare(a.place, b.place)
	}
	return cmp.Or(c, cmp.Compare(a.ms, b.ms), cmp.Compare(a.series.Model, b.series.Model), cmp.Compare(a.series.Version, b.series.Version),
		cmp.Compare(a.series.Environment, b.series.Environment), strings.Compare(a.id, b.id))
}

// rowsOut puts rows into batches and hands these on.
type rowsOut struct {
	query  *engine.RowsQuery
	yield  func(b *engine.RowBatch) bool
	series map[event.Series]uint32
	batch  engine.RowBatch
	rows   int
	ended  bool
	read   engine.Read
}

// add takes in a row, and tells whether more are wanted.
func (o *rowsOut) add(x *row) bool {
	b := &o.batch
	n, ok := o.series[x.series]
	if !ok {
		n = uint32(len(b.Series))
		b.Series = append(b.Series, x.series)
		o.series[x.series] = n
	}
	b.Known.Append(len(b.Times), x.known == 1)
	b.SeriesOf, b.Times, b.Predicted = append(b.SeriesOf, n), append(b.Times, x.ms), append(b.Predicted, x.predicted)
	actual := x.actual
	if x.known == 0 {
		actual = 0
	}
	b.Actual = append(b.Actual, actual)
	if columns := o.query.Columns; columns == 0 || columns&engine.LagColumn != 0 {
		b.Lags = append(b.Lags, x.lag)
	}
	if columns := o.query.Columns; columns == 0 || columns&engine.IDColumn != 0 {
		b.IDs.AppendString(x.id)
	}
	if columns := o.query.Columns; columns == 0 || columns&engine.FeaturesColumn != 0 {
		b.Features.AppendString(x.features)
	}
	o.rows++
	o.read.Rows++
	o.read.Bytes += uint64(len(x.id) + len(x.features) + 32)
	if len(b.Times) == rowsAtOnce {
		o.flush()
	}
	return !o.ended && (o.query.Limit == 0 || o.rows < o.query.Limit)
}

// flush hands on what there is.
func (o *rowsOut) flush() {
	b := &o.batch
	if o.ended || len(b.Times) == 0 {
		return
	}
	o.ended = !o.yield(b)
	b.Reset()
	b.Series, b.SeriesOf = b.Series[:0], b.SeriesOf[:0]
	clear(o.series)
}
