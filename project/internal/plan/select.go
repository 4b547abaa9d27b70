package plan

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/project/internal/sql"
)

// item is a column of a statement, with its names replaced.
type item struct {
	name string
	expr sql.Expr
}

// planned is a statement on its way.
type planned struct {
	*compiler

	s     *sql.Select
	names names
	items []item
	// having, where, groups and order have their names replaced.
	where, having sql.Expr
	groups        []sql.Expr
	order         []sql.Order
}

// selection plans a SELECT whose WITH is known.
func (c *compiler) selection(s *sql.Select) (*Query, error) {
	if s.From == nil {
		return c.overRows(s, single{}, nil)
	}
	from, err := c.source(s.From)
	if err != nil {
		return nil, err
	}
	if from.table != nil && len(s.Joins) == 0 {
		return c.overTable(s, from)
	}
	rows, columns, err := c.joined(s, from)
	if err != nil {
		return nil, err
	}
	return c.overRows(s, rows, columns)
}

// plan replaces the names of a statement. all are the columns that * stands for.
func (c *compiler) plan(s *sql.Select, n names, all func(table string, at int) ([]item, error)) (*planned, error) {
	p := &planned{compiler: c, s: s, names: n}
	p.names.aliases, p.names.open, p.names.budget = map[string]sql.Expr{}, map[string]bool{}, c.budget
	maps.Copy(p.names.aliases, c.expressions)
	for _, it := range s.Items {
		if it.Alias != "" {
			p.names.aliases[it.Alias] = it.Expr
		}
	}
	for _, it := range s.Items {
		if star, ok := it.Expr.(*sql.Star); ok {
			list, err := all(star.Table, star.At)
			if err != nil {
				return nil, err
			}
			p.items = append(p.items, list...)
			continue
		}
		e, err := p.expandItem(it)
		if err != nil {
			return nil, err
		}
		p.items = append(p.items, item{p.nameOf(it), e})
	}
	return p, p.clauses()
}

// nameOf is the name of a column: with that of its table where another one before it has it.
func (p *planned) nameOf(it sql.Item) string {
	name := it.Alias
	if name == "" {
		name = sql.Name(it.Expr)
	}
	if id, ok := it.Expr.(*sql.Ident); ok && it.Alias == "" && id.Table != "" && slices.ContainsFunc(p.items, func(o item) bool { return o.name == name }) {
		name = id.Table + "." + name
	}
	return name
}

// expandItem replaces the names of a column; in the expression of its own alias, that alias is a column.
func (p *planned) expandItem(it sql.Item) (sql.Expr, error) {
	if it.Alias != "" {
		p.names.open[it.Alias] = true
		defer delete(p.names.open, it.Alias)
	}
	return p.names.expand(it.Expr)
}

// clauses replaces the names of the other clauses.
func (p *planned) clauses() (err error) {
	expand := func(e sql.Expr) sql.Expr {
		if e == nil || err != nil {
			return nil
		}
		var of sql.Expr
		of, err = p.names.expand(e)
		return of
	}
	p.where, p.having = expand(p.s.Where), expand(p.s.Having)
	for _, g := range p.s.GroupBy {
		p.groups = append(p.groups, expand(g))
	}
	for _, o := range p.s.OrderBy {
		o.Expr = expand(o.Expr)
		p.order = append(p.order, o)
	}
	if err != nil {
		return err
	}
	for i := range p.groups {
		if p.groups[i], err = p.positional(p.groups[i]); err != nil {
			return err
		}
	}
	for i := range p.order {
		if p.order[i].Expr, err = p.positional(p.order[i].Expr); err != nil {
			return err
		}
	}
	if p.where != nil {
		if c := aggregateIn(p.where); c != nil {
			return sql.Errorf(c.At, "write it behind HAVING, or give the column of that name another one", "WHERE has the aggregate %s in it", sql.Shown(c.Name))
		}
	}
	if len(p.groups) == 0 && p.s.Distinct && !p.aggregated() { // the same, and sums know it
		for i := range p.items {
			p.groups = append(p.groups, p.items[i].expr)
		}
	}
	return nil
}

// positional is the column that a number stands for in GROUP BY and ORDER BY.
func (p *planned) positional(e sql.Expr) (sql.Expr, error) {
	l, ok := e.(*sql.Literal)
	if !ok || l.Kind != sql.Number {
		return e, nil
	}
	if strings.Trim(strings.TrimPrefix(l.Text, "-"), "0123456789") != "" {
		return e, nil
	}
	i, err := strconv.Atoi(l.Text)
	if err != nil {
		i = 0
	}
	if i < 0 { // from the last
		i += len(p.items) + 1
	}
	if i < 1 || i > len(p.items) {
		return nil, sql.Errorf(l.At, "", "there is no column number %s", l.Text)
	}
	return p.items[i-1].expr, nil
}

// aggregateIn is an aggregate in an expression; nil if there is none.
func aggregateIn(e sql.Expr) (found *sql.Call) {
	sql.Walk(e, func(e sql.Expr) bool {
		if c, ok := e.(*sql.Call); ok && found == nil && aggregateName(c) != "" {
			found = c
		}
		return found == nil
	})
	return found
}

// aggregated tells whether the statement makes one row of several.
func (p *planned) aggregated() bool {
	if len(p.groups) > 0 || p.having != nil {
		return true
	}
	for i := range p.items {
		if aggregateIn(p.items[i].expr) != nil {
			return true
		}
	}
	for i := range p.order {
		if aggregateIn(p.order[i].Expr) != nil {
			return true
		}
	}
	return false
}

// overTable plans a statement over a table of a store.
func (c *compiler) overTable(s *sql.Select, from *source) (*Query, error) {
	t := from.table
	n := names{view: from.columns, tables: map[string]bool{from.name: from.name != "", s.From.Name: s.From.Name != ""}}
	p, err := c.plan(s, n, func(name string, place int) (items []item, err error) {
		if name != "" && !n.tables[name] {
			return nil, sql.Errorf(place, "", "there is no table %s", sql.Shown(name))
		}
		if from.columns != nil {
			for _, name := range from.order {
				items = append(items, item{name, at(from.columns[name], place)})
			}
			return items, nil
		}
		for _, column := range t.columns {
			items = append(items, item{column.name, &sql.Ident{At: place, Name: column.name}})
		}
		return items, nil
	})
	if err != nil {
		return nil, err
	}
	conditions := append(append([]sql.Expr{}, from.conditions...), conditionsOf(p.where)...)
	if p.aggregated() {
		return p.overSums(t, conditions)
	}
	return p.overTableRows(t, conditions)
}

// overSums plans a statement that groups rows of a table.
func (p *planned) overSums(t *table, conditions []sql.Expr) (*Query, error) {
	n, err := newSums(p.compiler, t, conditions)
	if err != nil {
		return nil, err
	}
	n.without = len(p.groups) == 0
	g := &groups{planned: p, key: n.key, aggregate: n.aggregate}
	g.missing = n.table.spanScope().missing
	g.special = func(e sql.Expr) (Type, bool) {
		c, ok := e.(*sql.Call)
		if !ok || len(c.Args) != 1 || !strings.EqualFold(c.Name, "sqrt") {
			return Type{}, false
		}
		avg, ok := c.Args[0].(*sql.Call)
		if !ok || len(avg.Args) != 1 || !strings.EqualFold(avg.Name, "avg") {
			return Type{}, false
		}
		m, ok := measureOf(avg.Args[0])
		if !ok || m.factor != 1 || m.of != engine.SquaredError {
			return Type{}, false
		}
		return n.rmse(m), true
	}
	return g.query(n)
}

// overTableRows plans a statement that reads rows of a table, or names expressions over it.
func (p *planned) overTableRows(t *table, conditions []sql.Expr) (*Query, error) {
	n, err := newTableRows(p.compiler, t, conditions)
	if err != nil {
		return nil, err
	}
	scope := &scope{columns: n.table.columns}
	sel, err := p.selects(n, scope)
	if err != nil {
		return nil, err
	}
	q := &Query{Columns: sel.columns, node: sel}
	if !p.s.Distinct && len(p.order) == 0 && p.s.Limit == nil && p.s.Offset == nil {
		v := &view{table: t, conditions: conditions, columns: map[string]sql.Expr{}}
		for _, it := range p.items {
			v.columns[it.name] = it.expr
			v.order = append(v.order, it.name)
		}
		q.view = v
		q.node = unlimited{at: p.s.At}
		return q, nil
	}
	if !n.orderBy(p.order) {
		return nil, sql.Errorf(p.order[0].Expr.Pos(), "order by timestamp, or by abs(predicted_value - actual_value) DESC without conditions on single rows; "+rowsElsewhere, "rows are not put in this order")
	}
	if sel.limit == nil {
		return nil, sql.Errorf(p.s.At, "write LIMIT 100", "a statement that reads rows needs a LIMIT, of at most %d; "+rowsElsewhere, TableRowsMax)
	}
	sel.order = nil
	var all []sql.Expr
	for _, it := range p.items {
		all = append(all, it.expr)
	}
	n.uses(append(all, conditions...))
	q.node = &limitedRows{selection: sel, rowsOf: n, at: p.s.At}
	return q, nil
}

// unlimited is a view that is asked for its rows.
type unlimited struct{ at int }

func (u unlimited) rows(*run) ([][]Value, error) {
	return nil, sql.Errorf(u.at, "write LIMIT 100; "+rowsElsewhere, "a statement that reads rows needs a LIMIT, of at most %d", TableRowsMax)
}

// limitedRows reads no more rows than its limit.
type limitedRows struct {
	*selection

	rowsOf *tableRows
	at     int
}

func (l *limitedRows) rows(x *run) ([][]Value, error) {
	limit, offset, err := l.bounds(x)
	if err != nil {
		return nil, err
	}
	if limit < 0 || limit+offset > TableRowsMax {
		return nil, sql.Errorf(l.at, rowsElsewhere, "a statement that reads rows needs a LIMIT, with its OFFSET of at most %d", TableRowsMax)
	}
	of := *l.rowsOf
	of.limit = limit + offset
	sel := *l.selection
	sel.from = &of
	return sel.rows(x)
}

// overRows plans a statement over rows in memory.
func (c *compiler) overRows(s *sql.Select, from node, columns []column) (*Query, error) {
	scope := &scope{columns: columns}
	p, err := c.plan(s, names{scope: scope}, func(name string, at int) (items []item, err error) {
		for _, column := range columns {
			if name == "" || column.table == name {
				items = append(items, item{column.name, &sql.Ident{At: at, Table: column.table, Name: column.name}})
			}
		}
		if len(items) == 0 {
			return nil, sql.Errorf(at, "", "there are no columns here")
		}
		return items, nil
	})
	if err != nil {
		return nil, err
	}
	if !p.aggregated() {
		sel, err := p.selects(from, scope)
		if err != nil {
			return nil, err
		}
		return sel.query(), nil
	}
	n := &rowGroups{from: from, without: len(p.groups) == 0}
	if p.where != nil {
		if n.where, err = p.condition(p.where, scope); err != nil {
			return nil, err
		}
	}
	g := &groups{planned: p, key: func(e sql.Expr) (*expr, error) {
		x, err := c.compile(e, scope)
		if err == nil {
			n.keys = append(n.keys, x)
		}
		return x, err
	}, aggregate: func(e *sql.Call) (Type, error) {
		a, err := c.gather(e, scope)
		if err != nil {
			return Type{}, err
		}
		n.parts = append(n.parts, a)
		return a.typ, nil
	}}
	return g.query(n)
}

// condition compiles a condition.
func (p *planned) condition(e sql.Expr, s *scope) (*expr, error) {
	x, err := p.compile(e, s)
	if err != nil {
		return nil, err
	}
	if !isNumber(x.typ) && x.typ != nothingType {
		return nil, sql.Errorf(e.Pos(), "", "this is no condition: it is of the type %s", x.typ)
	}
	return x, nil
}

// groups plans a statement over groups: what stands in it is made of keys and aggregates.
type groups struct {
	*planned

	key       func(e sql.Expr) (*expr, error)
	aggregate func(e *sql.Call) (Type, error)
	// special, unless it is nil, takes an expression for an aggregate of its own.
	special func(e sql.Expr) (Type, bool)
	missing func(id *sql.Ident) error

	// columns are the keys, then the aggregates, and found where each is by its text.
	columns []column
	found   map[string]int
}

// query plans the statement; n makes a row of each group.
func (g *groups) query(n node) (*Query, error) {
	g.found = map[string]int{}
	for _, e := range g.groups {
		if c := aggregateIn(e); c != nil {
			return nil, sql.Errorf(c.At, "", "GROUP BY has the aggregate %s in it", sql.Shown(c.Name))
		}
		text := sql.Key(e)
		if _, ok := g.found[text]; ok {
			continue
		}
		x, err := g.key(e)
		if err != nil {
			return nil, err
		}
		g.add(text, x.typ)
	}
	s := &scope{hook: g.hook}
	g.where = nil
	sel, err := g.selects(n, s)
	if err != nil {
		return nil, err
	}
	if g.having != nil {
		if sel.where, err = g.condition(g.having, s); err != nil {
			return nil, err
		}
	}
	return sel.query(), nil
}

func (g *groups) add(text string, t Type) *expr {
	i := len(g.columns)
	g.columns = append(g.columns, column{typ: t})
	g.found[text] = i
	return g.column(i)
}

func (g *groups) column(i int) *expr {
	return &expr{typ: g.columns[i].typ, eval: func(e *env) Value { return e.row[i] }}
}

// hook finds keys and aggregates in an expression.
func (g *groups) hook(e sql.Expr) (*expr, error) {
	switch e.(type) {
	case *sql.Literal, *sql.Subquery:
		return nil, nil
	}
	text := sql.Key(e)
	if i, ok := g.found[text]; ok {
		return g.column(i), nil
	}
	if g.special != nil {
		if t, ok := g.special(e); ok {
			return g.add(text, t), nil
		}
	}
	switch e := e.(type) {
	case *sql.Call:
		if aggregateName(e) == "" {
			return nil, nil
		}
		for _, a := range e.Args {
			if c := aggregateIn(a); c != nil {
				return nil, sql.Errorf(c.At, "", "the aggregate %s stands in another one", sql.Shown(c.Name))
			}
		}
		t, err := g.aggregate(e)
		if err != nil {
			return nil, err
		}
		return g.add(text, t), nil
	case *sql.Ident:
		if g.missing != nil {
			if err := g.missing(e); err != nil {
				return nil, err
			}
		}
		return nil, sql.Errorf(e.At, "add it to GROUP BY, or write any("+e.Name+")", "the column %s is neither in GROUP BY nor in an aggregate", sql.Shown(e.Name))
	}
	return nil, nil
}
