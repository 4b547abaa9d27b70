package plan

import (
	"strconv"
	"strings"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/internal/spelling"
	"github.com/residualdb/residual/project/internal/sql"
)

// env is what an expression is evaluated in.
type env struct {
	row []Value
	// x is the run of the query.
	x *run
}

// fail ends the query.
func (e *env) fail(err error) Value {
	if e.x.err == nil {
		e.x.err = err
	}
	return null
}

// expr is an expression that is ready to be evaluated.
type expr struct {
	typ Type
	// constant is set where it has one value for all rows.
	constant bool
	// months is set for an interval that counts them.
	months bool
	// literal is the value of a literal, nil for others.
	literal *sql.Literal
	eval    func(e *env) Value
}

// column is a column of the rows that expressions are about.
type column struct {
	table, name string
	typ         Type
}

// scope is what names mean.
type scope struct {
	columns []column
	// hook, unless it is nil, is asked first about each part of an expression; nil leaves it to the usual way.
	hook func(e sql.Expr) (*expr, error)
	// missing explains a name that is no column.
	missing func(id *sql.Ident) error
}

// find returns which column a name means.
func (s *scope) find(id *sql.Ident) (int, error) {
	found := -1
	for i := range s.columns {
		c := &s.columns[i]
		if c.name != id.Name || id.Table != "" && c.table != id.Table {
			continue
		}
		if found >= 0 {
			return 0, sql.Errorf(id.At, "write the name of its table before it, as in "+s.columns[found].table+"."+id.Name, "the column %s is in more than one table", sql.Shown(id.Name))
		}
		found = i
	}
	if found >= 0 {
		return found, nil
	}
	if s.missing != nil {
		if err := s.missing(id); err != nil {
			return 0, err
		}
	}
	var names []string
	for i := range s.columns {
		names = append(names, s.columns[i].name)
	}
	advice := "there are no columns here"
	if near := spelling.Nearest(id.Name, names); near != "" {
		advice = "did you mean " + near + "?"
	} else if len(names) > 0 {
		advice = "the columns are " + strings.Join(names, ", ")
	}
	name := id.Name
	if id.Table != "" {
		name = id.Table + "." + name
	}
	return 0, sql.Errorf(id.At, advice, "there is no column %s", sql.Shown(name))
}

// compile makes an expression ready.
func (c *compiler) compile(e sql.Expr, s *scope) (*expr, error) {
	if s.hook != nil {
		if found, err := s.hook(e); found != nil || err != nil {
			return found, err
		}
	}
	switch e := e.(type) {
	case *sql.Literal:
		return literal(e)
	case *sql.Ident:
		i, err := s.find(e)
		if err != nil {
			return nil, err
		}
		return &expr{typ: s.columns[i].typ, eval: func(e *env) Value { return e.row[i] }}, nil
	case *sql.Subquery:
		return c.scalar(e)
	case *sql.Star:
		return nil, sql.Errorf(e.At, "", "* is no value")
	case *sql.Call:
		return c.compileCall(e, s)
	}
	panic("BUG: no such expression")
}

// literal is a constant as it is written, in the narrowest type that has it.
func literal(l *sql.Literal) (*expr, error) {
	x := &expr{constant: true, literal: l}
	var v Value
	switch l.Kind {
	case sql.Null:
		x.typ, v = nothingType, null
	case sql.Text:
		x.typ, v = stringType, text(l.Text)
	case sql.True, sql.False:
		x.typ, v = boolType, boolOf[l.Kind == sql.True]
		x.typ.Bool = true
	case sql.Number:
		if n, err := strconv.ParseUint(l.Text, 10, 64); err == nil {
			x.typ, v = Type{Kind: endpoint.UInt, Bits: widthOf(n)}, whole(int64(n))
		} else if n, err := strconv.ParseInt(l.Text, 10, 64); err == nil {
			x.typ, v = Type{Kind: endpoint.Int, Bits: widthOf(uint64(-(n + 1)) << 1)}, whole(n)
		} else {
			f, err := strconv.ParseFloat(l.Text, 64)
			if err != nil {
				return nil, sql.Errorf(l.At, "", "%s is no number that a Float64 has", sql.Shown(l.Text))
			}
			x.typ, v = floatType, number(f)
		}
	}
	x.eval = func(*env) Value { return v }
	return x, nil
}

func widthOf(n uint64) uint8 {
	switch {
	case n < 1<<8:
		return 8
	case n < 1<<16:
		return 16
	case n < 1<<32:
		return 32
	}
	return 64
}

// compileCall makes a call ready.
func (c *compiler) compileCall(e *sql.Call, s *scope) (*expr, error) {
	name := strings.ToLower(e.Name)
	if _, ok := aggregates[name]; ok || aggregateName(e) != "" {
		return nil, sql.Errorf(e.At, "", "the aggregate %s cannot stand here", sql.Shown(e.Name))
	}
	f, ok := functions[name]
	if !ok {
		return nil, unknownFunction(e)
	}
	if e.Params != nil || e.Distinct {
		return nil, sql.Errorf(e.At, "", "%s is called with one list of arguments", sql.Shown(e.Name))
	}
	if len(e.Args) < f.least || len(e.Args) > f.most {
		return nil, sql.Errorf(e.At, "", "%s takes %s, and not %d", sql.Shown(e.Name), argumentsText(f.least, f.most), len(e.Args))
	}
	if name == "in" && len(e.Args) == 2 {
		if sub, ok := e.Args[1].(*sql.Subquery); ok {
			return c.inQuery(e, sub, s)
		}
	}
	args := make([]*expr, len(e.Args))
	constant := !f.varies
	for i, a := range e.Args {
		x, err := c.compile(a, s)
		if err != nil {
			return nil, err
		}
		args[i], constant = x, constant && x.constant
	}
	x, err := f.make(e, args)
	if err != nil {
		return nil, err
	}
	x.constant = constant
	return x, nil
}

func argumentsText(least, most int) string {
	switch {
	case most >= anyMany:
		return "at least " + strconv.Itoa(least) + " arguments"
	case least != most:
		return strconv.Itoa(least) + " to " + strconv.Itoa(most) + " arguments"
	case least == 1:
		return "one argument"
	}
	return strconv.Itoa(least) + " arguments"
}

// unknownFunction is the error of a function that there is none of.
func unknownFunction(e *sql.Call) error {
	var names []string
	for name := range functions {
		names = append(names, name)
	}
	for name := range aggregates {
		names = append(names, name)
	}
	advice := rowsElsewhere
	if near := spelling.Nearest(strings.ToLower(e.Name), names); near != "" {
		advice = "did you mean " + near + "?"
	}
	return sql.Errorf(e.At, advice, "the function %s is not understood", sql.Shown(e.Name))
}

// rowsElsewhere says where SQL belongs that sums cannot answer.
const rowsElsewhere = "docs/sql.md lists what is understood; for other SQL take the rows, /v0/pipes/predictions.parquet, to DuckDB or ClickHouse"
