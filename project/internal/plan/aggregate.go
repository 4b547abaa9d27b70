package plan

import (
	"math"
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
)

// aggregates are the names of aggregates, in lower case, with how many arguments each takes.
var aggregates = map[string]struct{ least, most int }{
	"count": {0, 1}, "sum": {1, 1}, "avg": {1, 1}, "min": {1, 1}, "max": {1, 1}, "any": {1, 1}, "anylast": {1, 1}, "uniq": {1, 1}, "uniqexact": {1, 1},
	"argmin": {2, 2}, "argmax": {2, 2}, "stddevpop": {1, 1}, "stddevsamp": {1, 1}, "varpop": {1, 1}, "varsamp": {1, 1},
	"quantile": {1, 1}, "quantiles": {1, 1}, "median": {1, 1}, "quantileexact": {1, 1},
}

// synonyms are other names of aggregates.
var synonyms = map[string]string{
	"stddev_pop": "stddevpop", "stddev_samp": "stddevsamp", "var_pop": "varpop", "var_samp": "varsamp", "any_value": "any", "first_value": "any", "medianexact": "quantileexact",
}

// aggregateName is the name of the aggregate that a call is of, less an If at its end; empty if it is of none.
func aggregateName(e *sql.Call) string {
	name := strings.ToLower(e.Name)
	base := strings.TrimSuffix(name, "if")
	for _, n := range [...]string{name, base} {
		if of, ok := synonyms[n]; ok {
			n = of
		}
		if _, ok := aggregates[n]; ok {
			return n
		}
	}
	return ""
}

// split is the arguments of an aggregate and its condition, nil without one.
func split(e *sql.Call) (name string, args []sql.Expr, condition sql.Expr, err error) {
	name, args = aggregateName(e), e.Args
	lower := strings.ToLower(e.Name)
	if strings.HasSuffix(lower, "if") {
		if len(args) == 0 {
			return "", nil, nil, sql.Errorf(e.At, "", "%s takes a condition", e.Name)
		}
		condition, args = args[len(args)-1], args[:len(args)-1]
	}
	if e.Distinct {
		if name != "count" || len(args) != 1 {
			return "", nil, nil, sql.Errorf(e.At, "", "DISTINCT stands in count(DISTINCT x) alone")
		}
		name = "uniqexact"
	}
	if n := aggregates[name]; len(args) < n.least || len(args) > n.most {
		return "", nil, nil, sql.Errorf(e.At, "", "%s takes %s", e.Name, argumentsText(n.least, n.most))
	}
	if e.Params != nil && !strings.HasPrefix(name, "quantile") {
		return "", nil, nil, sql.Errorf(e.At, "", "%s is called with one list of arguments", e.Name)
	}
	return name, args, condition, nil
}

// accumulator gathers values of a group.
type accumulator interface {
	add(v []Value)
	value() Value
}

// gathered is an aggregate over rows in memory, or over what names the series of sums.
type gathered struct {
	typ       Type
	args      []*expr
	condition *expr
	// distinct is set for one that takes no notice of values that come again.
	distinct bool
	make     func() accumulator
}

// gather compiles an aggregate over the columns of a scope.
func (c *compiler) gather(e *sql.Call, s *scope) (*gathered, error) {
	name, args, condition, err := split(e)
	if err != nil {
		return nil, err
	}
	g := &gathered{}
	for _, a := range args {
		x, err := c.compile(a, s)
		if err != nil {
			return nil, err
		}
		if x.typ.Kind == endpoint.Interval || x.typ.Kind == endpoint.Array {
			return nil, sql.Errorf(a.Pos(), "", "%s does not take %s", e.Name, x.typ)
		}
		g.args = append(g.args, x)
	}
	if condition != nil {
		if g.condition, err = c.compile(condition, s); err != nil {
			return nil, err
		}
		if !isNumber(g.condition.typ) {
			return nil, sql.Errorf(condition.Pos(), "", "this is no condition")
		}
	}
	return g, g.choose(e, name)
}

// choose sets what the aggregate is by its name.
func (g *gathered) choose(e *sql.Call, name string) error {
	var t Type
	if len(g.args) > 0 {
		t = g.args[0].typ
	}
	g.distinct = name == "min" || name == "max" || name == "any" || name == "anylast" || name == "uniq" || name == "uniqexact"
	switch name {
	case "count":
		g.typ, g.make = countType, func() accumulator { return &counter{} }
		return nil
	case "uniq", "uniqexact":
		g.typ, g.make = countType, func() accumulator { return &distinct{typ: t, seen: map[string]bool{}} }
		return nil
	case "min", "max":
		g.typ, g.make = t, func() accumulator { return &extreme{typ: t, by: t, max: name == "max"} }
		return nil
	case "any", "anylast":
		g.typ, g.make = t, func() accumulator { return &first{typ: t, last: name == "anylast"} }
		return nil
	case "argmin", "argmax":
		by := g.args[1].typ
		g.typ, g.make = t, func() accumulator { return &extreme{typ: t, by: by, max: name == "argmax"} }
		return nil
	}
	if !isNumber(t) {
		return sql.Errorf(e.At, "", "%s takes numbers, and not %s", e.Name, t)
	}
	g.typ = floatType
	switch name {
	case "sum":
		if isInt(t) {
			g.typ = Type{Kind: t.Kind, Bits: 64}
		}
		g.make = func() accumulator { return &total{typ: t} }
	case "avg":
		g.make = func() accumulator { return &total{typ: t, mean: true} }
	case "stddevpop", "stddevsamp", "varpop", "varsamp":
		g.make = func() accumulator { return &moments{typ: t, name: name} }
	case "quantile", "median", "quantiles", "quantileexact":
		of := name
		if name == "quantileexact" {
			of = "quantile"
		}
		levels, err := levelsOf(e, of)
		if err != nil {
			return err
		}
		if name == "quantiles" {
			g.typ = arrayType
		}
		if name == "quantileexact" {
			g.typ = t
		}
		g.make = func() accumulator {
			return &ranks{typ: t, levels: levels, list: name == "quantiles", exact: name == "quantileexact"}
		}
	}
	g.typ.Nullable = t.Nullable
	return nil
}

// anyNull tells whether one of some values is NULL: aggregates pass such rows by.
func anyNull(v []Value) bool { return slices.ContainsFunc(v, func(v Value) bool { return v.Null }) }

type counter struct{ n int64 }

func (a *counter) add([]Value) { a.n++ }

func (a *counter) value() Value { return whole(a.n) }

type distinct struct {
	typ  Type
	seen map[string]bool
	key  []byte
}

func (a *distinct) add(v []Value) {
	a.key = appendKey(a.key[:0], v[0], a.typ)
	a.seen[string(a.key)] = true
}

func (a *distinct) value() Value { return whole(int64(len(a.seen))) }

// extreme is the least or greatest value, or that of another column in its row.
type extreme struct {
	typ, by  Type
	max      bool
	some     bool
	best, of Value
}

func (a *extreme) add(v []Value) {
	by := v[len(v)-1]
	nan := a.by.Kind == endpoint.Float && math.IsNaN(by.Number)
	if !a.some || !nan && (a.by.Kind == endpoint.Float && math.IsNaN(a.best.Number) || (compare(by, a.by, a.best, a.by) > 0) == a.max && compare(by, a.by, a.best, a.by) != 0) {
		a.some, a.best, a.of = true, by, v[0]
	}
}

func (a *extreme) value() Value {
	if !a.some {
		return Value{Null: a.typ.Nullable}
	}
	return a.of
}

type first struct {
	typ        Type
	last, some bool
	of         Value
}

func (a *first) add(v []Value) {
	if !a.some || a.last {
		a.some, a.of = true, v[0]
	}
}

func (a *first) value() Value {
	if !a.some {
		return Value{Null: a.typ.Nullable}
	}
	return a.of
}

// total is a sum or a mean.
type total struct {
	typ  Type
	mean bool
	n    int64
	f    float64
	i    int64
}

func (a *total) add(v []Value) {
	a.n++
	a.i += v[0].Whole
	a.f += float(v[0], a.typ)
}

func (a *total) value() Value {
	switch {
	case a.n == 0 && a.typ.Nullable:
		return null
	case a.mean && isInt(a.typ) && a.n > 0:
		return number(float(whole(a.i), a.typ) / float64(a.n))
	case a.mean:
		return number(a.f / float64(a.n))
	case isInt(a.typ):
		return whole(a.i)
	}
	return number(a.f)
}

// moments is a spread, by Welford's method.
type moments struct {
	typ      Type
	name     string
	n        uint64
	mean, m2 float64
}

func (a *moments) add(v []Value) {
	x := float(v[0], a.typ)
	a.n++
	d := x - a.mean
	a.mean += d / float64(a.n)
	a.m2 += d * (x - a.mean)
}

func (a *moments) value() Value {
	if a.n == 0 && a.typ.Nullable {
		return null
	}
	return number(spread(a.name, math.Sqrt(a.m2/float64(a.n)), a.n))
}

// ranks are quantiles.
type ranks struct {
	typ         Type
	levels      []float64
	list, exact bool
	values      []Value
}

// add passes NaN by, as ClickHouse does: it has no rank.
func (a *ranks) add(v []Value) {
	if a.typ.Kind != endpoint.Float || !math.IsNaN(v[0].Number) {
		a.values = append(a.values, v[0])
	}
}

func (a *ranks) value() (v Value) {
	if len(a.values) == 0 && a.typ.Nullable {
		return null
	}
	slices.SortFunc(a.values, func(x, y Value) int { return compare(x, a.typ, y, a.typ) })
	n := len(a.values)
	for _, level := range a.levels {
		switch {
		case n == 0:
			v.Values = append(v.Values, number(math.NaN()))
		case a.exact:
			return a.values[min(int(level*float64(n)), n-1)]
		default:
			h := level * float64(n-1)
			i := min(int(h), n-1)
			j := min(i+1, n-1)
			x, y := float(a.values[i], a.typ), float(a.values[j], a.typ)
			v.Values = append(v.Values, number(x+(y-x)*(h-float64(i))))
		}
	}
	if a.list {
		return v
	}
	if a.exact {
		return Value{}
	}
	return v.Values[0]
}
