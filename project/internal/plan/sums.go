package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/project/internal/sql"
)

// bucketsMax bounds the spans that time is cut into for one answer.
const bucketsMax = 50_000

// distributionBytes is about what the distribution of |e| of a group takes.
const distributionBytes = 16 << 10

// sums makes rows of groups: keys, then aggregates.
type sums struct {
	table    *table
	selected selected
	cuts     cuts
	// keep are the conditions on the names of series, when those on time alone that cells decide, phases those that buckets do, mixed the
	// others; always those on neither.
	always, keep, when, phases, mixed []*expr
	keys                              []*expr
	// without is set for a statement without GROUP BY, which has one group whatever there is.
	without    bool
	conditions []*expr
	parts      []part
	want       engine.SumsWant
}

// part is one aggregate of each group: of the sums of a condition, or of values.
type part struct {
	summed    *summed
	condition int // in conditions, -1 for none
	gathered  *gathered
}

// newSums begins a node for a table.
func newSums(c *compiler, t *table, conditions []sql.Expr) (*sums, error) {
	s := &sums{cuts: cuts{compiler: c}}
	s.table, conditions = t.restricted(conditions)
	for _, e := range conditions {
		if s.selected.take(c, e) {
			continue
		}
		own := cuts{compiler: c}
		if err := own.add(e); err != nil {
			return nil, err
		}
		x, err := s.condition(e)
		if err != nil {
			return nil, err
		}
		named, timed := false, mentions(e)
		sql.Walk(e, func(e sql.Expr) bool {
			id, ok := e.(*sql.Ident)
			named = named || ok && id.Name != timestampColumn
			return true
		})
		switch {
		case named && timed:
			s.mixed = append(s.mixed, x)
		case named:
			s.keep = append(s.keep, x)
		case timed && own.granule > 0:
			s.phases = append(s.phases, x)
		case timed:
			s.when = append(s.when, x)
		default:
			s.always = append(s.always, x)
		}
	}
	return s, nil
}

// condition compiles a condition on series and time.
func (s *sums) condition(e sql.Expr) (*expr, error) {
	if err := s.cuts.add(e); err != nil {
		return nil, err
	}
	x, err := s.cuts.compiler.compile(e, s.table.spanScope())
	if err != nil {
		return nil, err
	}
	if !isNumber(x.typ) && x.typ != nothingType {
		return nil, sql.Errorf(e.Pos(), "", "this is no condition: it is of the type %s", x.typ)
	}
	return x, nil
}

// key compiles a key of groups.
func (s *sums) key(e sql.Expr) (*expr, error) {
	if err := s.cuts.add(e); err != nil {
		return nil, err
	}
	x, err := s.cuts.compiler.compile(e, s.table.spanScope())
	if err == nil {
		s.keys = append(s.keys, x)
	}
	return x, err
}

// aggregate adds an aggregate and returns its type.
func (s *sums) aggregate(e *sql.Call) (Type, error) {
	name, args, condition, err := split(e)
	if err != nil {
		return Type{}, err
	}
	p := part{condition: -1}
	switch {
	case condition != nil && onlyActuals(condition):
		of := *s.table
		of.actuals = true
		condition = nil
		p.summed, err = of.summedOf(e, name, args)
	case s.named(name, args):
		of := *e
		if least, ok := anyOf[strings.TrimSuffix(strings.ToLower(e.Name), "if")]; ok { // series come in no order
			of.Name = least + e.Name[len(strings.TrimSuffix(strings.ToLower(e.Name), "if")):]
		}
		p.gathered, err = s.cuts.compiler.gather(&of, s.table.spanScope())
		for _, a := range append(slices.Clone(args), condition) {
			if err == nil && a != nil {
				err = s.cuts.add(a)
			}
		}
		condition = nil
	default:
		p.summed, err = s.table.summedOf(e, name, args)
	}
	if err != nil {
		return Type{}, err
	}
	if condition != nil {
		x, err := s.condition(condition)
		if err != nil {
			return Type{}, err
		}
		p.condition = len(s.conditions)
		s.conditions = append(s.conditions, x)
	}
	s.parts = append(s.parts, p)
	if p.gathered != nil {
		return p.gathered.typ, nil
	}
	s.want = max(s.want, p.summed.want)
	return p.summed.typ, nil
}

// anyOf are what stands for any value: one that is the same each time.
var anyOf = map[string]string{"any": "min", "any_value": "min", "first_value": "min", "anylast": "max"}

// rmse adds the square root of avg of a squared error, which sums round once.
func (s *sums) rmse(m measured) Type {
	f := scaled(1, m.factor)
	t := floatType
	t.Nullable = !s.table.actuals
	s.parts = append(s.parts, part{condition: -1, summed: &summed{typ: t, read: func(of *engine.RowSums) Value {
		switch {
		case of.Actuals() == 0 && t.Nullable:
			return null
		case of.Actuals() == 0:
			return number(math.NaN())
		}
		return number(scaled(of.RootMeanSquaredError(), f))
	}}})
	return t
}

// named tells whether an aggregate is about names of series and periods of time alone, and takes no notice of how many rows they have.
func (s *sums) named(name string, args []sql.Expr) bool {
	switch name {
	case "min", "max", "any", "anylast", "uniq", "uniqexact":
	default:
		return false
	}
	named := false
	sql.Walk(args[0], func(e sql.Expr) bool {
		if id, ok := e.(*sql.Ident); ok {
			named = named || slices.Contains(nameColumns[:], id.Name)
		}
		return true
	})
	return named || mentions(args[0]) && !isTimestamp(args[0])
}

// group is what is gathered for one.
type group struct {
	keys   []Value
	all    *engine.RowSums
	given  []*engine.RowSums // of each condition
	values []accumulator     // of each part that gathers
}

// scan is one run of a node.
type scan struct {
	*sums

	x      *run
	env    env
	row    seriesRow
	groups map[string]*group
	key    []byte
	spans  []milliSpan
}

func (s *sums) rows(x *run) ([][]Value, error) {
	n := &scan{sums: s, x: x, groups: map[string]*group{}}
	n.env = env{row: n.row[:], x: x}
	if s.without {
		if _, err := n.group(nil); err != nil {
			return nil, err
		}
	}
	if err := n.read(); err != nil {
		return nil, err
	}
	if x.err != nil {
		return nil, x.err
	}
	rows := make([][]Value, 0, len(n.groups))
	for _, g := range n.groups {
		rows = append(rows, n.rowOf(g))
	}
	slices.SortFunc(rows, func(a, b []Value) int { return compareRows(a, b, s.keys) })
	return rows, nil
}

// compareRows orders by the keys.
func compareRows(a, b []Value, keys []*expr) int {
	for i, k := range keys {
		if a[i].Null || b[i].Null {
			if a[i].Null != b[i].Null {
				return int(boolOf[a[i].Null].Whole - boolOf[b[i].Null].Whole)
			}
			continue
		}
		if c := compare(a[i], k.typ, b[i], k.typ); c != 0 {
			return c
		}
	}
	return 0
}

// holds tells whether all of some conditions hold.
func (n *scan) holds(conditions []*expr) bool {
	for _, c := range conditions {
		if !truth(c.eval(&n.env), c.typ) {
			return false
		}
	}
	return true
}

// read asks the store for the sums of all spans.
func (n *scan) read() error {
	q := engine.SumsQuery{Within: n.x.Within, Want: n.want}
	if n.selected.query(&n.env, &q.Model, &q.Version, &q.Environment, &q.Literal) || !n.holds(n.always) {
		return nil
	}
	if len(n.keep) > 0 {
		row := seriesRow{}
		inner := &scan{sums: n.sums, env: env{row: row[:], x: n.x}}
		q.Keep = func(s event.Series) bool {
			row.set(s.Model, s.Version, s.Environment, 0)
			return inner.holds(n.keep)
		}
	}
	spans := n.where(n.cuts.cells(&n.env), n.when)
	if n.cuts.granule > 0 {
		buckets, err := n.buckets(q, spans)
		if err != nil {
			return err
		}
		spans = n.where(buckets, n.phases)
	}
	return n.ask(q, spans)
}

// where are the spans in which conditions on time hold.
func (n *scan) where(spans []milliSpan, conditions []*expr) []milliSpan {
	kept := spans[:0:0]
	for _, s := range spans {
		if s.from >= s.to {
			continue
		}
		n.row.set("", "", "", s.representative())
		if n.holds(conditions) {
			kept = append(kept, s)
		}
	}
	return kept
}

// buckets cuts cells into spans as short as functions of time ask for, as far as there are rows.
func (n *scan) buckets(q engine.SumsQuery, cells []milliSpan) (spans []milliSpan, err error) {
	q.Want = engine.ErrorSums
	step := n.cuts.granule * secondMillis
	for _, cell := range cells {
		first, last, some := int64(0), int64(0), false
		q.Spans = []engine.TimeSpan{cell.times()}
		read, err := n.x.Store.EachSums(n.x.ctx, q, func(row *engine.SumsRow) bool {
			if n.table.count(row.Sums) > 0 {
				a, b := row.Sums.Times(n.table.actuals)
				if first, last = min(first, a.UnixMilli()), max(last, b.UnixMilli()); !some {
					first, last, some = a.UnixMilli(), b.UnixMilli(), true
				}
			}
			return true
		})
		n.x.read.Add(read)
		if err != nil {
			return nil, err
		}
		if !some {
			continue
		}
		for from := floorDiv(first, step) * step; from <= last; from += step {
			if spans = append(spans, milliSpan{max(from, cell.from), min(from+step, cell.to)}); len(spans) > bucketsMax {
				return nil, &TooMuchError{fmt.Sprintf("the time asked for has more than %d parts of %s; ask for longer parts or a shorter time", bucketsMax, time.Duration(n.cuts.granule)*time.Second)}
			}
		}
	}
	return spans, nil
}

// times is the span as the store takes it.
func (s milliSpan) times() (t engine.TimeSpan) {
	if s.from > minMilli {
		t.From = time.UnixMilli(s.from).UTC()
	}
	if s.to < maxMilli {
		t.To = time.UnixMilli(s.to).UTC()
	}
	return t
}

// ask adds up the sums of spans.
func (n *scan) ask(q engine.SumsQuery, spans []milliSpan) error {
	if len(spans) == 0 {
		return nil
	}
	n.spans = spans
	for _, s := range spans {
		q.Spans = append(q.Spans, s.times())
	}
	var failed error
	read, err := n.x.Store.EachSums(n.x.ctx, q, func(row *engine.SumsRow) bool {
		if n.table.count(row.Sums) > 0 {
			failed = n.add(row)
		}
		return failed == nil && n.x.err == nil
	})
	n.x.read.Add(read)
	if err == nil {
		err = failed
	}
	return err
}

// add adds the sums of a series and span to their group.
func (n *scan) add(row *engine.SumsRow) error {
	n.row.set(row.Model, row.Version, row.Environment, n.spans[row.Span].representative())
	if !n.holds(n.mixed) {
		return nil
	}
	var keys [8]Value
	values := keys[:0]
	for _, k := range n.keys {
		values = append(values, k.eval(&n.env))
	}
	g, err := n.group(values)
	if err != nil {
		return err
	}
	g.all.Merge(row.Sums, n.want)
	for i, c := range n.conditions {
		if truth(c.eval(&n.env), c.typ) {
			g.given[i].Merge(row.Sums, n.want)
		}
	}
	at := 0
	for i := range n.parts {
		p := n.parts[i].gathered
		if p == nil {
			continue
		}
		a := g.values[at]
		at++
		p.add(&n.env, a)
	}
	return nil
}

// add adds a row to an accumulator, if it counts.
func (g *gathered) add(x *env, to accumulator) {
	if g.condition != nil && !truth(g.condition.eval(x), g.condition.typ) {
		return
	}
	var few [2]Value
	values := few[:0]
	for _, a := range g.args {
		values = append(values, a.eval(x))
	}
	if !anyNull(values) {
		to.add(values)
	}
}

// group finds the group of some keys, or makes it.
func (n *scan) group(keys []Value) (*group, error) {
	n.key = n.key[:0]
	for i := range keys {
		n.key = appendKey(n.key, keys[i], n.keys[i].typ)
	}
	if g := n.groups[string(n.key)]; g != nil {
		return g, nil
	}
	each := int64(unsafe.Sizeof(engine.RowSums{}))
	if n.want == engine.AllSums {
		each += distributionBytes
	}
	if err := n.x.hold(bytesOf(keys) + int64(len(n.key)) + int64(1+len(n.conditions))*each + int64(len(n.parts))*accumulatorBytes); err != nil {
		return nil, err
	}
	g := &group{keys: slices.Clone(keys), all: new(engine.RowSums)}
	for range n.conditions {
		g.given = append(g.given, new(engine.RowSums))
	}
	for i := range n.parts {
		if p := n.parts[i].gathered; p != nil {
			g.values = append(g.values, p.make())
		}
	}
	n.groups[string(n.key)] = g
	return g, nil
}

// rowOf reads the aggregates of a group.
func (n *scan) rowOf(g *group) []Value {
	row := append(make([]Value, 0, len(g.keys)+len(n.parts)), g.keys...)
	at := 0
	for i := range n.parts {
		switch p := &n.parts[i]; {
		case p.gathered != nil:
			row = append(row, g.values[at].value())
			at++
		case p.condition >= 0:
			row = append(row, p.summed.read(g.given[p.condition]))
		default:
			row = append(row, p.summed.read(g.all))
		}
	}
	return row
}
