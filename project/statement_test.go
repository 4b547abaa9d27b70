package project_test

import (
	"fmt"
	"strings"
)

// statement is one of the whole grammar, for another engine to answer too.
func (g *generator) statement() string {
	switch g.IntN(10) {
	case 0, 1, 2:
		return g.constants()
	case 3, 4:
		return g.joined()
	case 5:
		return g.nested()
	}
	return g.overTable()
}

// overTable is a statement over a table with expressions of its aggregates.
func (g *generator) overTable() string {
	table := "ml_model_predictions"
	var items, keys []string
	var numbers, texts []string
	for range g.IntN(3) {
		k := g.group()
		a := g.alias()
		items, keys = append(items, k.sql+" AS "+a), append(keys, a)
	}
	for range 1 + g.IntN(3) {
		a := g.alias()
		numbers = append(numbers, a)
		items = append(items, g.aggregate().sql+" AS "+a)
	}
	for range g.IntN(3) {
		items = append(items, g.number(2, numbers, texts)+" AS "+g.alias())
	}
	sql := "SELECT " + strings.Join(items, ", ") + " FROM " + table
	if g.IntN(3) > 0 {
		sql += " WHERE " + g.condition(2).sql + " AND " + g.condition(1).sql
	}
	if len(keys) > 0 {
		sql += " GROUP BY " + strings.Join(keys, ", ")
		if g.IntN(3) == 0 {
			sql += " HAVING " + g.truth(1, numbers, texts)
		}
	}
	if g.IntN(3) == 0 {
		order := append([]string{g.number(1, numbers, texts) + pick(g, " DESC", "", " ASC", " DESC NULLS FIRST")}, keys...)
		sql += " ORDER BY " + strings.Join(order, ", ")
		if len(keys) > 0 && g.IntN(2) == 0 {
			sql += fmt.Sprintf(" LIMIT %d", 1+g.IntN(5))
			if g.IntN(3) == 0 {
				sql += fmt.Sprintf(" OFFSET %d", g.IntN(3))
			}
		}
	}
	return sql
}

// joined is a join of two grouped results, such as the tutorial's.
func (g *generator) joined() string {
	part := func() string {
		return fmt.Sprintf("SELECT model_id, model_version, %s AS x, count() AS n FROM ml_model_predictions WHERE %s GROUP BY model_id, model_version", g.aggregate().sql, g.condition(1).sql)
	}
	on := pick(g, "ON r.model_id = h.model_id AND r.model_version = h.model_version", "USING (model_id, model_version)", "ON h.model_version = r.model_version AND h.model_id = r.model_id")
	sql := fmt.Sprintf("WITH a AS (%s), b AS (%s) SELECT r.model_id AS m, r.model_version AS v, r.x AS p, h.x AS q, h.n AS n, %s AS z FROM a AS r %s JOIN b AS h %s",
		part(), part(), g.number(2, []string{"r.x", "h.x", "r.n", "h.n"}, []string{"r.model_id"}), pick(g, "LEFT", "INNER", ""), on)
	if g.IntN(2) == 0 {
		sql += " WHERE " + g.truth(1, []string{"r.x", "h.x", "h.n"}, []string{"r.model_id"})
	}
	return sql + " ORDER BY " + pick(g, "m, v", "abs(z) DESC, m, v")
}

// nested groups a grouped result again.
func (g *generator) nested() string {
	inner := fmt.Sprintf("SELECT model_id, environment, %s AS x, count() AS n FROM ml_model_predictions WHERE %s GROUP BY model_id, environment", g.aggregate().sql, g.condition(1).sql)
	outer := pick(g, "max(x)", "min(x)", "avg(n)", "sum(n)", "count()", "countIf(n > 20)", "argMax(environment, n * 1000 + length(environment))", "uniqExact(environment)", "sumIf(n, environment = 'staging')", "stddevPop(n)", "quantile(0.5)(n)", "quantileExact(0.75)(n)", "max(n) - min(n)")
	by := pick(g, "model_id", "environment", "lower(model_id)", "n > 15")
	sql := fmt.Sprintf("SELECT %s AS k, %s AS y, %s AS w FROM (%s) GROUP BY k", by, outer, pick(g, "toFloat64(count())", "sum(n) / count()", "round(avg(n), 2)"), inner)
	if g.IntN(2) == 0 {
		sql += fmt.Sprintf(" UNION ALL SELECT %s AS k, %s AS y, %s AS w FROM (%s) GROUP BY k", by, outer, "toFloat64(7)", inner)
	}
	if g.IntN(3) == 0 {
		return fmt.Sprintf("SELECT model_id, count() AS n FROM ml_model_predictions WHERE model_id IN (SELECT model_id FROM (%s) WHERE n > %d) GROUP BY model_id", inner, g.IntN(40))
	}
	return sql
}

// constants is a statement without a table.
func (g *generator) constants() string {
	var items []string
	for range 1 + g.IntN(3) {
		switch g.IntN(5) {
		case 0:
			items = append(items, g.text(2)+" AS "+g.alias())
		case 1:
			items = append(items, g.truth(2, nil, nil)+" AS "+g.alias())
		case 2:
			items = append(items, g.time(2)+" AS "+g.alias())
		default:
			items = append(items, g.number(3, nil, nil)+" AS "+g.alias())
		}
	}
	return "SELECT " + strings.Join(items, ", ")
}

// number is an expression of numbers, of some columns.
func (g *generator) number(depth int, numbers, texts []string) string {
	if depth == 0 || g.IntN(5) == 0 {
		if len(numbers) > 0 && g.IntN(3) > 0 {
			return pick(g, numbers...)
		}
		return pick(g, "0", "1", "2", "7", "10", "255", "256", "1000", "-1", "-3", "0.5", "2.5", "-2.5", "1e3", "3.125", "100000")
	}
	x := func() string { return g.number(depth-1, numbers, texts) }
	switch g.IntN(24) {
	case 0, 1:
		return "(" + x() + " + " + x() + ")"
	case 2, 3:
		return "(" + x() + " - " + x() + ")"
	case 4:
		return "(" + x() + " * " + x() + ")"
	case 5, 6:
		return "(" + x() + " / " + x() + ")"
	case 7:
		return "abs(" + x() + ")"
	case 8:
		return "round(" + x() + pick(g, "", ", 1", ", 2", ", -1") + ")"
	case 9:
		return pick(g, "floor(", "ceil(", "trunc(") + x() + ")"
	case 10:
		return "sqrt(" + x() + ")"
	case 11:
		return "if(" + g.truth(depth-1, numbers, texts) + ", toFloat64(" + x() + "), toFloat64(" + x() + "))"
	case 12:
		return "coalesce(nullIf(" + x() + ", 0), 0)"
	case 13:
		return "-(" + x() + ")"
	case 14:
		return pick(g, "least(", "greatest(") + "toFloat64(" + x() + "), toFloat64(" + x() + ")" + pick(g, ")", ")", ", 1.5)")
	case 15:
		return "toInt32(" + pick(g, "7", "-7", "12.9", "-12.9", "1000") + ")"
	case 16:
		return pick(g, "intDiv(17, 5)", "intDiv(-17, 5)", "17 % 5", "-17 % 5", "modulo(7.5, 2)", "intDiv(100, toInt8(-3))", "17 % -5", "toInt8(-7) % toInt16(3)", "toInt64(-1000) % 200", "intDiv(toInt64(-1000), 200)", "-toInt8(-128)")
	case 17:
		return "ifNull(" + pick(g, "NULL", "nullIf(1, 1)", "nullIf(2, 1)") + ", " + pick(g, "3", "0") + ")"
	case 18:
		return "length(" + g.text(1) + ")"
	case 19:
		return "toUnixTimestamp(" + g.time(1) + ")"
	case 20:
		return "pow(" + x() + ", " + pick(g, "2", "3", "0.5") + ")"
	case 21:
		return "CASE WHEN " + g.truth(depth-1, numbers, texts) + " THEN 1 ELSE 2 END"
	case 22:
		return "dateDiff('" + pick(g, "second", "minute", "hour", "day", "week", "month", "quarter", "year") + "', " + g.time(1) + ", " + g.time(1) + ")"
	}
	return "nullIf(" + x() + ", " + pick(g, "0", "1", "7") + ")"
}

// truth is a condition.
func (g *generator) truth(depth int, numbers, texts []string) string {
	n := func() string { return g.number(max(depth-1, 0), numbers, texts) }
	if depth > 0 {
		switch g.IntN(5) {
		case 0:
			return "(" + g.truth(depth-1, numbers, texts) + " AND " + g.truth(depth-1, numbers, texts) + ")"
		case 1:
			return "(" + g.truth(depth-1, numbers, texts) + " OR " + g.truth(depth-1, numbers, texts) + ")"
		case 2:
			return "NOT " + g.truth(depth-1, numbers, texts)
		}
	}
	switch g.IntN(9) {
	case 0:
		return "isNull(" + n() + ")"
	case 1:
		return n() + " IS NOT NULL"
	case 2:
		return g.text(1) + " LIKE " + pick(g, "'%b%'", "'a_c'", "'%'", "'ab%'")
	case 3:
		return n() + " IN (0, 1, 7, 255)"
	case 4:
		return "(" + g.time(1) + " " + pick(g, "<", ">=", "=") + " " + g.time(1) + ")"
	case 5:
		return "(" + g.text(1) + " " + pick(g, "<", ">=", "=", "!=") + " " + g.text(1) + ")"
	case 6:
		return n() + " BETWEEN 0 AND 100"
	}
	return "(" + n() + " " + pick(g, "<", "<=", ">", ">=", "=", "!=") + " " + n() + ")"
}

// text is an expression of texts.
func (g *generator) text(depth int) string {
	if depth == 0 || g.IntN(3) == 0 {
		return pick(g, "'abc'", "''", "'aBc d'", "'it\\'s'", "'x'", "'ab'")
	}
	x := func() string { return g.text(depth - 1) }
	switch g.IntN(9) {
	case 0:
		return "concat(" + x() + ", " + x() + ")"
	case 1:
		return "upper(" + x() + ")"
	case 2:
		return "lower(" + x() + ")"
	case 3:
		return "substring(" + x() + ", " + pick(g, "1", "2", "-2", "9") + pick(g, "", ", 1", ", 2", ", 0") + ")"
	case 4:
		return "toString(" + pick(g, "1", "2.5", "-7", "1e21", "0.1", "100000", "1e-7", "toDateTime('2026-01-02 03:04:05')", "toDate('2026-01-02')") + ")"
	case 5:
		return "replaceAll(" + x() + ", 'b', 'xx')"
	case 6:
		return x() + " || " + x()
	case 7:
		return "if(" + g.truth(0, nil, nil) + ", " + x() + ", " + x() + ")"
	}
	return "formatDateTime(" + g.time(0) + ", '%Y-%m-%d %H:%i:%S')"
}

// time is an expression of times.
func (g *generator) time(depth int) string {
	if depth == 0 || g.IntN(4) == 0 {
		return pick(g, "toDateTime('2026-01-31 12:34:56')", "toDateTime('2025-12-28 23:59:59')", "toDateTime('2024-02-29 00:00:00')", "now()", "toDateTime(1700000000)")
	}
	x := g.time(depth - 1)
	switch g.IntN(6) {
	case 0:
		return pick(g, "toStartOfHour(", "toStartOfDay(", "toStartOfFiveMinutes(", "toStartOfTenMinutes(", "toStartOfMinute(") + x + ")"
	case 1:
		return "toDateTime(" + pick(g, "toStartOfMonth(", "toStartOfQuarter(", "toStartOfYear(", "toMonday(", "toDate(") + x + "))"
	case 2:
		return "(" + x + pick(g, " + ", " - ") + "INTERVAL " + pick(g, "1", "5", "13") + " " + pick(g, "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR") + ")"
	case 3:
		return "toStartOfInterval(" + x + ", INTERVAL " + pick(g, "15 MINUTE", "4 HOUR", "1 DAY", "7 MINUTE", "3 DAY", "50 MINUTE") + ")"
	case 4:
		if g.IntN(3) == 0 {
			return "toDateTime(toStartOfInterval(" + x + ", INTERVAL " + pick(g, "1 WEEK", "2 WEEK", "5 MONTH", "1 QUARTER", "1 YEAR") + "))"
		}
		return pick(g, "addHours(", "subtractDays(", "addMonths(", "addWeeks(") + x + ", " + pick(g, "1", "40") + ")"
	}
	return "dateTrunc('" + pick(g, "hour", "day", "minute") + "', " + x + ")"
}
