package rows

import (
	"context"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
)

// Query asks for the rows of a window.
type Query struct {
	query.Selection
	base.Span
	Actuals    Actuals
	ID         string // empty for all
	Conditions []Condition
	// Columns are those that batches have; Numbers are always among them.
	Columns segment.ColumnSet
	Order   Order
	// Seed picks one of the samples.
	Seed uint64
	// Limit is 0 for all rows. WorstFirst and Sample have one.
	Limit int
}

// Actuals picks rows by whether they have an actual.
type Actuals uint8

// The filters by actuals.
const (
	AnyActual Actuals = iota
	WithActual
	Waiting
)

// Order is an order of rows.
type Order uint8

// The orders. Rows that one leaves equal are in the order of time, series, prediction id.
const (
	// Unordered goes series by series, month by month.
	Unordered Order = iota
	TimeAscending
	TimeDescending
	// WorstFirst puts the largest absolute error first. The query picks rows with an actual alone.
	WorstFirst
	// Sample is a random order, which the seed, and the series, times and numbers of the rows decide: not how the store has them. Rows
	// alike in all of these come together.
	Sample
)

// Env is what reading rows needs of the store.
type Env struct {
	Queries *query.Queries
	// Between calls do while nothing is published, nor published in part.
	Between func(ctx context.Context, do func()) error
	Moments *catalog.Moments
	// NewPin returns a pin of the store's files.
	NewPin func() *store.Pin
}

// Each hands on the rows of a query until yield returns false. A batch is valid during the call.
func (env *Env) Each(ctx context.Context, q *Query, yield func(*Batch) bool) (segment.Read, error) {
	s, err := env.snapshot(ctx, q)
	defer s.release()
	if err != nil {
		return s.read, err
	}
	p := pipeline{snapshot: s}
	if q.Order == Unordered {
		err = p.unordered(ctx, yield)
	} else {
		err = p.ranked(ctx, yield)
	}
	return s.read, err
}
