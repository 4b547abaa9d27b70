package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/rows"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// eachRows is what comes first: rows of a series are read under the lock of their model and held in memory.
func (db *DB) eachRows(ctx context.Context, q RowsQuery, yield func(b *RowBatch) bool) (Read, error) { //nolint:funlen // one loop after the other
	w, err := MetricsQuery{Window: q.Window, From: q.From, To: q.To, AsOf: q.AsOf}.span(db.opts.Now())
	if err != nil {
		return Read{}, err
	}
	if q.Order >= rowOrders || q.Columns&^allRowColumns != 0 || q.Limit < 0 || q.Actuals > Waiting {
		return Read{}, queryError("no such order, column or filter")
	}
	if q.Order == WorstFirst && (q.Limit == 0 || q.Limit > WorstRowsMax) {
		return Read{}, queryError("the worst rows first need a limit, of at most %d", WorstRowsMax)
	}
	columns := base.OrDefault(q.Columns, allRowColumns)
	var conditions []rows.Condition
	for _, c := range q.Features {
		conditions = append(conditions, rows.NewCondition(c.Key, c.Op, c.Value))
	}
	p := query.Plan{Selection: query.SelectionOf(q.Model, base.OrDefault(q.Version, catalog.LatestVersion), base.OrDefault(q.Environment, defaultEnvironment))}
	p.Ask(query.Window{Span: w})
	run, err := db.queries.Start(ctx, &p)
	if err != nil {
		return Read{}, err
	}
	type found struct {
		series event.Series
		segment.Columns
	}
	var all []found
	var read Read
	var sc segment.Scratch
	var failed error
	for m, n := range run.Series {
		f := found{series: m.Series[n].Of(m)}
		keep := func(c *segment.Columns) {
			read.Rows += uint64(c.Len())
			for i := range c.Len() {
				ok := c.Times[i] >= w.From && c.Times[i] < w.To && (q.ID == "" || bytes.Equal(c.IDs.At(i), []byte(q.ID)))
				ok = ok && (q.Actuals == AnyActual || (q.Actuals == WithActual) == c.Known.Get(i)) && (q.Order != WorstFirst || c.Known.Get(i))
				for k := range conditions {
					ok = ok && conditions[k].Holds(c.Features.At(i))
				}
				if ok {
					f.AppendFrom(c, i, i+1)
				}
			}
		}
		for _, mo := range m.Months {
			if !mo.Overlaps(w) {
				continue
			}
			var c segment.Columns
			for _, sg := range mo.Segments {
				if x := sg.Find(n); x != nil {
					seg, err := sg.Open(&sc)
					if err == nil {
						for block := range seg.Series(int(x.Index)).Blocks {
							var r Read
							r, err = seg.ReadBlock(&c, int(x.Index), block, segment.AllColumns, &sc)
							read.Bytes += r.Bytes
							if err != nil {
								break
							}
							keep(&c)
						}
					}
					if err != nil {
						failed = errors.Join(failed, fmt.Errorf("model %q: %w", m.Name, base.SegmentError(err)))
					}
				}
			}
			for h := range mo.Heads {
				for _, r := range head.Snapshot([]*head.Head{h}) {
					if r.Series == n {
						var merger head.RowMerger
						merger.Begin(r)
						c.Reset()
						for merger.Next(&c) {
						}
						keep(&c)
					}
				}
			}
		}
		all = append(all, f)
	}
	if _, err := run.End(); err != nil || failed != nil {
		return read, errors.Join(err, failed)
	}
	type place struct{ series, row int }
	var places []place
	for s := range all {
		for i := range all[s].Len() {
			places = append(places, place{s, i})
		}
	}
	if q.Order != Unordered {
		slices.SortStableFunc(places, func(x, y place) int {
			a, b := &all[x.series], &all[y.series]
			t, u := a.Times[x.row], b.Times[y.row]
			if q.Order == WorstFirst {
				d, e := math.Abs(a.Predicted[x.row]-a.Actual[x.row]), math.Abs(b.Predicted[y.row]-b.Actual[y.row])
				if d != e {
					if d > e {
						return -1
					}
					return 1
				}
			}
			if t != u {
				if (t < u) != (q.Order == TimeDescending) {
					return -1
				}
				return 1
			}
			if c := query.CompareSeries(&a.series, &b.series); c != 0 {
				return c
			}
			return bytes.Compare(a.IDs.At(x.row), b.IDs.At(y.row))
		})
	}
	if q.Limit > 0 {
		places = places[:min(len(places), q.Limit)]
	}
	for some := range slices.Chunk(places, 1000) {
		if err := ctx.Err(); err != nil {
			return read, fmt.Errorf("read rows: %w", err)
		}
		var b RowBatch
		numbers := make(map[int]uint32)
		for _, p := range some {
			n, ok := numbers[p.series]
			if !ok {
				n = uint32(len(b.Series))
				numbers[p.series] = n
				b.Series = append(b.Series, all[p.series].series)
			}
			b.SeriesOf = append(b.SeriesOf, n)
			b.AppendFrom(&all[p.series].Columns, p.row, p.row+1)
		}
		if columns&IDColumn == 0 {
			b.IDs.Reset()
		}
		if columns&FeaturesColumn == 0 {
			b.Features.Reset()
		}
		if columns&LagColumn == 0 {
			b.Lags = nil
		}
		if !yield(&b) {
			break
		}
	}
	return read, nil
}
