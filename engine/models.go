package engine

import (
	"context"
	"slices"
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

// modelsExpected bounds the rows that there is room for before there are any.
const modelsExpected = 4096

// Models answers q in one pass over the models, from aggregates and at most four decoded blocks per segment.
func (db *DB) Models(ctx context.Context, q ModelsQuery) (ModelsResult, error) {
	p, err := (*DriftReportQuery)(&q).plan(db.opts.Now())
	if err != nil {
		return ModelsResult{}, err
	}
	sc := q.scan(&p)
	var result ModelsResult
	if sc.Model.All() && sc.Across == 0 {
		result.Rows = make([]ModelRow, 0, min(db.models.Size(), modelsExpected))
	}
	result.Read, err = db.queries.Each(ctx, &sc, func(of query.Subject, answers []base.Answer) {
		if row, ok := p.modelRow(&of, answers); ok {
			result.Rows = append(result.Rows, row)
		}
	})
	if err != nil {
		return ModelsResult{}, err
	}
	sortBy(result.Rows, func(a, b *ModelRow) int { return compareDriftReports(&a.DriftReportRow, &b.DriftReportRow) })
	return result, nil
}

// EachModel hands on the rows of [DB.Models] one by one, until yield returns false. A row is valid during the call.
func (db *DB) EachModel(ctx context.Context, q ModelsQuery, yield func(row *ModelRow) bool) (Read, error) {
	p, err := (*DriftReportQuery)(&q).plan(db.opts.Now())
	if err != nil {
		return Read{}, err
	}
	sc := q.scan(&p)
	place := func(r *ModelRow) (uint8, float64) { return r.place() }
	return query.EachRanked(ctx, &query.Rows[ModelRow]{Queries: &db.queries, Scan: &sc, Row: p.modelRow}, place, yield)
}

func (q *ModelsQuery) scan(p *driftPlan) query.Scan {
	sc := query.Scan{
		Selection: query.SelectionOf(base.OrDefault(q.Model, All), base.OrDefault(q.Version, All), base.OrDefault(q.Environment, All)),
		Across:    query.Across(q.Across),
		Want:      segment.WantSpread,
	}
	sc.Ask(query.Window{Span: p.recent}, p.reference, query.Window{Span: base.Span{From: base.MinMilli, To: p.recent.To}, Counted: true})
	return sc
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

// sortBy puts large rows in order. It moves each once or twice: a sort in place moves them many times.
func sortBy[R any](rows []R, compare func(a, b *R) int) {
	from := make([]int, len(rows)) // which row comes to each place
	for i := range from {
		from[i] = i
	}
	slices.SortFunc(from, func(a, b int) int { return compare(&rows[a], &rows[b]) })
	for start := range from {
		if from[start] == start {
			continue
		}
		first, at := rows[start], start
		for from[at] != start {
			next := from[at]
			rows[at], from[at] = rows[next], at
			at = next
		}
		rows[at], from[at] = first, at
	}
}
