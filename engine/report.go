package engine

import (
	"context"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

const defaultMinActuals = 30

// ReportQuery asks for the full regression set of a window. The zero value of each field is its default.
type ReportQuery struct {
	// Model, Version, Environment and Across pick series and add them up as in a [MetricsQuery]. Where no version has an
	// actual in the window, latest is the newest of those with a prediction there, else of those that have begun.
	Model, Version, Environment string
	Across                      Columns
	// Within bounds the answer to models, as in a [MetricsQuery].
	Within string
	// Literal are the columns whose names are names, as in a [MetricsQuery].
	Literal Columns
	// Window, From, To and AsOf are the window as in a [MetricsQuery].
	Window   time.Duration
	From, To time.Time
	AsOf     time.Time
	// Floor decides which windows have insufficient data.
	Floor Floor
}

// ReportRow is the answer for one series, or for a total.
type ReportRow struct {
	event.Series
	Measures
}

// ReportResult holds one row for each series whose first prediction is before the window's end, also where the window
// has none of its rows. Rows are ordered by model, version, environment.
type ReportResult struct {
	Rows []ReportRow
	Read Read
}

// Report answers q from aggregates and at most two decoded blocks per segment.
func (db *DB) Report(ctx context.Context, q ReportQuery) (result ReportResult, err error) {
	result.Read, err = db.EachReport(ctx, q, func(row *ReportRow) bool {
		result.Rows = append(result.Rows, *row)
		return true
	})
	if err != nil {
		return ReportResult{}, err
	}
	return result, nil
}

// EachReport hands on the rows of [DB.Report] one by one, until yield returns false. A row is valid during the call.
func (db *DB) EachReport(ctx context.Context, q ReportQuery, yield func(row *ReportRow) bool) (Read, error) {
	w, err := q.span(db.opts.Now())
	if err != nil {
		return Read{}, err
	}
	floor, err := q.Floor.withDefaults()
	if err != nil {
		return Read{}, err
	}
	p := q.plan(w)
	row := func(of *query.Subject, answers []base.Answer) (ReportRow, bool) {
		return ReportRow{of.Series, measuresOf(&answers[0], floor)}, true
	}
	rows := query.Rows[ReportRow]{Queries: &db.queries, Plan: &p, Row: row}
	return rows.EachNamed(ctx, yield)
}

func (q *ReportQuery) span(now time.Time) (base.Span, error) {
	return MetricsQuery{Window: q.Window, From: q.From, To: q.To, AsOf: q.AsOf}.span(now)
}

func (q *ReportQuery) plan(w base.Span) query.Plan {
	p := query.Plan{
		Selection: query.SelectionOf(q.Model, base.OrDefault(q.Version, catalog.LatestVersion), base.OrDefault(q.Environment, defaultEnvironment)).Within(q.Within).Exactly(query.Across(q.Literal)),
		Across:    query.Across(q.Across),
		Want:      segment.WantAll,
	}
	p.Ask(query.Window{Span: w})
	return p
}
