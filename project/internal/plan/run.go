package plan

import (
	"context"
	"fmt"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/endpoint"
)

// TooMuch is the error of an answer that is longer than it may be.
type TooMuch struct{ Text string }

func (e *TooMuch) Error() string { return e.Text }

// In is what a query runs in.
type In struct {
	Store  endpoint.Store
	Now    time.Time
	Within string
	// RowsMax bounds the rows that are held at one time.
	RowsMax int
}

// run is one run of a query.
type run struct {
	In

	ctx  context.Context
	now  int64
	read engine.Read
	// held is how many rows are held.
	held int
	// made are the rows of nodes that several others read.
	made map[*shared][][]Value
	// sets are the values of statements that stand in expressions.
	sets map[*subquery]*subqueryValues
	// befores are how many rows selections had before their limits.
	befores map[*selection]int
	err     error
}

// hold counts a row that is held.
func (x *run) hold(n int) error {
	if x.held += n; x.held > x.RowsMax {
		return &TooMuch{fmt.Sprintf("the answer, or what it is made of, has more than %d rows; ask for fewer models or a shorter time, or write LIMIT", x.RowsMax)}
	}
	return nil
}

// node makes rows.
type node interface {
	rows(x *run) ([][]Value, error)
}

// Query is a statement that is ready to be run.
type Query struct {
	// Columns are those of the answer.
	Columns []endpoint.Column
	// Format is that of the statement, empty without one.
	Format string

	node node
	// view is set for a statement that is a list of expressions over a table of a store: what reads it is planned as if it stood there.
	view *view
	// limit is set where a LIMIT applies to the outermost statement.
	limit *selection
}

// Run answers.
func (q *Query) Run(ctx context.Context, in In) (*endpoint.Answer, error) {
	x := &run{In: in, ctx: ctx, now: in.Now.UnixMilli(), made: map[*shared][][]Value{}, sets: map[*subquery]*subqueryValues{}}
	rows, err := q.node.rows(x)
	if err == nil {
		err = x.err
	}
	if err != nil {
		return nil, err
	}
	a := &endpoint.Answer{Columns: q.Columns, Rows: rows, Read: x.read, Format: q.Format}
	if q.limit != nil {
		a.Limited, a.BeforeLimit = true, x.befores[q.limit]
	}
	return a, nil
}

// shared is a node that several others read: it runs once.
type shared struct{ node }

func (s *shared) rows(x *run) ([][]Value, error) {
	if rows, ok := x.made[s]; ok {
		return rows, nil
	}
	rows, err := s.node.rows(x)
	if err == nil {
		x.made[s] = rows
	}
	return rows, err
}

// single is one row without columns: what a statement without a table is about.
type single struct{}

func (single) rows(*run) ([][]Value, error) { return [][]Value{nil}, nil }

// union is the rows of several.
type union struct {
	parts   []*Query
	columns []endpoint.Column
}

func (u *union) rows(x *run) (all [][]Value, err error) {
	for _, p := range u.parts {
		rows, err := p.node.rows(x)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			made := make([]Value, len(row))
			for i, v := range row {
				made[i] = convert(v, p.Columns[i].Type, u.columns[i].Type)
			}
			all = append(all, made)
		}
	}
	return all, nil
}
