package project_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// genNow is the time of the questions, genRows what they are about.
var genNow = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// genRow is a prediction. Numbers are parts of 64 and small, so that sums of them and of their squares are exact in any order.
type genRow struct {
	ts                          int64
	model, version, environment string
	predicted, actual           float64
	known                       bool
}

func (r *genRow) e() float64 { return r.predicted - r.actual }

func generateRows(r *rand.Rand, n int) []genRow {
	rows := make([]genRow, n)
	for i := range rows {
		back := r.Int64N(3000)
		if r.IntN(3) > 0 {
			back = r.Int64N(600_000)
		}
		if r.IntN(40) == 0 {
			back = r.Int64N(4_000_000)
		}
		p := float64(r.IntN(200_000)-50_000) / 64
		a := p + float64(r.IntN(2000)-900)/64
		switch r.IntN(12) {
		case 0:
			a = p
		case 1:
			a = 0
		}
		rows[i] = genRow{
			ts: genNow.UnixMilli() - back*1000, model: fmt.Sprint("m", r.IntN(5)), version: fmt.Sprint("v", r.IntN(3)),
			environment: []string{"production", "staging", "it's"}[r.IntN(3)], predicted: p, actual: a, known: r.IntN(8) > 0,
		}
	}
	return rows
}

// ndjson is rows as events.
func ndjson(rows []genRow) string {
	var b strings.Builder
	for i := range rows {
		r := &rows[i]
		actual := ""
		if r.known {
			actual = `,"actual_value":` + strconv.FormatFloat(r.actual, 'g', -1, 64)
		}
		fmt.Fprintf(&b, `{"timestamp":%q,"model_id":%q,"prediction_id":"p%d","features":"{}","predicted_value":%v%s,"model_version":%q,"environment":%q}`+"\n",
			time.UnixMilli(r.ts).UTC().Format(time.DateTime), r.model, i, r.predicted, actual, r.version, r.environment)
	}
	return b.String()
}

// generator makes statements of the grammar that is understood.
type generator struct {
	*rand.Rand

	aliases int
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) alias() string {
	g.aliases++
	return fmt.Sprint("c", g.aliases)
}

// genName is something with a name that is known of rows: a key, a condition or an aggregate, as SQL and as what it is of rows.
type genCondition struct {
	sql   string
	holds func(r *genRow) bool
}

// moment is a time as SQL and as milliseconds.
func (g *generator) moment() (string, int64) {
	switch g.IntN(5) {
	case 0:
		n := g.IntN(200)
		return fmt.Sprintf("now() - INTERVAL %d HOUR", n), genNow.UnixMilli() - int64(n)*3600_000
	case 1:
		n := g.IntN(20)
		return fmt.Sprintf("now() - interval '%d' day", n), genNow.UnixMilli() - int64(n)*86400_000
	case 2:
		at := genNow.Add(-time.Duration(g.IntN(600_000)) * time.Second)
		return "'" + at.Format(time.DateTime) + "'", at.UnixMilli()
	case 3:
		at := genNow.Add(-time.Duration(g.IntN(600)) * time.Hour).Truncate(time.Hour)
		return fmt.Sprintf("toDateTime('%s')", at.Format(time.DateTime)), at.UnixMilli()
	}
	n := g.IntN(3000)
	return fmt.Sprintf("subtractMinutes(now(), %d)", n), genNow.UnixMilli() - int64(n)*60_000
}

var genOperators = map[string]func(a, b int64) bool{
	"<": func(a, b int64) bool { return a < b }, "<=": func(a, b int64) bool { return a <= b }, ">": func(a, b int64) bool { return a > b },
	">=": func(a, b int64) bool { return a >= b }, "=": func(a, b int64) bool { return a == b }, "!=": func(a, b int64) bool { return a != b },
}

// condition is one on series and time.
func (g *generator) condition(depth int) genCondition {
	if depth > 0 && g.IntN(3) == 0 {
		a, b := g.condition(depth-1), g.condition(depth-1)
		switch g.IntN(3) {
		case 0:
			return genCondition{"(" + a.sql + " OR " + b.sql + ")", func(r *genRow) bool { return a.holds(r) || b.holds(r) }}
		case 1:
			return genCondition{"(" + a.sql + " AND " + b.sql + ")", func(r *genRow) bool { return a.holds(r) && b.holds(r) }}
		}
		return genCondition{"NOT (" + a.sql + ")", func(r *genRow) bool { return !a.holds(r) }}
	}
	switch g.IntN(11) {
	case 0:
		m := fmt.Sprint("m", g.IntN(6))
		return genCondition{"model_id = '" + m + "'", func(r *genRow) bool { return r.model == m }}
	case 1:
		return genCondition{`environment != 'it\'s'`, func(r *genRow) bool { return r.environment != "it's" }}
	case 2:
		return genCondition{"model_version IN ('v0', 'v2', 'none')", func(r *genRow) bool { return r.version == "v0" || r.version == "v2" }}
	case 3:
		return genCondition{"environment LIKE '%a%'", func(r *genRow) bool { return strings.Contains(r.environment, "a") }}
	case 4:
		return genCondition{"concat(model_id, '/', model_version) >= 'm2/v1'", func(r *genRow) bool { return r.model+"/"+r.version >= "m2/v1" }}
	case 5:
		h := g.IntN(24)
		return genCondition{fmt.Sprintf("toHour(timestamp) %s %d", "<", h), func(r *genRow) bool { return time.UnixMilli(r.ts).UTC().Hour() < h }}
	case 6:
		low, from := g.moment()
		high, to := g.moment()
		return genCondition{fmt.Sprintf("timestamp BETWEEN %s AND %s", low, high), func(r *genRow) bool { return r.ts >= from && r.ts <= to }}
	case 7:
		text, at := g.moment()
		op := pick(g, "<", "<=", ">", ">=", "=", "!=")
		f := pick(g, genKeys[:]...)
		return genCondition{fmt.Sprintf("%s %s toDateTime(%s)", f.sql, op, f.cut(text, at)), func(r *genRow) bool { return genOperators[op](f.floor(r.ts), f.floor(at)) }}
	}
	text, at := g.moment()
	op := pick(g, "<", "<=", ">", ">=", ">=", ">=", "<", "=", "!=")
	if g.IntN(4) == 0 {
		flip := map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}[op]
		return genCondition{fmt.Sprintf("%s %s timestamp", text, flip), func(r *genRow) bool { return genOperators[op](r.ts, at) }}
	}
	return genCondition{fmt.Sprintf("timestamp %s %s", op, text), func(r *genRow) bool { return genOperators[op](r.ts, at) }}
}

// genKey is a period of time as a key.
type genKey struct {
	sql   string
	floor func(ms int64) int64
	text  func(t time.Time) string
}

// cut is the start of the period of a time, as SQL.
func (k *genKey) cut(_ string, at int64) string {
	return "'" + time.UnixMilli(k.floor(at)).UTC().Format(time.DateTime) + "'"
}

func every(seconds int64) func(ms int64) int64 {
	return func(ms int64) int64 { return ms / (seconds * 1000) * (seconds * 1000) }
}

func dateTime(t time.Time) string { return t.Format(time.DateTime) }

var genKeys = [...]genKey{
	{"toStartOfHour(timestamp)", every(3600), dateTime},
	{"toStartOfDay(timestamp)", every(86400), dateTime},
	{"toStartOfFifteenMinutes(timestamp)", every(900), dateTime},
	{"toStartOfInterval(timestamp, INTERVAL 6 HOUR)", every(6 * 3600), dateTime},
	{"toStartOfInterval(timestamp, INTERVAL 90 MINUTE)", every(90 * 60), dateTime},
}

// group is a key of groups: SQL and the text that it has of a row.
type genGroup struct {
	sql  string
	text func(r *genRow) string
}

func (g *generator) group() genGroup {
	switch g.IntN(9) {
	case 0:
		return genGroup{"model_id", func(r *genRow) string { return r.model }}
	case 1:
		return genGroup{"model_version", func(r *genRow) string { return r.version }}
	case 2:
		return genGroup{"environment", func(r *genRow) string { return r.environment }}
	case 3:
		return genGroup{"upper(model_id)", func(r *genRow) string { return strings.ToUpper(r.model) }}
	case 4:
		return genGroup{"toHour(timestamp)", func(r *genRow) string { return strconv.Itoa(time.UnixMilli(r.ts).UTC().Hour()) }}
	case 5:
		return genGroup{"toDate(timestamp)", func(r *genRow) string { return time.UnixMilli(r.ts).UTC().Format(time.DateOnly) }}
	case 6:
		return genGroup{"if(model_id = 'm1', 'one', environment)", func(r *genRow) string {
			if r.model == "m1" {
				return "one"
			}
			return r.environment
		}}
	case 7:
		return genGroup{"formatDateTime(timestamp, '%Y-%m')", func(r *genRow) string { return time.UnixMilli(r.ts).UTC().Format("2006-01") }}
	}
	k := pick(g, genKeys[:]...)
	return genGroup{k.sql, func(r *genRow) string { return k.text(time.UnixMilli(k.floor(r.ts)).UTC()) }}
}

// genAggregate is an aggregate: SQL, and what it is of some rows with an actual. nan stands for what has no value.
type genAggregate struct {
	sql string
	of  func(rows []*genRow) float64
}

const genE = "(predicted_value - actual_value)"

// aggregate is one over a table.
func (g *generator) aggregate() genAggregate {
	a := g.plainAggregate()
	if g.IntN(4) > 0 || strings.Contains(a.sql, "DISTINCT") || a.of == nil {
		return a
	}
	c := g.condition(1)
	name, args, _ := strings.Cut(a.sql, "(")
	args = strings.TrimSuffix(args, ")")
	if args != "" {
		args += ", "
	}
	return genAggregate{name + "If(" + args + c.sql + ")", func(rows []*genRow) float64 {
		var some []*genRow
		for _, r := range rows {
			if c.holds(r) {
				some = append(some, r)
			}
		}
		return a.of(some)
	}}
}

func (g *generator) plainAggregate() genAggregate {
	measures := []struct {
		sql string
		of  func(r *genRow) float64
	}{
		{genE, (*genRow).e},
		{"(actual_value - predicted_value)", func(r *genRow) float64 { return -r.e() }},
		{"abs" + genE, func(r *genRow) float64 { return max(r.e(), -r.e()) }},
		{"abs(actual_value - predicted_value)", func(r *genRow) float64 { return max(r.e(), -r.e()) }},
		{"pow(predicted_value - actual_value, 2)", func(r *genRow) float64 { return r.e() * r.e() }},
		{genE + " * " + genE, func(r *genRow) float64 { return r.e() * r.e() }},
		{"2 * abs" + genE, func(r *genRow) float64 { return 2 * max(r.e(), -r.e()) }},
		{"actual_value", func(r *genRow) float64 { return r.actual }},
		{"predicted_value", func(r *genRow) float64 { return r.predicted }},
		{"abs(actual_value) / 4", func(r *genRow) float64 { return max(r.actual, -r.actual) / 4 }},
		{"pow(actual_value, 2)", func(r *genRow) float64 { return r.actual * r.actual }},
	}
	m := pick(g, measures...)
	switch g.IntN(9) {
	case 0:
		return genAggregate{"count()", func(rows []*genRow) float64 { return float64(len(rows)) }}
	case 1, 2:
		return genAggregate{"sum(" + m.sql + ")", func(rows []*genRow) (sum float64) {
			for _, r := range rows {
				sum += m.of(r)
			}
			return sum
		}}
	case 3:
		m = measures[2+g.IntN(4)]
		return genAggregate{"max(" + m.sql + ")", func(rows []*genRow) (most float64) {
			for _, r := range rows {
				most = max(most, m.of(r))
			}
			return most
		}}
	case 4:
		sql := pick(g, "uniqExact(model_version)", "count(DISTINCT model_version)")
		return genAggregate{sql, func(rows []*genRow) float64 {
			seen := map[string]bool{}
			for _, r := range rows {
				seen[r.version] = true
			}
			return float64(len(seen))
		}}
	case 5:
		sign := pick(g, "min", "max")
		return genAggregate{"toUnixTimestamp(" + sign + "(timestamp))", nil}
	}
	return genAggregate{"avg(" + m.sql + ")", func(rows []*genRow) (sum float64) {
		for _, r := range rows {
			sum += m.of(r)
		}
		return sum / float64(len(rows))
	}}
}

// grouped is a statement over a table, with what it is made of.
type grouped struct {
	sql        string
	conditions []genCondition
	groups     []genGroup
	aggregates []genAggregate
}

func (g *generator) grouped() (q grouped) {
	var items, keys, where []string
	for range g.IntN(4) {
		k := g.group()
		q.groups = append(q.groups, k)
		a := g.alias()
		items = append(items, k.sql+" AS "+a)
		keys = append(keys, pick(g, a, k.sql))
	}
	for range 1 + g.IntN(3) {
		a := g.aggregate()
		for a.of == nil {
			a = g.aggregate()
		}
		q.aggregates = append(q.aggregates, a)
		items = append(items, a.sql+" AS "+g.alias())
	}
	for range g.IntN(4) {
		c := g.condition(2)
		q.conditions = append(q.conditions, c)
		where = append(where, c.sql)
	}
	q.sql = "SELECT " + strings.Join(items, ", ") + " FROM ml_model_predictions"
	if len(where) > 0 {
		q.sql += " WHERE " + strings.Join(where, " AND ")
	}
	if len(keys) > 0 {
		q.sql += " GROUP BY " + strings.Join(keys, ", ")
	}
	return q
}
