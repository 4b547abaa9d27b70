package engine

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/segment"
)

// DriftQuery compares the recent window of a model with its history. Its rows give no verdict: that is for a drift report,
// see [DB.DriftReport] and [Gates]. The zero value of each field is its default.
type DriftQuery struct {
	// Model, Version, Environment and Across pick series and add them up as in a [MetricsQuery], but that Version's
	// default is All, and that latest is found by the recent window.
	Model, Version, Environment string
	Across                      Columns
	// Within bounds the answer to models, as in a [MetricsQuery].
	Within string
	// Literal are the columns whose names are names, as in a [MetricsQuery].
	Literal Columns
	// Recent reaches back from now or AsOf. Default: 6 h.
	Recent time.Duration
	// Historical reaches back from now or AsOf and ends where Recent begins. Default: 168 h.
	Historical time.Duration
	// AsOf stands in for now and cuts off rows after it.
	AsOf time.Time
}

// DriftRow compares both windows of one (model, version, environment), or of a total.
type DriftRow struct {
	Model, Version, Environment string
	RecentMAE, HistoricalMAE    float64
	// DriftPercentage is the ratio (recent-historical)/historical, not times 100.
	DriftPercentage              float64
	RecentCount, HistoricalCount uint64
	AnalysisTimestamp            time.Time
}

// DriftResult holds one row per version and environment with rows in both windows and a historical MAE above zero,
// ordered by |DriftPercentage| descending, ties by version, model, environment.
type DriftResult struct {
	Rows []DriftRow
	Read Read
}

// Drift answers q from aggregates and at most three decoded blocks per segment.
func (db *DB) Drift(ctx context.Context, q DriftQuery) (DriftResult, error) {
	at, p := q.plan(db.opts.Now())
	run, err := db.queries.Start(ctx, &p)
	if err != nil {
		return DriftResult{}, err
	}
	var result DriftResult
	for of, answers := range run.Answers {
		if row, ok := driftRow(&answers[0].Aggregate, &answers[1].Aggregate); ok {
			row.Model, row.Version, row.Environment = of.Model, of.Version, of.Environment
			row.AnalysisTimestamp = time.UnixMilli(at).UTC()
			result.Rows = append(result.Rows, row)
		}
	}
	if result.Read, err = run.End(); err != nil {
		return DriftResult{}, err
	}
	slices.SortFunc(result.Rows, compareDrift)
	return result, nil
}

// plan resolves the query's windows at the time now. at is the moment that it is asked about.
func (q *DriftQuery) plan(now time.Time) (at int64, p query.Plan) {
	at = standing(q.AsOf, now)
	recent := base.Span{From: base.SubMilli(at, base.OrDefault(q.Recent, defaultRecentWindow)), To: endOf(q.AsOf)}
	historical := base.Span{From: base.SubMilli(at, base.OrDefault(q.Historical, defaultHistoricalWindow)), To: recent.From}
	p = query.Plan{
		Selection: query.SelectionOf(q.Model, base.OrDefault(q.Version, All), base.OrDefault(q.Environment, defaultEnvironment)).Within(q.Within).Exactly(query.Across(q.Literal)),
		Across:    query.Across(q.Across),
	}
	p.Ask(query.Window{Span: recent}, query.Window{Span: historical})
	return at, p
}

// driftRow compares two windows. ok is false where the tutorial's join and filter leave the row out.
func driftRow(recent, historical *segment.Aggregate) (row DriftRow, ok bool) {
	if recent.Actuals == 0 || historical.Actuals == 0 {
		return row, false
	}
	row.RecentMAE, row.HistoricalMAE = recent.MAE(), historical.MAE()
	row.RecentCount, row.HistoricalCount = recent.Actuals, historical.Actuals
	row.DriftPercentage = (row.RecentMAE - row.HistoricalMAE) / row.HistoricalMAE
	return row, row.HistoricalMAE > 0
}

// compareDrift orders by |drift| descending, ties by name. A drift that is no number comes last.
func compareDrift(a, b DriftRow) int {
	return cmp.Or(
		cmp.Compare(math.Abs(b.DriftPercentage), math.Abs(a.DriftPercentage)),
		cmp.Compare(a.Version, b.Version), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Environment, b.Environment),
	)
}
