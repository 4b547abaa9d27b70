package engine

import (
	"context"
	"math"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// SumsQuery asks for what the rows of each series add up to in each of some spans of time: what all metrics are made of. Unlike
// those of the other queries its names have no defaults.
type SumsQuery struct {
	// Model, Version and Environment pick series as in a [MetricsQuery]. An empty name is no row's.
	Model, Version, Environment string
	// Within bounds the answer to models, as in a [MetricsQuery].
	Within string
	// Literal are the columns whose names are names, as in a [MetricsQuery].
	Literal Columns
	// Keep, unless it is nil, tells which of the series that are picked count.
	Keep func(s event.Series) bool
	// Spans ascend and do not overlap.
	Spans []TimeSpan
	// Want is how much of the sums is asked for.
	Want SumsWant
}

// TimeSpan is the time [From, To); the zero time stands for no bound.
type TimeSpan struct{ From, To time.Time }

// SumsWant says how much of [RowSums] a query asks for.
type SumsWant uint8

// What can be asked for. What was not is meaningless.
const (
	// ErrorSums are counts, times, and the sums of e, |e| and e^2.
	ErrorSums SumsWant = iota
	// ValueSums has everything but the distribution of |e|.
	ValueSums
	// AllSums has everything.
	AllSums
)

// SumsRow is the answer for a series and a span in which it has rows. It is valid during the call that it is handed to.
type SumsRow struct {
	event.Series
	// Span is which of the query's it is.
	Span int
	Sums *RowSums
}

// spansAtOnce is how many spans are answered in one pass over a series.
const spansAtOnce = 6

// EachSums hands on the answers series by series, in no order of them, until yield returns false. yield must not ask the DB. The answer
// of a model is of one moment where the query has no more than six spans, or is of one series.
func (db *DB) EachSums(ctx context.Context, q SumsQuery, yield func(row *SumsRow) bool) (Read, error) {
	spans, err := q.spans()
	if err != nil || len(spans) == 0 || q.Model == "" || q.Version == "" || q.Environment == "" {
		return Read{}, err
	}
	p := query.Plan{Selection: query.SelectionOf(q.Model, q.Version, q.Environment).Within(q.Within).Exactly(query.Across(q.Literal))}
	if q.Want != ErrorSums {
		p.Want = segment.WantAll
	}
	if latest := q.Version == catalog.LatestVersion && q.Literal&VersionColumn == 0; len(spans) > spansAtOnce || latest && len(spans) > 1 {
		return db.eachSumsInTurn(ctx, &q, &p, spans, yield)
	}
	windows := make([]query.Window, len(spans))
	for i, s := range spans {
		windows[i].Span = s
	}
	p.Ask(windows...)
	run, err := db.queries.Start(ctx, &p)
	if err != nil {
		return Read{}, err
	}
	var row SumsRow
	var sums RowSums
	row.Sums = &sums
	for m, n := range run.Series {
		if row.Series = m.Series[n].Of(m); q.Keep != nil && !q.Keep(row.Series) {
			continue
		}
		answers := run.Answer(m, n)
		if run.Failed() || !q.hand(&row, 0, answers, yield) {
			break
		}
	}
	return run.End()
}

// hand yields the answers that have rows.
func (q *SumsQuery) hand(row *SumsRow, from int, answers []base.Answer, yield func(row *SumsRow) bool) bool {
	for i := range answers {
		if a := &answers[i]; a.Rows > 0 {
			row.Span, row.Sums.answer = from+i, a
			if !yield(row) {
				return false
			}
		}
	}
	return true
}

// eachSumsInTurn answers series after series.
func (db *DB) eachSumsInTurn(ctx context.Context, q *SumsQuery, p *query.Plan, spans []base.Span, yield func(row *SumsRow) bool) (Read, error) {
	whole := base.Span{From: spans[0].From, To: spans[len(spans)-1].To}
	p.Ask(query.Window{Span: whole, Counted: true})
	of, read, err := db.queries.Find(ctx, p)
	if err != nil {
		return read, err
	}
	var sums RowSums
	for i := range of.Len() {
		t := of.At(i)
		if q.Keep != nil && !q.Keep(t.Series) {
			continue
		}
		run, err := db.queries.Start(ctx, p)
		if err != nil {
			return read, err
		}
		row, at, more := SumsRow{Series: t.Series, Sums: &sums}, 0, true
		run.Expect(&of, i, spans)
		run.Buckets(t, spans, func(_ base.Span, a *base.Answer) {
			if row.Span, sums.answer = at, a; a.Rows > 0 && more {
				more = yield(&row)
			}
			at++
		})
		r, err := run.End()
		read.Add(r)
		if err != nil || !more {
			return read, err
		}
	}
	return read, nil
}

// spans are those of the query that have time in them: the others have no rows.
func (q *SumsQuery) spans() ([]base.Span, error) {
	spans := make([]base.Span, len(q.Spans))
	for i, s := range q.Spans {
		of := base.Span{From: base.MinMilli, To: math.MaxInt64}
		if !s.From.IsZero() {
			of.From = base.ClampMilli(s.From)
		}
		if !s.To.IsZero() {
			of.To = base.ClampMilli(s.To)
		}
		if of.From > of.To || i > 0 && of.From < spans[i-1].To {
			return nil, queryError("the spans do not ascend: the one from %s to %s", s.From.UTC().Format(time.DateTime), s.To.UTC().Format(time.DateTime))
		}
		spans[i] = of
	}
	return spans, nil
}

// RowSums are what rows add up to. e is predicted-actual, over the rows that have an actual. Means and deviations are those of the rows
// as they are, rounded once; they are 0 of no rows. The zero RowSums are those of no rows.
type RowSums struct {
	own    base.Answer
	answer *base.Answer
}

func (s *RowSums) of() *base.Answer {
	if s.answer == nil {
		return &s.own
	}
	return s.answer
}

// Merge adds the rows of o, as far as they were asked for. s must be no row's of [DB.EachSums].
func (s *RowSums) Merge(o *RowSums, want SumsWant) {
	a, of := o.of(), segment.WantErrors
	if want != ErrorSums {
		of = segment.WantAll
	}
	s.own.MergeWanted(of, &a.Aggregate)
	if want == AllSums {
		s.own.Sketches.Merge(&a.Sketches)
	}
}

// Rows returns how many rows there are, with or without an actual.
func (s *RowSums) Rows() uint64 { return s.of().Rows }

// Actuals returns how many rows have an actual.
func (s *RowSums) Actuals() uint64 { return s.of().Actuals }

// Times returns the first and the last time of the rows; of those with an actual alone if actuals is set.
func (s *RowSums) Times(actuals bool) (first, last time.Time) {
	a := s.of()
	if actuals {
		return time.UnixMilli(a.ActualMinTime).UTC(), time.UnixMilli(a.ActualMaxTime).UTC()
	}
	return time.UnixMilli(a.MinTime).UTC(), time.UnixMilli(a.MaxTime).UTC()
}

// Measure is a number of a row.
type Measure uint8

// The measures of rows with an actual.
const (
	Error           Measure = iota // e
	AbsError                       // |e|
	SquaredError                   // e^2
	ActualValue                    // the actual
	PredictedValue                 // the predicted value, of rows with an actual
	AbsActual                      // the actual without its sign
	SquaredActual                  // its square
	PercentageError                // |e|/|actual|, of the rows whose actual is not zero
)

// Count returns how many rows have the measure.
func (s *RowSums) Count(m Measure) uint64 {
	if m == PercentageError {
		return s.of().PercentRows
	}
	return s.of().Actuals
}

// Mean returns the mean of a measure, and Sum its sum.
func (s *RowSums) Mean(m Measure) float64 { return s.mean(m, s.Count(m)) }

// Sum returns the sum of a measure.
func (s *RowSums) Sum(m Measure) float64 { return s.mean(m, 1) }

func (s *RowSums) mean(m Measure, n uint64) float64 {
	a := s.of()
	switch m {
	case Error:
		return a.Errors.Mean(n)
	case AbsError:
		return a.Errors.MeanAbs(n)
	case SquaredError:
		return a.Errors.Squared.Mean(n)
	case ActualValue:
		return a.Actual.Mean(n)
	case PredictedValue:
		return a.MeanPredicted(n)
	case AbsActual:
		return a.Actual.MeanAbs(n)
	case SquaredActual:
		return a.Actual.Squared.Mean(n)
	case PercentageError:
		return a.Percent.Mean(n)
	}
	panic("BUG: no measure")
}

// RootMeanSquaredError returns the square root of the mean of e^2.
func (s *RowSums) RootMeanSquaredError() float64 { return s.of().RMSE() }

// Deviation returns the standard deviation of [Error], [AbsError] or [ActualValue] over the rows.
func (s *RowSums) Deviation(m Measure) float64 {
	a := s.of()
	switch m {
	case Error:
		return a.ErrorDeviation()
	case AbsError:
		return a.AbsErrorDeviation()
	case ActualValue:
		return a.Actual.Deviation(a.Actuals)
	default:
		panic("BUG: no deviation is kept of it")
	}
}

// MaxAbsError returns the largest |e|.
func (s *RowSums) MaxAbsError() float64 { return s.of().MaxAbsError }

// AbsErrorQuantiles sets dst[i] to the |e| that percents[i] in a hundred of the rows do not exceed, by the nearest rank and within
// [segment.SketchError]. percents ascend, and there are some.
func (s *RowSums) AbsErrorQuantiles(dst []float64, percents ...uint64) {
	a := s.of()
	a.Sketches.Errors.Quantiles(dst, percents...)
	for i := range dst {
		dst[i] = min(dst[i], a.MaxAbsError)
	}
}
