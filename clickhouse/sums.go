package clickhouse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// sums adds up rows for one question.
type sums struct {
	store  *Store
	models named
	// with are the shards that the question is about, by what their tables say of actuals.
	with []asked

	mu sync.Mutex
}

// asked is a shard that a question is about.
type asked struct {
	*shard
	actuals, scoped bool
	// mixed is set where a series has rows with and without an actual in one month, of which some may be of one identity.
	mixed bool
}

// questions returns the questions about some models: their series are asked for, and their sums as they are needed.
func (s *Store) questions(ctx context.Context, pattern, within string, literal engine.Columns) (*engine.Questions, *sums, error) {
	of := &sums{store: s, models: modelsOf(pattern, within, literal)}
	var all []engine.SeriesSpan
	var group errorGroup
	for _, x := range s.shardsOf(&of.models) {
		group.do(func() error {
			a := asked{shard: x}
			found, err := s.series(ctx, &a, of.models.condition)
			of.mu.Lock()
			defer of.mu.Unlock()
			all, of.with = append(all, found...), append(of.with, a)
			return err
		})
	}
	if err := group.wait(); err != nil {
		return nil, nil, of.explain(err)
	}
	return engine.NewQuestions(all, of, s.config.Now), of, nil
}

// explain says of a shard that is away what it means for a question about several.
func (q *sums) explain(err error) error {
	if q.models.names == nil && len(q.store.shards.list) > 1 {
		return away(err)
	}
	return err
}

// series asks a shard for the series of some models, and whether actuals came apart from their rows.
func (s *Store) series(ctx context.Context, of *asked, condition string) (found []engine.SeriesSpan, err error) {
	statement := fmt.Sprintf(`SELECT model_id, model_version, environment, min(earliest), max(newest), toUInt8(0), toUInt8(max(both))
FROM (
    SELECT model_id, model_version, environment, min(first) AS earliest, max(last) AS newest, groupBitOr(kinds) = 3 AS both
    FROM %[1]s.series WHERE %[2]s GROUP BY model_id, model_version, environment, month
)
GROUP BY model_id, model_version, environment
UNION ALL SELECT '', '', '', toInt64(0), toInt64(0), toUInt8(1 + max(scoped)), toUInt8(0) FROM %[1]s.scopes WHERE %[2]s HAVING count() > 0`, s.config.Database, condition)
	err = of.ask(ctx, "read series", func(ctx context.Context, conn driver.Conn) error {
		found = found[:0]
		rows, err := conn.Query(query(ctx), statement)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var x engine.SeriesSpan
			var actuals, both uint8
			if err := rows.Scan(&x.Model, &x.Version, &x.Environment, &x.First, &x.Last, &actuals, &both); err != nil {
				return err
			}
			if actuals > 0 {
				of.actuals, of.scoped = true, actuals > 1
				continue
			}
			of.mixed = of.mixed || both == 1
			found = append(found, x)
		}
		return rows.Err()
	})
	return found, err
}

// Sums adds up the rows of each shard.
func (q *sums) Sums(ctx context.Context, cells *engine.Cells) error {
	var group errorGroup
	for i := range q.with {
		of := &q.with[i]
		only := slices.DeleteFunc(slices.Clone(cells.Only), func(x event.Series) bool { return q.store.shards.of(x.Model) != of.shard })
		if cells.Only != nil && len(only) == 0 {
			continue
		}
		group.do(func() error { return q.sumsOf(ctx, of, cells, only) })
	}
	return q.explain(group.wait())
}

// sumsOf adds up the rows of a shard: of some series, or of all.
func (q *sums) sumsOf(ctx context.Context, of *asked, cells *engine.Cells, only []event.Series) error {
	p := q.picture(of, cells, only)
	cell := "roundDown(ms, " + bounds(cells.Bounds) + ")"
	var found []summed
	err := of.ask(ctx, "add up rows", func(ctx context.Context, conn driver.Conn) (err error) {
		found, err = readSums(query(ctx), conn, sumsStatement(q.store.sql(&p), cell, cells.Want))
		return err
	})
	if err != nil {
		return err
	}
	var buckets []bucket
	if cells.Want == segment.WantAll {
		err = of.ask(ctx, "count errors by size", func(ctx context.Context, conn driver.Conn) (err error) {
			p.lags = true
			buckets, err = readBuckets(query(ctx), conn, bucketsStatement(q.store.sql(&p), cell))
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := q.addBeyond(ctx, of, cells, found); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range found {
		x := &found[i]
		number, ok := slices.BinarySearch(cells.Bounds, x.cell)
		if a := cells.Add(x.series, number); ok && a != nil && !x.beyond() {
			a.AddSummary(cells.Want, &x.Summary)
		}
	}
	for _, x := range buckets {
		number, ok := slices.BinarySearch(cells.Bounds, x.cell)
		a := cells.Add(x.series, number)
		if !ok || a == nil {
			continue
		}
		sketch := &a.Sketches.Errors
		if x.lag {
			sketch = &a.Sketches.Lags
		}
		if !sketch.AddBucket(int(x.number), x.count) {
			return fmt.Errorf("BUG: bucket %d of a sketch", x.number)
		}
	}
	return nil
}

// picture is the rows of cells.
func (q *sums) picture(of *asked, cells *engine.Cells, only []event.Series) picture {
	spans := make([][2]int64, len(cells.Spans))
	for i, s := range cells.Spans {
		spans[i] = [2]int64{s.From, s.To}
	}
	p := picture{models: q.models.condition, from: spans[0][0], actuals: of.actuals, scoped: of.scoped, mixed: of.mixed}
	if only != nil {
		p.models = "model_id IN (" + quotedList(modelNames(only)) + ")"
	}
	p.where = "(" + p.models + ") AND (" + spansAre(spans) + ")"
	if only != nil {
		p.where += " AND " + seriesAre(only)
	}
	return p
}

func modelNames(of []event.Series) []string {
	names := make([]string, len(of))
	for i := range of {
		names[i] = of[i].Model
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// seriesAre is that a row is of one of some series.
func seriesAre(of []event.Series) string {
	texts := make([]string, len(of))
	for i, s := range of {
		texts[i] = fmt.Sprintf("(%s, %s, %s)", quoted(s.Model), quoted(s.Environment), quoted(s.Version))
	}
	return "(model_id, environment, model_version) IN (" + strings.Join(texts, ", ") + ")"
}

func bounds(of []int64) string {
	texts := make([]string, len(of))
	for i, b := range of {
		texts[i] = strconv.FormatInt(b, 10)
	}
	return "CAST([" + strings.Join(texts, ", ") + "], 'Array(Int64)')"
}

// sumsStatement adds up rows by series and cell.
func sumsStatement(rows, cell string, want segment.Want) string {
	columns := []string{
		"model_id", "model_version", "environment", "toInt64(" + cell + ") AS cell", "count()", "countIf(known)", "min(ms)", "max(ms)", "minIf(ms, known)", "maxIf(ms, known)",
		"sumKahanIf(p - a, known AND p > a)", "sumKahanIf(a - p, known AND p < a)", "varPopStableIf(abs(p - a), known)", "maxIf(abs(p - a), known)",
	}
	rest := []string{
		"varPopStableIf((p - a) * (p - a), known)",
		"countIf(known AND a != 0)", "sumKahanIf(abs(p - a) / abs(a), known AND a != 0)", "sumKahanIf(2 * (abs(p - a) / (abs(p) + abs(a))), known AND p != a)",
		"sumKahanIf(a, known AND a > 0)", "sumKahanIf(-a, known AND a < 0)", "varPopStableIf(a, known)", "maxIf(abs(a), known)",
	}
	for i, column := range rest {
		switch {
		case want == segment.WantAll, want == segment.WantSpread && i == 0:
			columns = append(columns, column)
		case i == 1:
			columns = append(columns, "toUInt64(0)")
		default:
			columns = append(columns, "toFloat64(0)")
		}
	}
	return "SELECT " + strings.Join(columns, ", ") + "\nFROM (\n" + rows + "\n)\nGROUP BY model_id, model_version, environment, cell"
}

// summed is what the rows of a series in a cell add up to.
type summed struct {
	series event.Series
	cell   int64
	segment.Summary
}

// errorMost is the largest error whose fourth power is a float64.
const errorMost = 1e75

// beyond tells whether a sum is not to be had of floats.
func (x *summed) beyond() bool {
	all := [...]float64{x.ErrorsOver, x.ErrorsUnder, x.ErrorsSpread, x.SquaresSpread, x.MaxAbsError, x.Percent, x.Symmetric, x.ActualOver, x.ActualUnder, x.ActualSpread}
	return x.Actuals > 0 && (x.MaxAbsError > errorMost || slices.ContainsFunc(all[:], func(v float64) bool { return !isFinite(v) }))
}

func readSums(ctx context.Context, conn driver.Conn, statement string) (found []summed, err error) {
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var x summed
		err := rows.Scan(&x.series.Model, &x.series.Version, &x.series.Environment, &x.cell, &x.Rows, &x.Actuals, &x.MinTime, &x.MaxTime, &x.ActualMinTime, &x.ActualMaxTime,
			&x.ErrorsOver, &x.ErrorsUnder, &x.ErrorsSpread, &x.MaxAbsError, &x.SquaresSpread,
			&x.PercentRows, &x.Percent, &x.Symmetric, &x.ActualOver, &x.ActualUnder, &x.ActualSpread, &x.ActualSize)
		if err != nil {
			return nil, err
		}
		for _, spread := range []*float64{&x.ErrorsSpread, &x.SquaresSpread, &x.ActualSpread} {
			if *spread *= float64(x.Actuals); math.IsNaN(*spread) && x.Actuals == 0 {
				*spread = 0
			}
		}
		found = append(found, x)
	}
	return found, rows.Err()
}

// bucket is how many errors, or lags, of a cell fall into a bucket of a sketch.
type bucket struct {
	series event.Series
	cell   int64
	lag    bool
	number int64
	count  uint64
}

// bucketsStatement counts errors and lags by the bucket of [segment.SketchBucket].
func bucketsStatement(rows, cell string) string {
	number := func(value string) string {
		bits := "reinterpretAsUInt64(" + value + ")"
		return "if(" + value + " = 0, 0, 2551 + 50 * toInt64(bitShiftRight(" + bits + ", 52)) + toInt64(bitShiftRight(bitAnd(" + bits + ", 4503599627370495) * 50, 52)))"
	}
	return `SELECT model_id, model_version, environment, toInt64(` + cell + `) AS cell, of.1 = 1 AS is_lag, toInt64(of.2) AS number, count()
FROM (
` + rows + `
) ARRAY JOIN [(0, ` + number("abs(p - a)") + `), (1, ` + number("toFloat64(greatest(lag, 0))") + `)] AS of
WHERE known AND (of.1 = 0 OR lag >= 0)
GROUP BY model_id, model_version, environment, cell, is_lag, number`
}

func readBuckets(ctx context.Context, conn driver.Conn, statement string) (found []bucket, err error) {
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var x bucket
		var lag uint8
		if err := rows.Scan(&x.series.Model, &x.series.Version, &x.series.Environment, &x.cell, &lag, &x.number, &x.count); err != nil {
			return nil, err
		}
		x.lag = lag == 1
		found = append(found, x)
	}
	return found, rows.Err()
}

// addBeyond adds the rows of cells whose sums are not to be had of floats, one by one.
func (q *sums) addBeyond(ctx context.Context, of *asked, cells *engine.Cells, found []summed) error {
	for i := range found {
		x := &found[i]
		if !x.beyond() {
			continue
		}
		p := q.picture(of, cells, []event.Series{x.series})
		number, _ := slices.BinarySearch(cells.Bounds, x.cell)
		p.where += " AND " + timeIs(x.cell, cells.Bounds[number+1])
		err := of.ask(ctx, "read rows beyond the sums of floats", func(ctx context.Context, conn driver.Conn) error {
			rows, err := conn.Query(query(ctx), "SELECT ms, p, a, known FROM (\n"+q.store.sql(&p)+"\n)")
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			var whole segment.Aggregate
			for rows.Next() {
				var ms int64
				var predicted, actual float64
				var known uint8
				if err := rows.Scan(&ms, &predicted, &actual, &known); err != nil {
					return err
				}
				whole.Add(ms, predicted, actual, known == 1)
			}
			if err := rows.Err(); err != nil {
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

// Rows reads the rows of a model from a time on.
func (q *sums) Rows(ctx context.Context, model string, from int64, yield func(of event.Series, ts int64, predicted, actual float64, known bool, lag int64) bool) error {
	i := slices.IndexFunc(q.with, func(x asked) bool { return x.shard == q.store.shards.of(model) })
	if i < 0 {
		return nil
	}
	of := &q.with[i]
	p := picture{models: "model_id = " + quoted(model), from: from, actuals: of.actuals, scoped: of.scoped, mixed: of.mixed, lags: true}
	p.where = p.models + " AND " + timeIs(from, math.MaxInt64)
	handedOn := false
	err := of.ask(ctx, "read the numbers of rows", func(ctx context.Context, conn driver.Conn) (err error) {
		defer func() {
			if err != nil && handedOn {
				err = fmt.Errorf("%w: %w", errHandedOn, err)
			}
		}()
		ctx, cancel := context.WithCancel(query(ctx))
		defer cancel()
		rows, err := conn.Query(ctx, "SELECT model_version, environment, ms, p, a, known, lag FROM (\n"+q.store.sql(&p)+"\n)")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		series := event.Series{Model: model}
		var ts, lag int64
		var predicted, actual float64
		var known uint8
		for rows.Next() {
			if err := rows.Scan(&series.Version, &series.Environment, &ts, &predicted, &actual, &known, &lag); err != nil {
				return err
			}
			handedOn = true
			if known == 0 {
				actual, lag = 0, segment.NoLag
			}
			if !yield(series, ts, predicted, actual, known == 1, lag) {
				cancel()
				return nil
			}
		}
		return rows.Err()
	})
	return q.explain(err)
}
