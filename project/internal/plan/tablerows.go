package plan

import (
	"slices"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/project/internal/sql"
)

// TableRowsMax bounds the LIMIT of a statement that reads rows.
const TableRowsMax = 10_000

// tableRows reads rows of a table, as many as a limit, in the order of time or of their errors.
type tableRows struct {
	table    *table
	selected selected
	cuts     cuts
	// when are the conditions on time alone, others all that are left.
	when, others []*expr
	id           *expr
	order        engine.RowOrder
	columns      engine.RowColumns
	limit        int
}

// newTableRows compiles what picks the rows.
func newTableRows(c *compiler, t *table, conditions []sql.Expr) (*tableRows, error) {
	n := &tableRows{cuts: cuts{compiler: c}, columns: engine.NumbersAlone | engine.IDColumn | engine.FeaturesColumn}
	n.table, conditions = t.restricted(conditions)
	s := &scope{columns: n.table.columns}
	for _, e := range conditions {
		if n.selected.take(c, e) || n.takeID(c, e) {
			continue
		}
		x, err := c.compile(e, s)
		if err != nil {
			return nil, err
		}
		if !isNumber(x.typ) && x.typ != nothingType {
			return nil, sql.Errorf(e.Pos(), "", "this is no condition: it is of the type %s", x.typ)
		}
		before := n.cuts.granule
		if cut := len(n.cuts.at); timeAlone(e) && n.cuts.add(e) == nil && n.cuts.granule == before {
			n.when = append(n.when, x)
		} else {
			n.cuts.granule, n.cuts.at = before, n.cuts.at[:cut]
		}
		n.others = append(n.others, x)
	}
	return n, nil
}

// timeAlone tells whether an expression has no column but timestamp, which it has.
func timeAlone(e sql.Expr) bool {
	alone := mentions(e)
	sql.Walk(e, func(e sql.Expr) bool {
		if id, ok := e.(*sql.Ident); ok && id.Name != timestampColumn {
			alone = false
		}
		return true
	})
	return alone
}

// takeID takes prediction_id = 'x', of which the store has an index.
func (n *tableRows) takeID(c *compiler, e sql.Expr) bool {
	call, ok := e.(*sql.Call)
	if !ok || call.Name != "equals" || n.id != nil {
		return false
	}
	id, ok := call.Args[0].(*sql.Ident)
	if !ok || id.Name != "prediction_id" {
		return false
	}
	x, err := c.compile(call.Args[1], &scope{})
	if err != nil || !x.constant || x.typ != stringType {
		return false
	}
	n.id = x
	return true
}

// orderBy takes the order that the store has; ok is false for another one.
func (n *tableRows) orderBy(list []sql.Order) (ok bool) {
	switch {
	case len(list) == 0:
		n.order = engine.TimeAscending
		return true
	case len(list) == 1 && isTimestamp(list[0].Expr):
		n.order = engine.TimeAscending
		if list[0].Desc {
			n.order = engine.TimeDescending
		}
		return true
	case len(list) == 1 && list[0].Desc && len(n.others) == len(n.when):
		m, ok := measureOf(list[0].Expr)
		n.order = engine.WorstFirst
		return ok && m.factor > 0 && (m.of == engine.AbsError || m.of == engine.SquaredError)
	}
	return false
}

// uses tells the columns that are read.
func (n *tableRows) uses(expressions []sql.Expr) {
	n.columns = engine.NumbersAlone
	for _, e := range expressions {
		sql.Walk(e, func(e sql.Expr) bool {
			if id, ok := e.(*sql.Ident); ok {
				switch id.Name {
				case "prediction_id":
					n.columns |= engine.IDColumn
				case "features":
					n.columns |= engine.FeaturesColumn
				}
			}
			return true
		})
	}
}

func (n *tableRows) rows(x *run) (rows [][]Value, err error) {
	e := &env{x: x}
	q := engine.RowsQuery{Within: x.Within, Order: n.order, Columns: n.columns}
	if n.table.actuals {
		q.Actuals = engine.WithActual
	}
	if n.selected.query(e, &q.Model, &q.Version, &q.Environment, &q.Literal) {
		return nil, nil
	}
	if n.id != nil {
		if q.ID = n.id.eval(e).Text; q.ID == "" {
			return nil, nil
		}
	}
	of, gaps, ok := n.span(e)
	if !ok || n.limit == 0 {
		return nil, x.err
	}
	if len(n.others) == len(n.when) && !gaps {
		q.Limit = n.limit
	}
	times := of.times()
	if q.From, q.To = times.From, times.To; q.From.IsZero() {
		q.From = time.UnixMilli(0).UTC() // no row is before
	}
	read, err := x.Store.EachRows(x.ctx, q, func(b *engine.RowBatch) bool {
		for i := 0; i < b.Len() && len(rows) < n.limit; i++ {
			if row := n.rowOf(b, i); n.counts(e, row) {
				rows = append(rows, row)
				if x.err == nil {
					x.err = x.hold(bytesOf(row))
				}
			}
		}
		return len(rows) < n.limit && x.err == nil
	})
	x.read.Add(read)
	if err == nil {
		err = x.err
	}
	return rows, err
}

// span is the time that the conditions on time alone leave, from its first part to its last; gaps is set if there is some between that
// they do not leave. ok is false if there is none.
func (n *tableRows) span(e *env) (of milliSpan, gaps, ok bool) {
	row := make([]Value, len(n.table.columns))
	for _, cell := range n.cuts.cells(e) {
		row[0] = whole(cell.representative())
		holds := true
		for _, w := range n.when {
			holds = holds && truth(w.eval(&env{row: row, x: e.x}), w.typ)
		}
		if !holds {
			continue
		}
		if !ok {
			of = cell
		}
		gaps = gaps || ok && of.to != cell.from
		of.to, ok = cell.to, true
	}
	return of, gaps, ok
}

// counts tells whether all conditions hold for a row.
func (n *tableRows) counts(e *env, row []Value) bool {
	e.row = row
	return !slices.ContainsFunc(n.others, func(c *expr) bool { return !truth(c.eval(e), c.typ) })
}

// rowOf is a row of a batch, in the order of the columns of the table.
func (n *tableRows) rowOf(b *engine.RowBatch, i int) []Value {
	s := &b.Series[b.SeriesOf[i]]
	row := []Value{whole(b.Times[i]), text(s.Model), {}, {}, number(b.Predicted[i]), {Null: true}, text(s.Version), text(s.Environment)}
	if b.Known.Get(i) {
		row[5] = number(b.Actual[i])
	}
	if n.columns&engine.IDColumn != 0 {
		row[2] = text(string(b.IDs.At(i)))
	}
	if n.columns&engine.FeaturesColumn != 0 {
		row[3] = text(string(b.Features.At(i)))
	}
	return row
}
