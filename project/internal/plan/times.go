package plan

import (
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
)

// cuts are where time is cut, so that conditions and keys have one value within each span.
type cuts struct {
	compiler *compiler
	// granule is how many seconds a span has at most, 0 for no bound.
	granule int64
	at      []cut
}

// cut is a time with which timestamp is compared.
type cut struct {
	of *expr
	// floor is set where not timestamp is compared but the period that it lies in: the cuts are then where the period of the time begins,
	// and where the one after it does.
	floor *floorOf
	// before is set for a cut at the time itself, after for one behind it.
	before, after bool
}

// comparisons are the functions that compare; for each whether it cuts at the time, and behind it.
var comparisons = map[string][2]bool{
	"less": {true, false}, "greaterorequals": {true, false}, "lessorequals": {false, true}, "greater": {false, true}, "equals": {true, true}, "notequals": {true, true},
}

// timeFloor is the floor of a call that cuts timestamp, such as toStartOfHour(timestamp).
func timeFloor(e sql.Expr) (f floorOf, ok bool) {
	c, ok := e.(*sql.Call)
	if !ok || len(c.Args) == 0 {
		return f, false
	}
	name := strings.ToLower(c.Name)
	of := c.Args[0]
	switch name {
	case "tostartofinterval":
		if len(c.Args) < 2 {
			return f, false
		}
		f, ok = startOfInterval(c.Args[1])
	case "datetrunc", "date_trunc":
		if len(c.Args) < 2 {
			return f, false
		}
		f, ok = truncation(c.Args[0])
		of = c.Args[1]
	case "tostartofweek":
		f, ok = floors["tomonday"], len(c.Args) > 1
	default:
		f, ok = floors[name]
	}
	return f, ok && isTimestamp(of)
}

func isTimestamp(e sql.Expr) bool {
	id, ok := e.(*sql.Ident)
	return ok && id.Name == timestampColumn
}

// mentions tells whether an expression is about timestamp.
func mentions(e sql.Expr) (is bool) {
	sql.Walk(e, func(x sql.Expr) bool {
		is = is || isTimestamp(x)
		return !is
	})
	return is
}

// add cuts time for an expression, or says why it cannot be.
func (t *cuts) add(e sql.Expr) error {
	if isTimestamp(e) {
		return sql.Errorf(e.Pos(), "group by toStartOfHour(timestamp) or the like, with weeks from Monday, as toStartOfWeek(timestamp, 1), and hours that are parts of a day, and compare timestamp with a constant, as in timestamp >= now() - INTERVAL 1 DAY",
			"sums know the time of no row by itself")
	}
	c, ok := e.(*sql.Call)
	if !ok || !mentions(e) {
		return nil
	}
	name := strings.ToLower(c.Name)
	if where, ok := comparisons[name]; ok && len(c.Args) == 2 {
		done, err := t.compared(c.Args[0], c.Args[1], where)
		if !done && err == nil {
			done, err = t.compared(c.Args[1], c.Args[0], flipped(name))
		}
		if done || err != nil {
			return err
		}
	}
	if f, ok := timeFloor(c); ok {
		return t.refine(f.granule(), c.At)
	}
	if p, ok := parts[name]; ok && isTimestamp(c.Args[0]) {
		return t.refine(p.granule, c.At)
	}
	if name == "formatdatetime" && len(c.Args) == 2 && isTimestamp(c.Args[0]) {
		if l, ok := c.Args[1].(*sql.Literal); ok {
			if granule, at := formatGranule(l.Text); at < 0 {
				return t.refine(granule, c.At)
			}
		}
	}
	for _, a := range c.Args {
		if err := t.add(a); err != nil {
			return err
		}
	}
	return nil
}

// flipped is where a comparison cuts whose sides are the other way round.
func flipped(name string) [2]bool {
	switch name {
	case "less":
		return comparisons["greater"]
	case "greater":
		return comparisons["less"]
	case "lessorequals":
		return comparisons["greaterorequals"]
	case "greaterorequals":
		return comparisons["lessorequals"]
	}
	return comparisons[name]
}

// compared cuts for timestamp, or a floor of it, beside a constant.
func (t *cuts) compared(a, b sql.Expr, where [2]bool) (done bool, err error) {
	f, floored := timeFloor(a)
	if !isTimestamp(a) && !floored || mentions(b) {
		return false, nil
	}
	of, err := t.compiler.compile(b, &scope{missing: func(id *sql.Ident) error {
		return sql.Errorf(id.At, "write a constant, or filter rows elsewhere", "timestamp compares with constants alone")
	}})
	if err != nil {
		return false, err
	}
	if of.typ.Kind == endpoint.String {
		if of, err = asTime(&sql.Call{At: b.Pos()}, of, timeType); err != nil {
			return false, err
		}
	}
	if !isTime(of.typ) && of.typ.Kind != endpoint.Nothing {
		return false, sql.Errorf(b.Pos(), "write now() - INTERVAL 1 DAY, or '2026-11-01 00:00:00'", "timestamp does not compare with %s", of.typ)
	}
	c := cut{of: of, before: where[0], after: where[1]}
	if floored {
		c.floor = &f
	}
	t.at = append(t.at, c)
	return true, nil
}

// refine makes spans as short as a function of time asks for.
func (t *cuts) refine(granule int64, place int) error {
	if granule == 0 {
		return sql.Errorf(place, "use minutes or more", "sums know no parts of a minute")
	}
	if 86400%granule != 0 {
		granule = gcd(granule, 86400)
	}
	if t.granule == 0 {
		t.granule = granule
	} else {
		t.granule = gcd(t.granule, granule)
	}
	if t.granule < 60 {
		return sql.Errorf(place, "use minutes or more", "sums know no parts of a minute")
	}
	return nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// milliSpan is a span of time in Unix milliseconds.
type milliSpan struct{ from, to int64 }

const (
	minMilli = -1 << 62
	maxMilli = 1<<62 - 1
)

// representative is a time in a span, which all conditions and keys take for any other one in it.
func (s milliSpan) representative() int64 {
	if s.from == minMilli {
		return s.to - 1
	}
	return s.from
}

// cells are the spans between cuts.
func (t *cuts) cells(x *env) []milliSpan {
	bounds := []int64{minMilli}
	for _, c := range t.at {
		v := c.of.eval(x)
		if v.Null {
			continue
		}
		if c.floor != nil {
			bounds = append(bounds, c.floor.floor(v.Whole), c.floor.next(v.Whole))
			continue
		}
		if c.before {
			bounds = append(bounds, v.Whole)
		}
		if c.after {
			bounds = append(bounds, v.Whole+1)
		}
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	cells := make([]milliSpan, len(bounds))
	for i, from := range bounds {
		cells[i] = milliSpan{from, maxMilli}
		if i > 0 {
			cells[i-1].to = from
		}
	}
	return cells
}
