package clickhouse

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
)

// Metrics answers with all rows of EachMetrics.
func (s *Store) Metrics(ctx context.Context, q engine.MetricsQuery) (result engine.MetricsResult, err error) {
	result.Read, err = s.EachMetrics(ctx, q, func(row *engine.MetricsRow) bool {
		result.Rows = append(result.Rows, *row)
		return true
	})
	if err != nil {
		return engine.MetricsResult{}, err
	}
	return result, nil
}

// EachMetrics is that of engine.DB.
func (s *Store) EachMetrics(ctx context.Context, q engine.MetricsQuery, yield func(row *engine.MetricsRow) bool) (engine.Read, error) {
	of, _, err := s.questions(ctx, q.Model, q.Within, q.Literal, q.Ahead)
	if err != nil {
		return engine.Read{}, err
	}
	return of.EachMetrics(ctx, q, yield)
}

// Drift is that of engine.DB.
func (s *Store) Drift(ctx context.Context, q engine.DriftQuery) (engine.DriftResult, error) {
	of, _, err := s.questions(ctx, q.Model, q.Within, q.Literal, q.Ahead)
	if err != nil {
		return engine.DriftResult{}, err
	}
	return of.Drift(ctx, q)
}

// EachReport is that of engine.DB.
func (s *Store) EachReport(ctx context.Context, q engine.ReportQuery, yield func(row *engine.ReportRow) bool) (engine.Read, error) {
	of, _, err := s.questions(ctx, q.Model, q.Within, q.Literal, q.Ahead)
	if err != nil {
		return engine.Read{}, err
	}
	return of.EachReport(ctx, q, yield)
}

// EachDriftReport is that of engine.DB.
func (s *Store) EachDriftReport(ctx context.Context, q engine.DriftReportQuery, yield func(row *engine.DriftReportRow) bool) (engine.Read, error) {
	of, sums, err := s.questions(ctx, q.Model, q.Within, q.Literal, nil)
	if err != nil {
		return engine.Read{}, err
	}
	done, err := s.takeList(ctx, sums.series())
	if err != nil {
		return engine.Read{}, err
	}
	defer done()
	return of.EachDriftReport(ctx, q, yield)
}

// EachBucket is that of engine.DB.
func (s *Store) EachBucket(ctx context.Context, q engine.TimeseriesQuery, yield func(row *engine.TimeseriesRow) bool) (engine.Read, error) {
	of, _, err := s.questions(ctx, q.Model, q.Within, q.Literal, nil)
	if err != nil {
		return engine.Read{}, err
	}
	return of.EachBucket(ctx, q, yield)
}

// ListModels is that of engine.DB.
func (s *Store) ListModels(ctx context.Context, q engine.ModelsQuery, list engine.ModelsList, yield func(row *engine.ModelRow) bool) (engine.ModelsPage, error) {
	of, sums, err := s.questions(ctx, orAll(q.Model), q.Within, q.Literal, nil)
	if err != nil {
		return engine.ModelsPage{}, err
	}
	done, err := s.takeList(ctx, sums.series())
	if err != nil {
		return engine.ModelsPage{}, err
	}
	defer done()
	if list.Limit > 0 && list.Limit <= engine.ModelsListedFew { // rows of which none is kept, so that a reader who takes long is in nobody's way
		all := yield
		yield = func(row *engine.ModelRow) bool {
			done()
			return all(row)
		}
	}
	return of.ListModels(ctx, q, list, yield)
}

// A list keeps some kilobytes of each of its series until its rows are handed on, of 65,536 at most; so few of many series are made at a time.
// Who waits for that longer than listPatience would not get a list of many in the rest of the time that a server has for a question.
const (
	manySeries   = 2048
	listsAtOnce  = 2
	listPatience = 5 * time.Second
)

// takeList waits until a list of so many series may be made, which done says is over; it may be called again. Where that takes too long the error
// is of class engine.ErrFull.
func (s *Store) takeList(ctx context.Context, series int) (done func(), err error) {
	if series <= manySeries {
		return func() {}, nil
	}
	patience, cancel := context.WithTimeout(ctx, listPatience)
	defer cancel()
	select {
	case s.lists <- struct{}{}:
		return sync.OnceFunc(func() { <-s.lists }), nil
	case <-patience.Done():
	}
	if err := patience.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return nil, &engine.AwayError{Class: engine.ErrFull, Text: "lists of many models are being made for others", RetryAfter: listPatience, Err: patience.Err()}
}

// EachVerdict is that of engine.DB.
func (s *Store) EachVerdict(ctx context.Context, q engine.VerdictsQuery, yield func(row *engine.VerdictRow) bool) (engine.Read, error) {
	of, _, err := s.questions(ctx, orAll(q.Model), q.Within, q.Literal, nil)
	if err != nil {
		return engine.Read{}, err
	}
	return of.EachVerdict(ctx, q, yield)
}

// Gauges is that of engine.DB.
func (s *Store) Gauges(ctx context.Context, q engine.GaugesQuery) (engine.GaugesResult, error) {
	of, _, err := s.questions(ctx, engine.All, q.Within, 0, nil)
	if err != nil {
		return engine.GaugesResult{}, err
	}
	return of.Gauges(ctx, q)
}

func orAll(model string) string {
	if model == "" {
		return engine.All
	}
	return model
}

// EachSums is that of engine.DB.
func (s *Store) EachSums(ctx context.Context, q engine.SumsQuery, yield func(row *engine.SumsRow) bool) (engine.Read, error) {
	if q.Model == "" {
		return engine.Read{}, nil
	}
	of, _, err := s.questions(ctx, q.Model, q.Within, q.Literal, nil)
	if err != nil {
		return engine.Read{}, err
	}
	return of.EachSums(ctx, q, yield)
}
