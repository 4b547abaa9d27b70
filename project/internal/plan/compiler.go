package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/internal/spelling"
	"github.com/residualdb/residual/project/internal/sql"
)

// Tables finds a statement by a name that is none of the statement's own and no table of a store; nil if there is none of that name.
type Tables func(name string, at int) (*Query, error)

// Compile plans a statement.
func Compile(s *sql.Select, tables Tables) (*Query, error) {
	budget := expandedMax
	c := &compiler{tables: tables, budget: &budget, within: map[string]*Query{}, subqueries: new([]*subquery)}
	q, err := c.statement(s)
	if err != nil {
		return nil, err
	}
	for i, column := range q.Columns {
		if k := column.Type.Kind; k == endpoint.Interval || k == endpoint.Array {
			return nil, sql.Errorf(s.Items[min(i, len(s.Items)-1)].Expr.Pos(), "write quantiles(…)(…)[1], [2] and so on", "a column of an answer cannot be of the type %s", column.Type)
		}
		if slices.ContainsFunc(q.Columns[:i], func(o endpoint.Column) bool { return o.Name == column.Name }) {
			return nil, sql.Errorf(s.At, "give one of them another name with AS", "the answer has two columns %s", sql.Shown(column.Name))
		}
	}
	q.Format, q.subqueries = s.Format, *c.subqueries
	return q, nil
}

// compiler plans one statement.
type compiler struct {
	tables Tables
	budget *int
	// subqueries are those of the statement and of all that it reads, each behind those that it is made of.
	subqueries *[]*subquery
	// within are the statements of WITH, and expressions those of its expressions.
	within      map[string]*Query
	expressions map[string]sql.Expr
}

// statement plans a SELECT and those that UNION ALL adds.
func (c *compiler) statement(s *sql.Select) (*Query, error) {
	q, err := c.single(s)
	if err != nil || len(s.Union) == 0 {
		return q, err
	}
	parts := []*Query{q}
	columns := slices.Clone(q.Columns)
	for _, next := range s.Union {
		o, err := c.single(next)
		if err != nil {
			return nil, err
		}
		if len(o.Columns) != len(columns) {
			return nil, sql.Errorf(next.At, "", "the statements of a UNION have %d and %d columns", len(columns), len(o.Columns))
		}
		for i := range columns {
			t, ok := supertype(columns[i].Type, o.Columns[i].Type)
			if !ok {
				return nil, sql.Errorf(next.At, "write toFloat64(…), toUInt64(…) or the like", "the column %s of a UNION is of %s and of %s", columns[i].Name, columns[i].Type, o.Columns[i].Type)
			}
			columns[i].Type = t
		}
		parts = append(parts, o)
	}
	return &Query{Columns: columns, node: &union{parts, columns}}, nil
}

// single plans one SELECT with its WITH.
func (c *compiler) single(s *sql.Select) (*Query, error) {
	inner := *c
	inner.within, inner.expressions = map[string]*Query{}, map[string]sql.Expr{}
	maps.Copy(inner.within, c.within)
	maps.Copy(inner.expressions, c.expressions)
	for _, w := range s.With {
		if w.Query == nil {
			inner.expressions[w.Name] = w.Expr
			continue
		}
		q, err := inner.statement(w.Query)
		if err != nil {
			return nil, err
		}
		inner.within[w.Name] = q.Shared()
	}
	return inner.selection(s)
}

// Shared is the statement as one that several may read in one run: it runs once.
func (q *Query) Shared() *Query {
	of := *q
	of.node = &shared{node: q.node}
	return &of
}

// source is what a statement reads: a table of a store, maybe by a view, or rows in memory.
type source struct {
	table *table
	// conditions and columns are those of a view over the table; columns is nil without one.
	conditions []sql.Expr
	columns    map[string]sql.Expr
	order      []string // of the columns of a view

	query *Query
	name  string
}

// view is a statement over a table that does nothing but name expressions and leave out rows.
type view struct {
	table      *table
	conditions []sql.Expr
	columns    map[string]sql.Expr
	order      []string
}

// source finds what a FROM names.
func (c *compiler) source(s *sql.Source) (*source, error) {
	of := &source{name: s.Alias}
	if s.Query != nil {
		q, err := c.statement(s.Query)
		if err != nil {
			return nil, err
		}
		return of.reads(q), nil
	}
	if of.name == "" {
		of.name = s.Name
	}
	if q := c.within[s.Name]; q != nil {
		return of.reads(q), nil
	}
	if c.tables != nil {
		q, err := c.tables(s.Name, s.At)
		if err != nil {
			return nil, err
		}
		if q != nil {
			for _, sub := range q.subqueries { // once each, however many ways lead to it
				if !slices.Contains(*c.subqueries, sub) {
					*c.subqueries = append(*c.subqueries, sub)
				}
			}
			return of.reads(q), nil
		}
	}
	if of.table = tables[s.Name]; of.table == nil {
		names := TableNames()
		for name := range c.within {
			names = append(names, name)
		}
		advice := "the tables are " + strings.Join(TableNames(), " and ") + ", and the nodes and endpoints of the project; " + rowsElsewhere
		if near := spelling.Nearest(s.Name, names); near != "" {
			advice = "did you mean " + near + "?"
		}
		return nil, sql.Errorf(s.At, advice, "there is no table %s", sql.Shown(s.Name))
	}
	return of, nil
}

// reads makes it the answer of a statement, or the table below a view.
func (s *source) reads(q *Query) *source {
	if q.view != nil {
		s.table, s.conditions, s.columns, s.order = q.view.table, q.view.conditions, q.view.columns, q.view.order
		return s
	}
	s.query = q
	return s
}
