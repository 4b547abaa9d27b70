package clickhouse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/segment"
)

// cellOf is the beginning of the cell that a time in milliseconds lies in.
func cellOf(bounds []int64, ms string) string {
	if len(bounds) == 2 {
		return "toInt64(" + strconv.FormatInt(bounds[0], 10) + ")"
	}
	texts := make([]string, len(bounds))
	for i, b := range bounds {
		texts[i] = strconv.FormatInt(b, 10)
	}
	return "toInt64(roundDown(" + ms + ", CAST([" + strings.Join(texts, ", ") + "], 'Array(Int64)')))"
}

// sumOf is a function over rows with an actual, of those of which when holds unless it is empty. The error is e.
type sumOf struct{ function, argument, when string }

// sumsOfWant are the sums that each want has beside those of the one before.
var sumsOfWant = [...][]sumOf{
	segment.WantErrors: {{"sumKahan", "e", ""}, {"sumKahan", "abs(e)", ""}, {"varPopStable", "abs(e)", ""}, {"max", "abs(e)", ""}},
	segment.WantSpread: {{"varPopStable", "e * e", ""}},
	segment.WantAll: {
		{"count", "", "a != 0"},
		{"sumKahan", "abs(e) / abs(a)", "a != 0"},
		{"sumKahan", "2 * (abs(e) / (abs(p) + abs(a)))", "p != a"},
		{"sumKahan", "a", ""},
		{"sumKahan", "abs(a)", ""},
		{"varPopStable", "a", ""},
		{"max", "abs(a)", ""},
	},
}

// text is the function. among, unless it is empty, is a condition on the rows.
func (x sumOf) text(among string) string {
	arguments := nonEmpty(x.argument, strings.Join(nonEmpty(among, x.when), " AND "))
	if among != "" || x.when != "" {
		x.function += "If"
	}
	return x.function + "(" + strings.Join(arguments, ", ") + ")"
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// sumsStatement adds up rows by series and cell. Where rows have no other actuals than their own they are added up by kind, so that no function
// has a condition, and as the table has them: of a question about some hundred rows ClickHouse spends most of the time on understanding it.
func (q *sums) sumsStatement(p *picture, cells *engine.Cells) string {
	var keys, columns []string
	if p.one == nil {
		keys = []string{"model_id", "model_version", "environment"}
		columns = slices.Clone(keys)
	}
	flat, ms, with, from, among := p.flat(), "ms", "p - a AS e", "(\n"+q.store.sql(p)+"\n)", "known"
	if flat {
		ms, with, from, among = "toUnixTimestamp64Milli(timestamp)", "predicted_value - actual_value AS e", q.store.flatly(p), ""
		if cells.Want == segment.WantAll {
			with = "predicted_value AS p, actual_value AS a, " + with
		}
	}
	switch {
	case cells.Own != nil:
		rows := q.store.sql(p)
		if flat {
			rows = "SELECT *, toUnixTimestamp64Milli(timestamp) AS ms FROM " + from
		}
		from = inOwnCells(rows)
		columns, keys = append(columns, "own_cell AS cell"), append(keys, "cell")
	case len(cells.Bounds) > 2:
		columns, keys = append(columns, cellOf(cells.Bounds, ms)+" AS cell"), append(keys, "cell")
	}
	if p.unsure && !p.scoped {
		columns = append(columns, q.store.scopesBeyond(p))
	}
	if flat {
		keys = append(keys, "has_actual")
		columns = append(columns, "has_actual", "count()", "min(timestamp)", "max(timestamp)")
	} else {
		columns = append(columns, "groupBitOr(kind)", "count()", "min(ms)", "max(ms)", "countIf(known)", "minIf(ms, known)", "maxIf(ms, known)")
	}
	if !cells.Counted {
		for _, x := range slices.Concat(sumsOfWant[:cells.Want+1]...) {
			columns = append(columns, x.text(among))
		}
	}
	statement := "WITH " + with + "\nSELECT " + strings.Join(columns, ", ") + "\nFROM " + from
	if len(keys) > 0 {
		return statement + "\nGROUP BY " + strings.Join(keys, ", ")
	}
	return statement + "\nHAVING count() > 0"
}

// scopesBeyond is whether the models have scopes beyond those of the picture, which has not both.
func (s *Store) scopesBeyond(p *picture) string {
	what := "1"
	if p.actuals {
		what = "scoped"
	}
	return fmt.Sprintf("1 IN (SELECT %s FROM %s.scopes WHERE %s)", what, s.config.Database, p.models)
}

// summed is what the rows of a series in a cell add up to.
type summed struct {
	place
	segment.Summary

	// errors are the sums of the errors and of their sizes, actuals those of the actuals.
	errors, actuals signed
	// first and last are the times of rows that are read as the table has them.
	first, last  time.Time
	scopesBeyond uint8
}

// signed is what numbers with signs, and without, add up to.
type signed struct{ sum, size float64 }

// apart returns the sums of those above zero and of those below, without their sign.
func (x signed) apart() (over, under float64) {
	return max(x.size+x.sum, 0) / 2, max(x.size-x.sum, 0) / 2
}

// The largest error, or actual, of some rows is between these where the fourth powers of any number of them add up to a float64, and none of
// these is lost.
const sizeLeast, sizeMost = 1e-70, 1e70

// beyond tells whether a sum is not to be had of floats.
func (x *summed) beyond() bool {
	all := [...]float64{x.errors.sum, x.errors.size, x.ErrorsSpread, x.SquaresSpread, x.MaxAbsError, x.Percent, x.Symmetric, x.actuals.sum, x.actuals.size, x.ActualSpread}
	vast := func(v float64) bool { return !isFinite(v) }
	tiny := func(v float64) bool { return v > 0 && v < sizeLeast }
	return x.Actuals > 0 && (max(x.MaxAbsError, x.ActualSize) > sizeMost || tiny(x.MaxAbsError) || tiny(x.ActualSize) || slices.ContainsFunc(all[:], vast))
}

// into returns where the columns of a statement are read to.
func (x *summed) into(p *picture, cells *engine.Cells) (to []any) {
	if p.one == nil {
		to = append(to, &x.series.Model, &x.series.Version, &x.series.Environment)
	}
	if cells.Own != nil || len(cells.Bounds) > 2 {
		to = append(to, &x.cell)
	}
	if p.unsure && !p.scoped {
		to = append(to, &x.scopesBeyond)
	}
	if to = append(to, &x.kinds, &x.Rows); p.flat() {
		to = append(to, &x.first, &x.last)
	} else {
		to = append(to, &x.MinTime, &x.MaxTime, &x.Actuals, &x.ActualMinTime, &x.ActualMaxTime)
	}
	if cells.Counted {
		return to
	}
	to = append(to, &x.errors.sum, &x.errors.size, &x.ErrorsSpread, &x.MaxAbsError)
	if cells.Want >= segment.WantSpread {
		to = append(to, &x.SquaresSpread)
	}
	if cells.Want == segment.WantAll {
		to = append(to, &x.PercentRows, &x.Percent, &x.Symmetric, &x.actuals.sum, &x.actuals.size, &x.ActualSpread, &x.ActualSize)
	}
	return to
}

// settle makes a summary of what was read.
func (x *summed) settle(p *picture, cells *engine.Cells) {
	if p.one != nil {
		x.series = *p.one
	}
	if len(cells.Bounds) == 2 {
		x.cell = cells.Bounds[0]
	}
	x.ErrorsOver, x.ErrorsUnder = x.errors.apart()
	x.ActualOver, x.ActualUnder = x.actuals.apart()
	if p.flat() {
		known := x.kinds == 1
		x.kinds++ // of the column has_actual
		x.MinTime, x.MaxTime = x.first.UnixMilli(), x.last.UnixMilli()
		if known {
			x.Actuals, x.ActualMinTime, x.ActualMaxTime = x.Rows, x.MinTime, x.MaxTime
		} else {
			x.Summary = segment.Summary{Counts: segment.Counts{Rows: x.Rows, MinTime: x.MinTime, MaxTime: x.MaxTime}}
		}
	}
	for _, spread := range []*float64{&x.ErrorsSpread, &x.SquaresSpread, &x.ActualSpread} {
		if *spread *= float64(x.Actuals); math.IsNaN(*spread) && x.Actuals == 0 {
			*spread = 0
		}
	}
}

// readSums adds up the rows of a picture, and tells whether its models have scopes beyond its own, where it was unsure.
func (q *sums) readSums(ctx context.Context, conn driver.Conn, p *picture, cells *engine.Cells) (found []summed, places []place, scopesBeyond bool, err error) {
	err = eachRow(ctx, conn, q.sumsStatement(p, cells), func(rows driver.Rows) error {
		var x summed
		if err := rows.Scan(x.into(p, cells)...); err != nil {
			return err
		}
		x.settle(p, cells)
		found, places = append(found, x), append(places, x.place)
		scopesBeyond = scopesBeyond || x.scopesBeyond > 0
		return nil
	})
	return found, places, scopesBeyond, err
}

// sizes are how many errors, or lags, of a cell fall into which buckets of a sketch.
type sizes struct {
	place
	lag     bool
	numbers []int64
	counts  []uint64
}

// waitingBucket is the bucket that rows without an actual are counted in, so that it is seen that there are any.
const waitingBucket = -1

// bucketsStatement counts errors by the bucket of [segment.SketchBucket], and lags where there are any. A cell has one line: reading one for each
// bucket took three times as long as counting.
func bucketsStatement(s *Store, p *picture, cells *engine.Cells) string {
	number := func(value string) string {
		bits := "reinterpretAsUInt64(" + value + ")"
		return "if(" + value + " = 0, 0, 2551 + 50 * toInt64(bitShiftRight(" + bits + ", 52)) + toInt64(bitShiftRight(bitAnd(" + bits + ", 4503599627370495) * 50, 52)))"
	}
	with, from := s.selected(p)
	cell := "own_cell"
	if cells.Own == nil {
		cell = cellOf(cells.Bounds, "ms")
	} else {
		with, from = "", inOwnCells(with+"SELECT model_id, environment, model_version, ms, p, a, known, kind"+p.lagColumn()+" FROM "+from)
	}
	lag, of := "toUInt8(0)", "toInt64("+number("abs(p - a)")+")"
	if p.actuals {
		from += " ARRAY JOIN [(0, " + number("abs(p - a)") + "), (1, " + number("toFloat64(greatest(lag, 0))") + ")] AS of\nWHERE of.1 = 0 OR known AND lag >= 0"
		lag, of = "of.1 = 1", "toInt64(of.2)"
	}
	return fmt.Sprintf(`SELECT model_id, model_version, environment, cell, groupBitOr(kinds), is_lag, groupArray(number), groupArray(rows)
FROM (
%sSELECT model_id, model_version, environment, %s AS cell, groupBitOr(kind) AS kinds, %s AS is_lag, if(known, %s, %d) AS number, count() AS rows
FROM %s
GROUP BY model_id, model_version, environment, cell, is_lag, number
)
GROUP BY model_id, model_version, environment, cell, is_lag`, with, cell, lag, of, waitingBucket, from)
}

// lagColumn is the lag of rows that have one.
func (p *picture) lagColumn() string {
	if p.actuals {
		return ", lag"
	}
	return ""
}

func readBuckets(ctx context.Context, conn driver.Conn, statement string) (found []sizes, places []place, err error) {
	err = eachRow(ctx, conn, statement, func(rows driver.Rows) error {
		var x sizes
		var lag uint8
		if err := rows.Scan(&x.series.Model, &x.series.Version, &x.series.Environment, &x.cell, &x.kinds, &lag, &x.numbers, &x.counts); err != nil {
			return err
		}
		x.lag = lag == 1
		found, places = append(found, x), append(places, x.place)
		return nil
	})
	return found, places, err
}
