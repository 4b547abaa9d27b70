package plan

import (
	"github.com/residualdb/residual/project/internal/sql"
)

// names are what the names of a statement stand for, beside columns.
type names struct {
	// aliases are those of its columns and of WITH.
	aliases map[string]sql.Expr
	// view are the columns of the view that it reads, by expressions over the columns of the table below.
	view map[string]sql.Expr
	// tables are the names of the view and of the table, which stand before the names of columns.
	tables map[string]bool
	// scope has the columns of other tables than those of a store, whose names get those of their tables.
	scope *scope

	open   map[string]bool // aliases that are being expanded
	budget *int
}

// expandedMax bounds the expressions that names come to.
const expandedMax = 20_000

// expand puts in the place of each name what it stands for. A name within the expression of its own alias is a column.
func (n *names) expand(e sql.Expr) (sql.Expr, error) {
	if *n.budget--; *n.budget < 0 {
		return nil, sql.Errorf(e.Pos(), "", "the statement has more than %d expressions once its names are replaced", expandedMax)
	}
	switch e := e.(type) {
	case *sql.Ident:
		if of, ok := n.aliases[e.Name]; ok && e.Table == "" && !n.open[e.Name] {
			n.open[e.Name] = true
			defer delete(n.open, e.Name)
			return n.expand(of)
		}
		if n.view != nil && (e.Table == "" || n.tables[e.Table]) {
			if of, ok := n.view[e.Name]; ok {
				*n.budget -= size(of)
				return at(of, e.At), nil
			}
			return nil, sql.Errorf(e.At, "", "there is no column %s", sql.Shown(e.Name))
		}
		if n.tables[e.Table] {
			return &sql.Ident{At: e.At, Name: e.Name}, nil
		}
		if n.scope != nil {
			i, err := n.scope.find(e)
			if err != nil {
				return nil, err
			}
			return &sql.Ident{At: e.At, Table: n.scope.columns[i].table, Name: e.Name}, nil
		}
		return e, nil
	case *sql.Call:
		c := *e
		c.Args = make([]sql.Expr, len(e.Args))
		for i, a := range e.Args {
			x, err := n.expand(a)
			if err != nil {
				return nil, err
			}
			c.Args[i] = x
		}
		return &c, nil
	}
	return e, nil
}

func size(e sql.Expr) (n int) {
	sql.Walk(e, func(sql.Expr) bool {
		n++
		return true
	})
	return n
}

// at is an expression of another text, which is to blame on a place in this one.
func at(e sql.Expr, place int) sql.Expr {
	switch e := e.(type) {
	case *sql.Literal:
		c := *e
		c.At = place
		return &c
	case *sql.Ident:
		return &sql.Ident{At: place, Name: e.Name}
	case *sql.Call:
		c := *e
		c.At, c.Args = place, make([]sql.Expr, len(e.Args))
		for i, a := range e.Args {
			c.Args[i] = at(a, place)
		}
		return &c
	}
	return e
}
