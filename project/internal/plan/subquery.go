package plan

import (
	"github.com/residualdb/residual/project/internal/sql"
)

// subquery is a statement in an expression. It is about nothing of the statement around it, so that it runs once.
type subquery struct {
	query *Query
}

// subqueryValues are the values of its one column.
type subqueryValues struct {
	values []Value
	keys   map[string]bool
}

// values runs it, or returns what it came to.
func (s *subquery) values(x *run) (*subqueryValues, error) {
	if v, ok := x.sets[s]; ok {
		return v, nil
	}
	rows, err := s.query.node.rows(x)
	if err != nil {
		return nil, err
	}
	v := &subqueryValues{keys: map[string]bool{}}
	for _, row := range rows {
		v.values = append(v.values, row[0])
		if !row[0].Null {
			v.keys[string(appendKey(nil, row[0], s.query.Columns[0].Type))] = true
		}
	}
	x.sets[s] = v
	return v, nil
}

// subqueryOf compiles a statement of one column.
func (c *compiler) subqueryOf(e *sql.Subquery) (*subquery, error) {
	q, err := c.statement(e.Query)
	if err != nil {
		return nil, err
	}
	if len(q.Columns) != 1 {
		return nil, sql.Errorf(e.At, "", "a statement in the place of a value has one column, and this has %d", len(q.Columns))
	}
	s := &subquery{query: q}
	*c.subqueries = append(*c.subqueries, s)
	return s, nil
}

// scalar compiles a statement in the place of a value: that of its one row, or NULL without one.
func (c *compiler) scalar(e *sql.Subquery) (*expr, error) {
	s, err := c.subqueryOf(e)
	if err != nil {
		return nil, err
	}
	return &expr{typ: nullable(s.query.Columns[0].Type), constant: true, eval: func(x *env) Value {
		v, err := s.values(x.x)
		switch {
		case err != nil:
			return x.fail(err)
		case len(v.values) > 1:
			return x.fail(sql.Errorf(e.At, "write LIMIT 1", "a statement in the place of a value has more than one row"))
		case len(v.values) == 0:
			return null
		}
		return v.values[0]
	}}, nil
}

// inQuery compiles x IN (SELECT …).
func (c *compiler) inQuery(e *sql.Call, sub *sql.Subquery, s *scope) (*expr, error) {
	of, err := c.compile(e.Args[0], s)
	if err != nil {
		return nil, err
	}
	q, err := c.subqueryOf(sub)
	if err != nil {
		return nil, err
	}
	if t := q.query.Columns[0].Type; t.Kind != of.typ.Kind {
		return nil, sql.Errorf(e.At, "", "%s and %s do not compare", of.typ, t)
	}
	x := strict(boolType, []*expr{of}, func(x *env, v []Value) Value {
		set, err := q.values(x.x)
		if err != nil {
			return x.fail(err)
		}
		return boolOf[set.keys[string(appendKey(nil, v[0], of.typ))]]
	})
	x.constant = of.constant
	return x, nil
}
