package plan

import (
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
)

// The tables of a store.
const (
	// PredictionsTable has the rows with an actual: the data source of the tutorial, whose actual_value is no NULL.
	PredictionsTable = "ml_model_predictions"
	// AllTable has all rows.
	AllTable = "predictions"

	timestampColumn = "timestamp"
)

// table is a table of a store, as a statement reads it.
type table struct {
	// actuals is set where only rows with an actual count.
	actuals bool
	columns []column
}

var tables = map[string]*table{
	PredictionsTable: {actuals: true, columns: []column{
		{name: timestampColumn, typ: timeType},
		{name: "model_id", typ: stringType},
		{name: "prediction_id", typ: stringType},
		{name: "features", typ: stringType},
		{name: "predicted_value", typ: floatType},
		{name: "actual_value", typ: floatType},
		{name: "model_version", typ: stringType},
		{name: "environment", typ: stringType},
	}},
	AllTable: {columns: []column{
		{name: timestampColumn, typ: time64Type},
		{name: "model_id", typ: stringType},
		{name: "prediction_id", typ: stringType},
		{name: "features", typ: stringType},
		{name: "predicted_value", typ: floatType},
		{name: "actual_value", typ: nullable(floatType)},
		{name: "model_version", typ: stringType},
		{name: "environment", typ: stringType},
	}},
}

// TableNames are the names of the tables of a store.
func TableNames() []string { return []string{PredictionsTable, AllTable} }

// nameColumns are those that name a series, in the order of the bits of engine.Columns.
var nameColumns = [...]string{"model_id", "model_version", "environment"}

func (t *table) has(name string) bool {
	return slices.ContainsFunc(t.columns, func(c column) bool { return c.name == name })
}

func (t *table) timeType() Type {
	if t.actuals {
		return t.columns[0].typ
	}
	return time64Type
}

// count is how many rows of sums are of the table.
func (t *table) count(s *engine.RowSums) uint64 {
	if t.actuals {
		return s.Actuals()
	}
	return s.Rows()
}

// onlyActuals tells whether a condition is actual_value IS NOT NULL.
func onlyActuals(e sql.Expr) bool {
	c, ok := e.(*sql.Call)
	if !ok || len(c.Args) != 1 || c.Name != "isNotNull" {
		return false
	}
	id, ok := c.Args[0].(*sql.Ident)
	return ok && id.Name == "actual_value"
}

// restricted returns the table with what a condition says of actuals, and the conditions that are left.
func (t *table) restricted(conditions []sql.Expr) (of *table, left []sql.Expr) {
	of = t
	for _, e := range conditions {
		if onlyActuals(e) {
			if !of.actuals {
				of = &table{actuals: true, columns: slices.Clone(t.columns)}
				for i := range of.columns {
					of.columns[i].typ.Nullable = false
				}
			}
			continue
		}
		left = append(left, e)
	}
	return of, left
}

// spanScope is what conditions and keys of sums are about: the names of a series, and the time of a span.
func (t *table) spanScope() *scope {
	s := &scope{}
	for _, name := range nameColumns {
		s.columns = append(s.columns, column{name: name, typ: stringType})
	}
	s.columns = append(s.columns, column{name: timestampColumn, typ: t.timeType()})
	s.missing = func(id *sql.Ident) error {
		if id.Table == "" && t.has(id.Name) && id.Name != timestampColumn && !slices.Contains(nameColumns[:], id.Name) {
			waiting := ""
			if id.Name == "actual_value" {
				waiting = "rows without an actual are count() - count(actual_value) of predictions; "
			}
			return sql.Errorf(id.At, waiting+"filter and group by model_id, model_version, environment and timestamp; "+rowsElsewhere,
				"sums know the %s of no row", sql.Shown(id.Name))
		}
		return nil
	}
	return s
}

// seriesRow is the row of spanScope.
type seriesRow [4]Value

func (r *seriesRow) set(model, version, environment string, ms int64) {
	r[0], r[1], r[2], r[3] = text(model), text(version), text(environment), whole(ms)
}

// conditionsOf are the parts of a condition that must all hold.
func conditionsOf(e sql.Expr) (list []sql.Expr) {
	if e == nil {
		return nil
	}
	if c, ok := e.(*sql.Call); ok && c.Name == "and" {
		for _, a := range c.Args {
			list = append(list, conditionsOf(a)...)
		}
		return list
	}
	return []sql.Expr{e}
}

// selected is which series conditions name: those of columns that are one name.
type selected struct {
	names [3]*expr
}

// take takes a condition that says of a column which one name it has. It tells whether it is one.
func (s *selected) take(c *compiler, e sql.Expr) bool {
	call, ok := e.(*sql.Call)
	if !ok || call.Name != "equals" || len(call.Args) != 2 {
		return false
	}
	for i, side := range call.Args {
		id, ok := side.(*sql.Ident)
		at := slices.Index(nameColumns[:], nameOf(id))
		if !ok || at < 0 || s.names[at] != nil {
			continue
		}
		x, err := c.compile(call.Args[1-i], &scope{})
		if err != nil || !x.constant || x.typ.Kind != endpoint.String {
			continue
		}
		s.names[at] = x
		return true
	}
	return false
}

func nameOf(id *sql.Ident) string {
	if id == nil {
		return ""
	}
	return id.Name
}

// query sets the names of a query. nothing is true if no row can have them.
func (s *selected) query(x *env, model, version, environment *string, literal *engine.Columns) (nothing bool) {
	for i, of := range [...]*string{model, version, environment} {
		*of = "*"
		if s.names[i] == nil {
			continue
		}
		v := s.names[i].eval(x)
		if v.Null || v.Text == "" {
			return true
		}
		if *of = v.Text; i != 1 || v.Text != latestVersion {
			*literal |= 1 << i
		}
	}
	return false
}

// latestVersion is the version that stands for another where no version is called so, as in the parameters of pipes.
const latestVersion = "latest"
