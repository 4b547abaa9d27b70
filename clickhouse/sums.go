package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// sums adds up rows for one question.
type sums struct {
	store  *Store
	models named
	// version and environment are those of all series that are added up, each "" where there may be several.
	version, environment string
	// with are the shards that the question is about.
	with []*asked

	// mu guards what is added to, which shards do at the same time.
	mu sync.Mutex
}

// questions returns the questions about some models: their series are asked for, and their sums as they are needed. What
// the question is known to ask for is asked for at once.
func (s *Store) questions(ctx context.Context, pattern, within string, literal engine.Columns, ahead func(now time.Time) engine.Ahead) (*engine.Questions, *sums, error) {
	now := s.config.Now()
	of := &sums{store: s, models: modelsOf(pattern, within, literal)}
	var first engine.Ahead
	if ahead != nil {
		first = ahead(now)
		of.version, of.environment = first.Version, first.Environment
	}
	for _, x := range s.shardsOf(&of.models) {
		of.with = append(of.with, &asked{shard: x})
	}
	var all []engine.SeriesSpan
	err := of.each(func(a *asked) error {
		found, err := of.begin(ctx, a, &first)
		of.mu.Lock()
		defer of.mu.Unlock()
		all = append(all, found...)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return engine.NewQuestions(all, of, func() time.Time { return now }), of, nil
}

// series is how many series the question is about.
func (q *sums) series() (count int) {
	for _, of := range q.with {
		count += of.series
	}
	return count
}

// explain says of a shard that is away what it means for a question about several.
func (q *sums) explain(err error) error {
	if q.models.names == nil {
		return q.store.half(err)
	}
	return err
}

// each calls do with all shards at the same time.
func (q *sums) each(do func(of *asked) error) error {
	var group errorGroup
	for i, of := range q.with {
		one := func() error { return do(of) }
		if i == len(q.with)-1 {
			group.here(one)
		} else {
			group.do(one)
		}
	}
	return q.explain(group.wait())
}

// Sums adds up the rows of each shard.
func (q *sums) Sums(ctx context.Context, cells *engine.Cells) error {
	return q.each(func(of *asked) error {
		mine, only := q.onShard(of.shard, cells)
		if (cells.Only != nil || cells.Own != nil) && len(only) == 0 {
			return nil
		}
		return q.sumsOf(ctx, of, mine, only)
	})
}

// sumsOf adds up the rows of a shard: of some series, or of all.
func (q *sums) sumsOf(ctx context.Context, of *asked, cells *engine.Cells, only []event.Series) error {
	found := of.taken(cells)
	if found == nil {
		var err error
		if found, err = q.addedUp(ctx, of, cells, only, false); err != nil {
			return err
		}
	}
	if err := q.addBeyond(ctx, of, cells, found.sums); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return found.addTo(cells)
}

// added is what the rows of a shard add up to.
type added struct {
	sums    []summed
	buckets []sizes
	// mixed are the series of which it was seen that they have rows of both kinds.
	mixed []event.Series
	// scopesBeyond is set where some of the models have scopes beyond those that the rows were read by.
	scopesBeyond bool
}

// addedUp adds up the rows of a shard, and counts them by size where quantiles are wanted. Where it is not known whether the scopes are right,
// it says so of what it has added up.
func (q *sums) addedUp(ctx context.Context, of *asked, cells *engine.Cells, only []event.Series, unsure bool) (*added, error) {
	var found added
	p := q.picture(of, cells, only)
	p.unsure = unsure
	var group errorGroup
	if cells.Want == segment.WantAll && !cells.Counted {
		p := p
		p.lags = true
		group.do(func() error {
			_, err := once(p, func(p *picture) (read []place, err error) {
				err = of.ask(ctx, "count errors by size", func(ctx context.Context, conn driver.Conn) (err error) {
					if ctx, err = p.query(ctx); err == nil {
						found.buckets, read, err = readBuckets(ctx, conn, bucketsStatement(q.store, p, cells))
					}
					return err
				})
				return read, err
			})
			return err
		})
	}
	group.here(func() (err error) {
		found.mixed, err = once(p, func(p *picture) (read []place, err error) {
			err = of.ask(ctx, "add up rows", func(ctx context.Context, conn driver.Conn) (err error) {
				if ctx, err = p.query(ctx); err == nil {
					found.sums, read, found.scopesBeyond, err = q.readSums(ctx, conn, p, cells)
				}
				return err
			})
			return read, err
		})
		return err
	})
	return &found, group.wait()
}

// place is a cell of a series, and the kinds of the rows that were read one by one in it.
type place struct {
	series event.Series
	cell   int64
	kinds  uint8
}

// once reads rows of which each counts once. Both rows of an identity lie in one cell, so that one whose rows are all of one kind has each
// identity once; series of which that is not so are mixed, and read again with their rows put together.
func once(p picture, read func(p *picture) ([]place, error)) (mixed []event.Series, err error) {
	for {
		places, err := read(&p)
		if err != nil {
			return mixed, err
		}
		both := ofBothKinds(places)
		if len(both) == 0 {
			return mixed, nil
		}
		mixed = append(mixed, both...)
		p.mix(both)
	}
}

// ofBothKinds returns the series that have rows of both kinds in a cell.
func ofBothKinds(places []place) (of []event.Series) {
	type cell struct {
		series event.Series
		cell   int64
	}
	kinds := make(map[cell]uint8, len(places))
	for _, x := range places {
		at := cell{x.series, x.cell}
		if kinds[at] |= x.kinds; kinds[at] == bothKinds {
			of = append(of, x.series)
		}
	}
	slices.SortFunc(of, compareSeries)
	return slices.Compact(of)
}

// addTo adds to cells what was found.
func (x *added) addTo(cells *engine.Cells) error {
	bounds := boundsOf(cells)
	for i := range x.sums {
		x := &x.sums[i]
		number, ok := slices.BinarySearch(bounds(x.series), x.cell)
		if cells.Counted {
			if c := cells.Count(x.series, number); ok && c != nil {
				c.AddCounts(&x.Counts)
			}
			continue
		}
		if a := cells.Add(x.series, number); ok && a != nil && !x.beyond() {
			a.AddSummary(cells.Want, &x.Summary)
		}
	}
	for _, x := range x.buckets {
		number, ok := slices.BinarySearch(bounds(x.series), x.cell)
		a := cells.Add(x.series, number)
		if !ok || a == nil {
			continue
		}
		sketch := &a.Sketches.Errors
		if x.lag {
			sketch = &a.Sketches.Lags
		}
		for i, bucket := range x.numbers {
			if bucket != waitingBucket && !sketch.AddBucket(int(bucket), x.counts[i]) {
				return fmt.Errorf("BUG: bucket %d of a sketch", bucket)
			}
		}
	}
	return nil
}

// picture is the rows of cells.
func (q *sums) picture(of *asked, cells *engine.Cells, only []event.Series) picture {
	spans := cells.Spans
	p := picture{models: q.models.condition, from: spans[0].From, length: min(spans[len(spans)-1].To, q.store.config.Now().UnixMilli()) - spans[0].From, scopes: of.scopes}
	if cells.Rows {
		p.scopes = scopes{} // whatever actuals they have
	}
	p.along = alongOf(cells, only)
	switch {
	case p.along != nil:
		p.models = modelsAreAlong
	case only != nil:
		p.models = "model_id IN (" + quotedList(modelNames(only)) + ")"
	}
	p.where = "(" + p.models + ") AND (" + spansAre(spans) + ")"
	mixed, whole := of.mixed(spans)
	if only == nil {
		p.where += q.narrowed()
		mixed = slices.DeleteFunc(mixed, func(x event.Series) bool { return !q.holds(x) })
		whole = len(mixed) > 0 && whole
		if len(q.models.names) == 1 && q.version != "" && q.environment != "" {
			p.one = &event.Series{Model: q.models.names[0], Version: q.version, Environment: q.environment}
		}
	} else {
		if p.along == nil {
			p.where += " AND " + seriesAre(only)
		} else {
			p.where += " AND " + seriesAreAlong
		}
		wanted := make(map[event.Series]bool, len(only))
		for _, x := range only {
			wanted[x] = true
		}
		mixed = slices.DeleteFunc(mixed, func(x event.Series) bool { return !wanted[x] })
		whole = len(mixed) > 0 && (len(mixed) == len(only) || p.along != nil && len(mixed) > len(only)/2)
		if len(only) == 1 {
			p.one = &only[0]
		}
	}
	p.together = whole || len(mixed) > 0 && p.one != nil
	p.mix(mixed)
	return p
}

// narrowed is the condition on version and environment of the series that are added up, "" where both are open.
func (q *sums) narrowed() (condition string) {
	if q.environment != "" {
		condition += " AND environment = " + quoted(q.environment)
	}
	if q.version != "" {
		condition += " AND model_version = " + quoted(q.version)
	}
	return condition
}

// holds tells whether a series of the models is added up.
func (q *sums) holds(of event.Series) bool {
	return (q.environment == "" || q.environment == of.Environment) && (q.version == "" || q.version == of.Version)
}

func modelNames(of []event.Series) []string {
	names := make([]string, len(of))
	for i := range of {
		names[i] = of[i].Model
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// seriesAre is the condition that a row is of one of some series, seriesAreNot that it is of none.
func seriesAre(of []event.Series) string    { return seriesRelated("IN", of) }
func seriesAreNot(of []event.Series) string { return seriesRelated("NOT IN", of) }

func seriesRelated(how string, of []event.Series) string {
	texts := make([]string, len(of))
	for i, s := range of {
		texts[i] = fmt.Sprintf("(%s, %s, %s)", quoted(s.Model), quoted(s.Environment), quoted(s.Version))
	}
	return "(model_id, environment, model_version) " + how + " (" + strings.Join(texts, ", ") + ")"
}

// addBeyond adds the rows of cells whose sums are not to be had of floats, one by one.
func (q *sums) addBeyond(ctx context.Context, of *asked, cells *engine.Cells, found []summed) error {
	for i := range found {
		x := &found[i]
		if !x.beyond() {
			continue
		}
		p := q.picture(of, &engine.Cells{Spans: cells.Spans}, []event.Series{x.series})
		p.together = true
		bounds := boundsOf(cells)(x.series)
		number, _ := slices.BinarySearch(bounds, x.cell)
		p.where += " AND " + timeIs(x.cell, bounds[number+1])
		err := of.ask(ctx, "read rows beyond the sums of floats", func(ctx context.Context, conn driver.Conn) error {
			var whole segment.Aggregate
			err := eachRow(query(ctx), conn, "SELECT ms, p, a, known FROM (\n"+q.store.sql(&p)+"\n)", func(rows driver.Rows) error {
				var ms int64
				var predicted, actual float64
				var known uint8
				if err := rows.Scan(&ms, &predicted, &actual, &known); err != nil {
					return err
				}
				whole.Add(ms, predicted, actual, known == 1)
				return nil
			})
			if err != nil {
				return err
			}
			q.mu.Lock()
			defer q.mu.Unlock()
			if a := cells.Add(x.series, number); a != nil {
				a.Merge(&whole)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
