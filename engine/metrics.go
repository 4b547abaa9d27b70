package engine

import (
	"context"
	"slices"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/event"
)

// MetricsQuery asks for the error metrics of a window. The zero value of each field is its default.
type MetricsQuery struct {
	// Model, Version and Environment are each a name, All, or a list of names and prefixes with commas between them, such
	// as "a,team_*". A name that is literally the whole text goes before what it stands for. Environment's default is
	// production.
	//
	// Version's is "latest": the version literally so named if the model has one in the environment; else, of the versions
	// with an actual in the window, the one whose first prediction in the environment is the newest. It is found for each
	// model and environment, before any are added up.
	Model, Version, Environment string
	// Within is a pattern that a model must match too: any other is as if it did not exist. It is a name, or a list of names
	// and prefixes, and never the literal name of a model with a comma or a star. Default: every model.
	Within string
	// Literal are the columns whose names stand for nothing but themselves: a model may be called "*", a version "latest".
	Literal Columns
	// Across are the columns that an answer adds up across, and shows All in. Default: none.
	Across Columns
	// Window reaches back from now or AsOf. A negative one answers nothing. Ignored when From is set. Default: 24 h.
	Window time.Duration
	// From and To are a half-open window. To needs From; without To there is no upper bound.
	From, To time.Time
	// AsOf stands in for now and cuts off rows after it.
	AsOf time.Time
}

// MetricsRow is the answer for one (model, version, environment), or a total of several. Only rows with an actual
// count.
type MetricsRow struct {
	Model, Version, Environment string
	PredictionCount             uint64
	// RMSE is sqrt(mean((predicted-actual)^2)), MAE is mean(|predicted-actual|), each within 1 ulp of exact;
	// +Inf where the exact value exceeds float64.
	RMSE, MAE float64
	// PeriodStart and PeriodEnd are the first and the last timestamp counted.
	PeriodStart, PeriodEnd time.Time
}

// MetricsResult holds rows ordered by model, version, environment.
type MetricsResult struct {
	Rows []MetricsRow
	Read Read
}

// Metrics answers q from aggregates and at most two decoded blocks per segment. It does not go by way of [DB.EachMetrics],
// which costs lists of subjects and places beside the rows: a query about one series allocates its row and nothing else.
func (db *DB) Metrics(ctx context.Context, q MetricsQuery) (MetricsResult, error) {
	p, err := q.plan(db.opts.Now())
	if err != nil {
		return MetricsResult{}, err
	}
	run, err := db.queries.Start(ctx, &p)
	if err != nil {
		return MetricsResult{}, err
	}
	var result MetricsResult
	for of, answers := range run.Answers {
		if row, ok := metricsRow(&of, answers); ok {
			if len(result.Rows) == cap(result.Rows) { // twice as much leaves less behind than append does
				result.Rows = slices.Grow(result.Rows, max(1, len(result.Rows)))
			}
			result.Rows = append(result.Rows, row)
		}
	}
	if result.Read, err = run.End(); err != nil {
		return MetricsResult{}, err
	}
	slices.SortFunc(result.Rows, func(a, b MetricsRow) int {
		x, y := a.series(), b.series()
		return query.CompareSeries(&x, &y)
	})
	return result, nil
}

// EachMetrics hands on the rows of [DB.Metrics] one by one, until yield returns false. A row is valid during the call.
func (db *DB) EachMetrics(ctx context.Context, q MetricsQuery, yield func(row *MetricsRow) bool) (Read, error) {
	p, err := q.plan(db.opts.Now())
	if err != nil {
		return Read{}, err
	}
	rows := query.Rows[MetricsRow]{Queries: &db.queries, Plan: &p, Row: metricsRow}
	return rows.EachNamed(ctx, yield)
}

func (r *MetricsRow) series() event.Series {
	return event.Series{Model: r.Model, Version: r.Version, Environment: r.Environment}
}

// metricsRow is the row of a subject that has an actual in the window.
func metricsRow(of *query.Subject, answers []base.Answer) (MetricsRow, bool) {
	a := &answers[0]
	return MetricsRow{
		Model: of.Model, Version: of.Version, Environment: of.Environment,
		PredictionCount: a.Actuals,
		RMSE:            a.RMSE(),
		MAE:             a.MAE(),
		PeriodStart:     time.UnixMilli(a.ActualMinTime).UTC(),
		PeriodEnd:       time.UnixMilli(a.ActualMaxTime).UTC(),
	}, a.Actuals > 0
}

func (q *MetricsQuery) plan(now time.Time) (query.Plan, error) {
	w, err := q.span(now)
	if err != nil {
		return query.Plan{}, err
	}
	p := query.Plan{
		Selection: query.SelectionOf(q.Model, base.OrDefault(q.Version, catalog.LatestVersion), base.OrDefault(q.Environment, defaultEnvironment)).Within(q.Within).Exactly(query.Across(q.Literal)),
		Across:    query.Across(q.Across),
	}
	p.Ask(query.Window{Span: w})
	return p, nil
}

// span resolves the query's window at the time now.
func (q MetricsQuery) span(now time.Time) (base.Span, error) {
	if q.From.IsZero() {
		if !q.To.IsZero() {
			return base.Span{}, queryError("to, %s, is given without from", q.To.UTC().Format(time.DateTime))
		}
		at := standing(q.AsOf, now)
		return base.Span{From: base.SubMilli(at, base.OrDefault(q.Window, defaultWindow)), To: endOf(q.AsOf)}, nil
	}
	w := base.Span{From: base.ClampMilli(q.From), To: endOf(q.AsOf)}
	if !q.To.IsZero() {
		if q.To.Before(q.From) {
			return base.Span{}, queryError("to, %s, is before from, %s", q.To.UTC().Format(time.DateTime), q.From.UTC().Format(time.DateTime))
		}
		w.To = min(w.To, base.ClampMilli(q.To))
	}
	return w, nil
}
