package plan

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/endpoint"
)

// TooMuchError is the error of an answer that is longer than it may be.
type TooMuchError struct{ Text string }

func (e *TooMuchError) Error() string { return e.Text }

// In is what a query runs in.
type In struct {
	Store  endpoint.Store
	Now    time.Time
	Within string
	// BytesMax and Hold are as in an endpoint.Ask.
	BytesMax int64
	Hold     func(bytes int64) error
}

// run is one run of a query.
type run struct {
	In

	ctx  context.Context
	now  int64
	read engine.Read
	// held is how many bytes are held, charged how many may be without asking again.
	held, charged int64
	// made are the rows of nodes that several others read.
	made map[*shared][][]Value
	// sets are the values of statements that stand in expressions.
	sets map[*subquery]*subqueryValues
	// befores are how many rows selections had before their limits.
	befores map[*selection]int
	err     error
}

// holdStep is how much memory is asked for at one time.
const holdStep = 1 << 20

// hold counts what is held from now on.
func (x *run) hold(bytes int64) error {
	if x.held += bytes; x.held > x.BytesMax {
		return &TooMuchError{fmt.Sprintf("the answer, or what it is made of, takes more than %d MiB; ask for fewer models or a shorter time, or write LIMIT", (x.BytesMax+1<<20-1)>>20)}
	}
	if x.Hold != nil && x.held > x.charged {
		more := max(x.held-x.charged, holdStep)
		if err := x.Hold(more); err != nil {
			return err
		}
		x.charged += more
	}
	return nil
}

// valueBytes is what a value takes without its text.
const valueBytes = int64(unsafe.Sizeof(Value{}))

// bytesOf is what a row takes.
func bytesOf(row []Value) int64 {
	n := 24 + int64(len(row))*valueBytes
	for i := range row {
		n += int64(len(row[i].Text)) + int64(len(row[i].Values))*valueBytes
	}
	return n
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
	// subqueries are run before anything else: while a store hands on what it has, it must not be asked.
	subqueries []*subquery
	// limit is set where a LIMIT applies to the outermost statement.
	limit *selection
}

// Run answers.
func (q *Query) Run(ctx context.Context, in In) (*endpoint.Answer, error) {
	x := &run{In: in, ctx: ctx, now: in.Now.UnixMilli(), charged: endpoint.AskBytes, made: map[*shared][][]Value{}, sets: map[*subquery]*subqueryValues{}}
	for _, s := range q.subqueries {
		if _, err := s.values(x); err != nil {
			return nil, err
		}
	}
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
