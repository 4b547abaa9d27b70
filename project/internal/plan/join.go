package plan

import (
	"slices"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
)

// join puts the rows of two together whose keys are the same.
type join struct {
	left, right         node
	leftKeys, rightKeys []*expr
	// keep keeps rows of the left without a counterpart, whose columns have then the values that their types begin with.
	keep    bool
	columns []column // of the right
}

// joined plans FROM with its joins.
func (c *compiler) joined(s *sql.Select, from *source) (node, []column, error) {
	n, columns, err := c.memory(s.From, from)
	if err != nil {
		return nil, nil, err
	}
	for i := range s.Joins {
		j := &s.Joins[i]
		of, err := c.source(&j.Source)
		if err != nil {
			return nil, nil, err
		}
		right, more, err := c.memory(&j.Source, of)
		if err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(columns, func(o column) bool { return o.table == of.name }) {
			return nil, nil, sql.Errorf(j.Source.At, "give one of them a name with AS", "two tables are called %s", sql.Shown(of.name))
		}
		made := &join{left: n, right: right, keep: j.Left, columns: more}
		if err := c.keys(made, j, columns, more); err != nil {
			return nil, nil, err
		}
		n = made
		for _, column := range more {
			if slices.Contains(j.Using, column.name) {
				column.table, column.name = "", "" // it is that of the left
			}
			columns = append(slices.Clip(columns), column)
		}
	}
	return n, slices.Clip(columns), nil
}

// memory is a source as rows in memory.
func (c *compiler) memory(s *sql.Source, of *source) (node, []column, error) {
	if of.table != nil {
		return nil, nil, sql.Errorf(s.At, "group its rows in a statement of WITH, and join that", "a table of single rows is not joined")
	}
	columns := make([]column, len(of.query.Columns))
	for i, column := range of.query.Columns {
		columns[i].table, columns[i].name, columns[i].typ = of.name, column.Name, column.Type
	}
	return of.query.node, columns, nil
}

// keys plans ON and USING: equalities of the columns of both sides.
func (c *compiler) keys(n *join, j *sql.Join, left, right []column) error {
	l, r := &scope{columns: left}, &scope{columns: right}
	if j.Cross {
		return nil
	}
	conditions := conditionsOf(j.On)
	for _, name := range j.Using {
		conditions = append(conditions, &sql.Call{At: j.At, Name: "equals", Args: []sql.Expr{&sql.Ident{At: j.At, Name: name}, &sql.Ident{At: j.At, Name: name}}})
	}
	for _, e := range conditions {
		call, ok := e.(*sql.Call)
		if !ok || call.Name != "equals" || len(call.Args) != 2 {
			return sql.Errorf(e.Pos(), "write ON a.x = b.x AND a.y = b.y, and other conditions behind WHERE", "this condition of a join is not understood")
		}
		a, errA := c.compile(call.Args[0], l)
		b, errB := c.compile(call.Args[1], r)
		if errA != nil || errB != nil {
			x, errX := c.compile(call.Args[1], l)
			y, errY := c.compile(call.Args[0], r)
			if errX != nil || errY != nil {
				for _, err := range [...]error{errA, errB} {
					if err != nil {
						return err
					}
				}
			}
			a, b = x, y
		}
		if a.constant || b.constant {
			return sql.Errorf(e.Pos(), "write it behind WHERE", "a condition of a join compares columns of both sides")
		}
		if notNull(a.typ) != notNull(b.typ) && !(isInt(a.typ) && isInt(b.typ)) {
			return sql.Errorf(e.Pos(), "", "%s and %s do not compare", a.typ, b.typ)
		}
		n.leftKeys, n.rightKeys = append(n.leftKeys, a), append(n.rightKeys, b)
	}
	return nil
}

func (n *join) rows(x *run) (rows [][]Value, err error) {
	left, err := n.left.rows(x)
	if err != nil {
		return nil, err
	}
	right, err := n.right.rows(x)
	if err != nil {
		return nil, err
	}
	e := env{x: x}
	byKey := map[string][]int{}
	for i, row := range right {
		e.row = row
		if key, ok := keyOf(&e, n.rightKeys); ok {
			byKey[key] = append(byKey[key], i)
		}
	}
	none := make([]Value, len(n.columns))
	for i, column := range n.columns {
		none[i] = Value{Null: column.typ.Nullable || column.typ.Kind == endpoint.Nothing}
	}
	for _, row := range left {
		e.row = row
		var found []int
		if key, ok := keyOf(&e, n.leftKeys); ok {
			found = byKey[key]
		}
		for _, i := range found {
			rows = append(rows, slices.Concat(row, right[i]))
			if err := x.hold(24 + int64(len(row)+len(right[i]))*valueBytes); err != nil { // texts are those of both sides
				return nil, err
			}
		}
		if len(found) == 0 && n.keep {
			rows = append(rows, slices.Concat(row, none))
			if err := x.hold(24 + int64(len(row)+len(none))*valueBytes); err != nil {
				return nil, err
			}
		}
	}
	return rows, x.err
}

// keyOf is a text that rows have in common whose keys are the same. NULL is the same as nothing.
func keyOf(e *env, keys []*expr) (string, bool) {
	var key []byte
	for _, k := range keys {
		v := k.eval(e)
		if v.Null {
			return "", false
		}
		key = appendKey(key, v, k.typ)
	}
	return string(key), true
}
