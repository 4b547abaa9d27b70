package plan

import (
	"math"
	"slices"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
)

// selection makes the rows of a statement of those below: conditions, columns, order, limit.
type selection struct {
	from          node
	where         *expr
	items         []*expr
	columns       []endpoint.Column
	order         []ordered
	distinct      bool
	limit, offset *expr
	at            int
}

// ordered is a term of an order.
type ordered struct {
	of *expr
	// desc and nullsFirst are as in sql.Order.
	desc, nullsFirst bool
}

// selects plans the selection of a statement.
func (p *planned) selects(from node, s *scope) (sel *selection, err error) {
	sel = &selection{from: from, distinct: p.s.Distinct, at: p.s.At}
	if p.where != nil {
		if _, ok := from.(*tableRows); !ok { // which has its conditions
			if sel.where, err = p.condition(p.where, s); err != nil {
				return nil, err
			}
		}
	}
	for _, it := range p.items {
		x, err := p.compile(it.expr, s)
		if err != nil {
			return nil, err
		}
		sel.items = append(sel.items, x)
		sel.columns = append(sel.columns, endpoint.Column{Name: it.name, Type: x.typ})
	}
	for _, o := range p.order {
		x, err := p.compile(o.Expr, s)
		if err != nil {
			return nil, err
		}
		if x.typ.Kind == endpoint.Array || x.typ.Kind == endpoint.Interval {
			return nil, sql.Errorf(o.Expr.Pos(), "", "rows have no order by %s", x.typ)
		}
		sel.order = append(sel.order, ordered{x, o.Desc, o.NullsFirst})
	}
	for _, l := range [...]struct {
		from sql.Expr
		to   **expr
	}{{p.s.Limit, &sel.limit}, {p.s.Offset, &sel.offset}} {
		if l.from == nil {
			continue
		}
		x, err := p.compile(l.from, &scope{})
		if err != nil {
			return nil, err
		}
		if !isInt(x.typ) {
			return nil, sql.Errorf(l.from.Pos(), "", "a LIMIT is a whole number")
		}
		*l.to = x
	}
	return sel, nil
}

// query is the statement that the selection is.
func (s *selection) query() *Query {
	q := &Query{Columns: s.columns, node: s}
	if s.limit != nil {
		q.limit = s
	}
	return q
}

// bounds are LIMIT, -1 without one, and OFFSET.
func (s *selection) bounds(x *run) (limit, offset int, err error) {
	limit = -1
	for _, l := range [...]struct {
		of *expr
		to *int
	}{{s.limit, &limit}, {s.offset, &offset}} {
		if l.of == nil {
			continue
		}
		v := l.of.eval(&env{x: x})
		if x.err != nil {
			return 0, 0, x.err
		}
		if v.Null || v.Whole < 0 {
			return 0, 0, sql.Errorf(s.at, "", "a LIMIT or OFFSET is below zero")
		}
		*l.to = int(min(v.Whole, 1<<40))
	}
	return limit, offset, nil
}

func (s *selection) rows(x *run) ([][]Value, error) {
	from, err := s.from.rows(x)
	if err != nil {
		return nil, err
	}
	limit, offset, err := s.bounds(x)
	if err != nil {
		return nil, err
	}
	e := env{x: x}
	var made [][]Value
	var by [][]Value
	seen := map[string]bool{}
	for i, row := range from {
		if i%1024 == 0 && x.ctx.Err() != nil {
			return nil, x.ctx.Err()
		}
		e.row = row
		if s.where != nil && !truth(s.where.eval(&e), s.where.typ) {
			continue
		}
		of := make([]Value, len(s.items))
		for i, it := range s.items {
			of[i] = it.eval(&e)
		}
		if s.distinct && s.again(of, seen) {
			continue
		}
		if err := x.hold(bytesOf(of)); err != nil {
			return nil, err
		}
		made = append(made, of)
		if len(s.order) > 0 {
			keys := make([]Value, len(s.order))
			for i, o := range s.order {
				keys[i] = o.of.eval(&e)
			}
			if err := x.hold(bytesOf(keys)); err != nil {
				return nil, err
			}
			by = append(by, keys)
		}
	}
	if x.err != nil {
		return nil, x.err
	}
	made = s.sorted(made, by)
	if x.befores == nil {
		x.befores = map[*selection]int{}
	}
	x.befores[s] = len(made)
	made = made[min(offset, len(made)):]
	if limit >= 0 {
		made = made[:min(limit, len(made))]
	}
	return made, nil
}

// again tells whether a row was there before.
func (s *selection) again(row []Value, seen map[string]bool) bool {
	var key []byte
	for i := range row {
		key = appendKey(key, row[i], s.items[i].typ)
	}
	if seen[string(key)] {
		return true
	}
	seen[string(key)] = true
	return false
}

// sorted puts rows in the order of their keys. Rows whose keys are the same stay as they are.
func (s *selection) sorted(rows, by [][]Value) [][]Value {
	if len(s.order) == 0 {
		return rows
	}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return s.compare(by[a], by[b]) })
	sorted := make([][]Value, len(rows))
	for i, j := range order {
		sorted[i] = rows[j]
	}
	return sorted
}

func (s *selection) compare(a, b []Value) int {
	for i, o := range s.order {
		x, y := rankOf(a[i], o.of.typ), rankOf(b[i], o.of.typ)
		if x != 0 || y != 0 { // NULL behind what is not a number, and both behind all others
			if x != y {
				return map[bool]int{true: -1, false: 1}[x < y] * map[bool]int{true: -1, false: 1}[o.nullsFirst]
			}
			continue
		}
		c := compare(a[i], o.of.typ, b[i], o.of.typ)
		if o.desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// rankOf is 0 for a value, more for what is none.
func rankOf(v Value, t Type) int {
	switch {
	case v.Null:
		return 2
	case t.Kind == endpoint.Float && math.IsNaN(v.Number):
		return 1
	}
	return 0
}
