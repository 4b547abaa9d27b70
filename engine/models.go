package engine

import (
	"context"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/segment"
)

// ModelsQuery asks for the state of every series at once. Its fields are those of a [DriftReportQuery], but Model,
// Version and Environment default to All.
type ModelsQuery DriftReportQuery

// ModelRow is one series, or a total: all it has, and how its recent window compares with its reference.
type ModelRow struct {
	DriftReportRow
	// FirstEvent and LastEvent are the bounds of its predictions' timestamps, up to the end of the recent window.
	FirstEvent, LastEvent time.Time
	// PredictionCount, ActualCount and ActualCoverage count them.
	PredictionCount, ActualCount uint64
	ActualCoverage               Value
}

// ModelsResult holds a row for each series that has a prediction, in the order of a [DriftReportResult].
type ModelsResult struct {
	Rows []ModelRow
	Read Read
}

// Models answers q from aggregates and at most four decoded blocks per segment.
func (db *DB) Models(ctx context.Context, q ModelsQuery) (result ModelsResult, err error) {
	result.Read, err = db.EachModel(ctx, q, func(row *ModelRow) bool {
		result.Rows = append(result.Rows, *row)
		return true
	})
	if err != nil {
		return ModelsResult{}, err
	}
	return result, nil
}

// EachModel hands on the rows of [DB.Models] one by one, until yield returns false. A row is valid during the call.
func (db *DB) EachModel(ctx context.Context, q ModelsQuery, yield func(row *ModelRow) bool) (Read, error) {
	p, err := (*DriftReportQuery)(&q).plan(db.opts.Now())
	if err != nil {
		return Read{}, err
	}
	plan := q.queryPlan(&p)
	rows := query.Rows[ModelRow]{Queries: &db.queries, Plan: &plan, Row: p.modelRow}
	return rows.EachRanked(ctx, func(r *ModelRow) (uint8, float64) { return r.place() }, yield)
}

func (q *ModelsQuery) queryPlan(p *driftPlan) query.Plan {
	plan := query.Plan{
		Selection: query.SelectionOf(base.OrDefault(q.Model, All), base.OrDefault(q.Version, All), base.OrDefault(q.Environment, All)).Within(q.Within),
		Across:    query.Across(q.Across),
		Want:      segment.WantSpread,
	}
	plan.Ask(query.Window{Span: p.recent}, p.reference, query.Window{Span: base.Span{From: base.MinMilli, To: p.recent.To}, Counted: true})
	return plan
}

// modelRow is the row of a subject that has rows.
func (p *driftPlan) modelRow(of *query.Subject, answers []base.Answer) (ModelRow, bool) {
	all := &answers[2]
	if all.Rows == 0 {
		return ModelRow{}, false
	}
	return ModelRow{
		DriftReportRow:  p.row(of, answers),
		FirstEvent:      time.UnixMilli(all.MinTime).UTC(),
		LastEvent:       time.UnixMilli(all.MaxTime).UTC(),
		PredictionCount: all.Rows,
		ActualCount:     all.Actuals,
		ActualCoverage:  coverageOf(all.Rows, all.Actuals),
	}, true
}
