package engine

import (
	"context"
	"iter"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/rows"
	"github.com/residualdb/residual/segment"
)

// RowsQuery asks for the rows of a window. The zero value of each field is its default.
type RowsQuery struct {
	// Model, Version and Environment pick series as in a [ReportQuery].
	Model, Version, Environment string
	// Within bounds the answer to models, as in a [MetricsQuery].
	Within string
	// Literal are the columns whose names are names, as in a [MetricsQuery].
	Literal Columns
	// Window, From, To and AsOf are the window as in a [MetricsQuery].
	Window   time.Duration
	From, To time.Time
	AsOf     time.Time
	// Actuals picks rows by whether they have an actual.
	Actuals ActualsFilter
	// ID picks the rows of one prediction id. Default: all.
	ID string
	// Features are conditions that all must hold.
	Features []FeatureCondition
	// Columns are those that batches have beside the numbers. Default: all.
	Columns RowColumns
	// Order is that of the rows.
	Order RowOrder
	// Seed picks one of the samples that there are in the order Sample: the same rows have the same sample under the same seed.
	Seed uint64
	// Limit is how many rows are read at most. Default: all.
	Limit int
}

// ActualsFilter picks rows by whether they have an actual.
type ActualsFilter = rows.Actuals

// The filters by actuals.
const (
	AnyActual  = rows.AnyActual
	WithActual = rows.WithActual
	Waiting    = rows.Waiting
)

// FeatureCondition compares a value of the features of a row with a text.
//
// Key is the name of a member of the features. If they have no member of the whole name, a dot in it leads to a member of a
// member: "customer.country". A number compares as one if Value is a number too, integers exactly. A string compares byte by byte
// with Value; true, false and null equal these words. Only a number is less or greater than a number, and only a string than what is none.
//
// A row without the key matches none of the conditions but [NotEqual], which is the opposite of [Equal]. So does one of which the
// value cannot be compared: an object, an array, or a number where Value is none.
type FeatureCondition struct {
	Key   string
	Op    Comparator
	Value string
}

// Comparator is how a [FeatureCondition] compares.
type Comparator = rows.Comparator

// The comparators.
const (
	Equal          = rows.Equal
	NotEqual       = rows.NotEqual
	Less           = rows.Less
	LessOrEqual    = rows.LessOrEqual
	Greater        = rows.Greater
	GreaterOrEqual = rows.GreaterOrEqual
)

// RowColumns is a set of columns of rows.
type RowColumns uint8

// The columns that may be left out.
const (
	IDColumn RowColumns = 1 << iota
	FeaturesColumn
	LagColumn
	// NumbersAlone asks for none of them.
	NumbersAlone
	allRowColumns = IDColumn | FeaturesColumn | LagColumn | NumbersAlone
)

// RowOrder is an order of rows. Rows that it leaves equal are in the order of time, model, version, environment and prediction id.
type RowOrder = rows.Order

// The orders.
const (
	// Unordered is the fastest: series by series, and those of a series month by month.
	Unordered      = rows.Unordered
	TimeAscending  = rows.TimeAscending
	TimeDescending = rows.TimeDescending
	// WorstFirst puts the largest absolute error first. Rows without an actual are left out. It needs a limit, of at most
	// [WorstRowsMax].
	WorstFirst = rows.WorstFirst
	// Sample is a random order, in which each row is as likely as any other to be among the first. Rows of one series that are alike in
	// time, prediction and actual come together. It needs a limit, of at most [WorstRowsMax].
	Sample = rows.Sample
)

// WorstRowsMax is the most rows that are put in the order of their errors, or in a random one: they are held in memory.
const WorstRowsMax = 1_000_000

// RowBatch is up to about a thousand rows in columns. It is valid during the call that it is handed to.
type RowBatch = rows.Batch

// EachRows hands on the rows of a window, batch by batch, until yield returns false. They are those of one moment: of what others
// send meanwhile nothing is seen, and a request is seen whole or not at all, whatever models it is about. Nobody waits for yield:
// rows may change, and their months be merged or dropped, while it runs. What is held in memory does not grow with the window.
func (db *DB) EachRows(ctx context.Context, q RowsQuery, yield func(b *RowBatch) bool) (Read, error) {
	w, err := MetricsQuery{Window: q.Window, From: q.From, To: q.To, AsOf: q.AsOf}.span(db.opts.Now())
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return Read{}, err
	}
	of := q.resolve(w)
	return db.rows.Each(ctx, &of, yield)
}

// check refuses what contradicts itself.
func (q *RowsQuery) check() error {
	switch {
	case q.Limit < 0:
		return queryError("a limit of %d rows", q.Limit)
	case q.Actuals > Waiting:
		return queryError("actuals are %d, which is no filter", q.Actuals)
	case q.Columns&^allRowColumns != 0:
		return queryError("columns are %#x, some of which there are none of", q.Columns)
	case q.Order > Sample:
		return queryError("the order is %d, which there is none of", q.Order)
	case q.Order == WorstFirst && q.Actuals == Waiting:
		return queryError("rows that wait for their actuals have no errors to be put in the order of")
	case q.Order == Sample && (q.Limit == 0 || q.Limit > WorstRowsMax):
		return queryError("a sample of rows needs a limit, of at most %d; it is %d", WorstRowsMax, q.Limit)
	case q.Order == WorstFirst && (q.Limit == 0 || q.Limit > WorstRowsMax):
		return queryError("the worst rows first need a limit, of at most %d; it is %d", WorstRowsMax, q.Limit)
	}
	for _, c := range q.Features {
		if c.Key == "" {
			return queryError("a condition on features names no key")
		}
		if c.Op > GreaterOrEqual {
			return queryError("a condition on the key %q of the features has %s", c.Key, c.Op)
		}
	}
	return nil
}

// resolve returns the query with its names read, for a window.
func (q *RowsQuery) resolve(w base.Span) rows.Query {
	of := rows.Query{
		Selection: query.SelectionOf(q.Model, base.OrDefault(q.Version, catalog.LatestVersion), base.OrDefault(q.Environment, defaultEnvironment)).Within(q.Within).Exactly(query.Across(q.Literal)),
		Span:      w, Actuals: q.Actuals, ID: q.ID, Columns: segment.Numbers, Order: q.Order, Seed: q.Seed, Limit: q.Limit,
	}
	for column, is := range map[RowColumns]segment.ColumnSet{IDColumn: segment.IDs, FeaturesColumn: segment.Features, LagColumn: segment.Lags} {
		if q.Columns == 0 || q.Columns&column != 0 {
			of.Columns |= is
		}
	}
	if q.Order == WorstFirst {
		of.Actuals = WithActual
	}
	for _, c := range q.Features {
		of.Conditions = append(of.Conditions, rows.NewCondition(c.Key, c.Op, c.Value))
	}
	return of
}

// Rows iterates over the batches of [DB.EachRows]. An error is the last that it yields.
func (db *DB) Rows(ctx context.Context, q RowsQuery) iter.Seq2[*RowBatch, error] {
	return func(yield func(*RowBatch, error) bool) {
		stopped := false
		_, err := db.EachRows(ctx, q, func(b *RowBatch) bool {
			stopped = !yield(b, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}
