package clickhouse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/segment"
)

// cellOf is the beginning of the cell that a row lies in.
func cellOf(bounds []int64) string {
	if len(bounds) == 2 {
		return "toInt64(" + strconv.FormatInt(bounds[0], 10) + ")"
	}
	texts := make([]string, len(bounds))
	for i, b := range bounds {
		texts[i] = strconv.FormatInt(b, 10)
	}
	return "toInt64(roundDown(ms, CAST([" + strings.Join(texts, ", ") + "], 'Array(Int64)')))"
}

// sumOf is a function over rows with an actual, of those of which when holds unless it is empty.
type sumOf struct{ function, argument, when string }

// sumsOfWant are the sums that each want has beside those of the one before.
var sumsOfWant = [...][]sumOf{
	segment.WantErrors: {
		{"sumKahan", "p - a", "p > a"}, {"sumKahan", "a - p", "p < a"}, {"varPopStable", "abs(p - a)", ""}, {"max", "abs(p - a)", ""},
	},
	segment.WantSpread: {{"varPopStable", "(p - a) * (p - a)", ""}},
	segment.WantAll: {
		{"count", "", "a != 0"},
		{"sumKahan", "abs(p - a) / abs(a)", "a != 0"},
		{"sumKahan", "2 * (abs(p - a) / (abs(p) + abs(a)))", "p != a"},
		{"sumKahan", "a", "a > 0"},
		{"sumKahan", "-a", "a < 0"},
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
// has a condition: that is a tenth faster.
func sumsStatement(s *Store, p *picture, cells *engine.Cells) string {
	with, from := s.selected(p)
	kind, among, groups := "groupBitOr(kind)", "known", ""
	if p.flat() {
		kind, among, groups = "kind", "", ", kind"
	}
	columns := []string{"model_id", "model_version", "environment", cellOf(cells.Bounds) + " AS cell", kind, "count()", "min(ms)", "max(ms)"}
	if !p.flat() {
		columns = append(columns, "countIf(known)", "minIf(ms, known)", "maxIf(ms, known)")
	}
	for _, x := range slices.Concat(sumsOfWant[:cells.Want+1]...) {
		columns = append(columns, x.text(among))
	}
	return with + "SELECT " + strings.Join(columns, ", ") + "\nFROM " + from + "\nGROUP BY model_id, model_version, environment, cell" + groups
}

// into returns where the columns of a statement are read to.
func (x *summed) into(p *picture, want segment.Want) []any {
	to := []any{&x.series.Model, &x.series.Version, &x.series.Environment, &x.cell, &x.kinds, &x.Rows, &x.MinTime, &x.MaxTime}
	if !p.flat() {
		to = append(to, &x.Actuals, &x.ActualMinTime, &x.ActualMaxTime)
	}
	to = append(to, &x.ErrorsOver, &x.ErrorsUnder, &x.ErrorsSpread, &x.MaxAbsError)
	if want >= segment.WantSpread {
		to = append(to, &x.SquaresSpread)
	}
	if want == segment.WantAll {
		to = append(to, &x.PercentRows, &x.Percent, &x.Symmetric, &x.ActualOver, &x.ActualUnder, &x.ActualSpread, &x.ActualSize)
	}
	return to
}

// settle makes a summary of what was read.
func (x *summed) settle(p *picture) {
	if p.flat() {
		counts := segment.Counts{Rows: x.Rows, MinTime: x.MinTime, MaxTime: x.MaxTime}
		if x.kinds == withoutActual {
			x.Summary = segment.Summary{Counts: counts}
		} else {
			x.Actuals, x.ActualMinTime, x.ActualMaxTime = x.Rows, x.MinTime, x.MaxTime
		}
	}
	for _, spread := range []*float64{&x.ErrorsSpread, &x.SquaresSpread, &x.ActualSpread} {
		if *spread *= float64(x.Actuals); math.IsNaN(*spread) && x.Actuals == 0 {
			*spread = 0
		}
	}
}

// summed is what the rows of a series in a cell add up to.
type summed struct {
	place
	segment.Summary
}

// errorMost is the largest error whose fourth power is a float64.
const errorMost = 1e75

// beyond tells whether a sum is not to be had of floats.
func (x *summed) beyond() bool {
	all := [...]float64{x.ErrorsOver, x.ErrorsUnder, x.ErrorsSpread, x.SquaresSpread, x.MaxAbsError, x.Percent, x.Symmetric, x.ActualOver, x.ActualUnder, x.ActualSpread}
	return x.Actuals > 0 && (x.MaxAbsError > errorMost || slices.ContainsFunc(all[:], func(v float64) bool { return !isFinite(v) }))
}

func readSums(ctx context.Context, conn driver.Conn, statement string, p *picture, want segment.Want) (found []summed, places []place, err error) {
	err = eachRow(ctx, conn, statement, func(rows driver.Rows) error {
		var x summed
		if err := rows.Scan(x.into(p, want)...); err != nil {
			return err
		}
		x.settle(p)
		found, places = append(found, x), append(places, x.place)
		return nil
	})
	return found, places, err
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
GROUP BY model_id, model_version, environment, cell, is_lag`, with, cellOf(cells.Bounds), lag, of, waitingBucket, from)
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
