package engine

import (
	"context"
	"slices"
	"time"

	"github.com/residualdb/residual/segment"
)

// ModelsQuery asks for the state of every series at once. Its fields are those of a [DriftReportQuery], but Model, Version and
// Environment default to All.
type ModelsQuery DriftReportQuery

// ModelRow is one series: all it has, and how its recent window compares with its reference.
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

// Models answers q in one pass over the models, from aggregates and at most four decoded blocks per segment.
func (db *DB) Models(ctx context.Context, q ModelsQuery) (ModelsResult, error) {
	p, err := (*DriftReportQuery)(&q).plan(db.opts.Now())
	if err != nil {
		return ModelsResult{}, err
	}
	sc := scan{model: orDefault(q.Model, All), selection: selection{
		version:     orDefault(q.Version, All),
		environment: orDefault(q.Environment, All),
		end:         p.recent.to,
	}, want: segment.WantSpread}
	var result ModelsResult
	ws := []window{{span: p.recent}, p.reference, {span: span{minMilli, p.recent.to}, counted: true}}
	result.Read, err = db.each(ctx, sc, ws, func(m *model, s *series, answers []answer) {
		all := &answers[2]
		if all.Rows == 0 {
			return
		}
		result.Rows = append(result.Rows, ModelRow{
			DriftReportRow:  p.row(m, s, answers),
			FirstEvent:      time.UnixMilli(all.MinTime).UTC(),
			LastEvent:       time.UnixMilli(all.MaxTime).UTC(),
			PredictionCount: all.Rows,
			ActualCount:     all.Actuals,
			ActualCoverage:  coverageOf(all.Rows, all.Actuals),
		})
	})
	if err != nil {
		return ModelsResult{}, err
	}
	result.Rows = sortedBy(result.Rows, func(a, b *ModelRow) int { return compareDriftReports(&a.DriftReportRow, &b.DriftReportRow) })
	return result, nil
}

// sortedBy returns large rows in order. It moves each once: a sort in place moves them many times.
func sortedBy[R any](rows []R, compare func(a, b *R) int) []R {
	order := make([]*R, len(rows))
	for i := range rows {
		order[i] = &rows[i]
	}
	slices.SortFunc(order, compare)
	ordered := make([]R, len(rows))
	for i, r := range order {
		ordered[i] = *r
	}
	return ordered
}
