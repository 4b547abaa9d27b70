package query

import (
	"context"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
)

// latestIn returns the series that latest means in an environment for the first window of q, noSeries if there is none.
// It leaves the answers of a series in sc, and asks the newest first, which nearly always is the one.
func latestIn(
	ctx context.Context, m *catalog.Model, environment string, q *Scan, sc *Scratch,
) (n uint32, read base.Read, err error) {
	end := q.Asked[0].To
	has := func(n uint32, count func(*base.Answer) uint64) (bool, error) {
		r, err := AnswerSeries(ctx, m, n, q, sc)
		read.Add(r)
		return err == nil && count(&sc.Answers[0]) > 0, err
	}
	actuals := func(a *base.Answer) uint64 { return a.Actuals }
	held, ok := m.Latest.Get(environment)
	if !ok {
		return catalog.NoSeries, read, nil
	}
	if m.Series[held].First < end {
		if m.Series[held].Literal() {
			return held, read, nil
		}
		if ok, err := has(held, actuals); ok || err != nil {
			return held, read, err
		}
	}
	sc.candidates = m.Begun(sc.candidates[:0], environment, end)
	if len(sc.candidates) == 0 {
		return catalog.NoSeries, read, nil
	}
	best := sc.candidates[0]
	if m.Series[best].Literal() {
		return best, read, nil
	}
	seen := false // a prediction in the window
	for _, n := range sc.candidates {
		ok, err := has(n, actuals)
		if ok || err != nil {
			return n, read, err
		}
		if rows := sc.Answers[0].Rows > 0; rows && !seen {
			best, seen = n, true
		}
	}
	return best, read, nil
}
