package engine

import (
	"context"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/rows"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// Questions answers what a [DB] answers, of rows that are kept elsewhere: by the same rules and formulas, from series and sums that
// somebody else has. It is made for one question, and is for one goroutine.
type Questions struct{ db DB }

// SeriesSpan is a series that has rows.
type SeriesSpan struct {
	event.Series
	// First is the time of its first row, and Last one that no row is later than, in Unix milliseconds.
	First, Last int64
}

// Sums adds up rows that are kept elsewhere: what the rows of each series add up to in each of some cells of time. It may be asked
// several times for one question.
type Sums = query.Sums

// Cells asks for sums.
type Cells = query.Cells

// OwnCells are the cells that are asked about of one series, where others have other ones.
type OwnCells = query.OwnCells

// CellSpan is a time that cells are asked about, half-open, in Unix milliseconds.
type CellSpan = base.Span

// CellSums are the sums of a cell, to be added to.
type CellSums = base.Answer

// Ahead is what a query is known to ask for before its series are.
type Ahead struct {
	// Cells are those whose sums it asks for first, without what adds to them; nil where there are none.
	Cells *Cells
	// BySight is set where series without rows in the cells change nothing: a [SeriesSpan] may then be that of the rows in the cells.
	BySight bool
	// Version and Environment are those of all series whose sums it needs, each "" where it may need those of several.
	Version, Environment string
}

func aheadOf(p *query.Plan, bySight bool) Ahead {
	a := Ahead{Cells: p.Cells(), BySight: bySight}
	a.Version, a.Environment = p.Names()
	return a
}

// Ahead returns what the query asks for at the time now.
func (q MetricsQuery) Ahead(now time.Time) Ahead {
	p, err := q.plan(now)
	if err != nil {
		return Ahead{}
	}
	return aheadOf(&p, p.BySight())
}

// Ahead returns what the query asks for at the time now.
func (q DriftQuery) Ahead(now time.Time) Ahead {
	_, p := q.plan(now)
	return aheadOf(&p, p.BySight())
}

// Ahead returns what the query asks for at the time now. It has a row for each series, whether it has rows in the cells or not.
func (q ReportQuery) Ahead(now time.Time) Ahead {
	w, err := q.span(now)
	if err != nil {
		return Ahead{}
	}
	p := q.plan(w)
	return aheadOf(&p, false)
}

// NewQuestions returns the questions about some series, which must be all of each of their models. Of models, it takes what a question
// names to be all that there are.
func NewQuestions(series []SeriesSpan, sums Sums, now func() time.Time) *Questions {
	q := new(Questions)
	q.db.opts.Now = now
	models, c, moments := xsync.NewMapOf[string, *catalog.Model](), new(catalog.Cardinality), new(catalog.Moments)
	for i := range series {
		s := &series[i]
		m, _ := models.LoadOrCompute(s.Model, func() *catalog.Model { return catalog.NewModel(s.Model, c, moments) })
		if n := m.Number(catalog.SeriesName{Version: s.Version, Environment: s.Environment}, s.First); int(n) == len(m.Last) {
			m.Last = append(m.Last, s.Last)
		}
	}
	q.db.queries.InitElsewhere(models, sums)
	return q
}

// EachMetrics is [DB.EachMetrics].
func (q *Questions) EachMetrics(ctx context.Context, m MetricsQuery, yield func(row *MetricsRow) bool) (Read, error) {
	return q.db.EachMetrics(ctx, m, yield)
}

// Drift is [DB.Drift].
func (q *Questions) Drift(ctx context.Context, d DriftQuery) (DriftResult, error) {
	return q.db.Drift(ctx, d)
}

// EachReport is [DB.EachReport].
func (q *Questions) EachReport(ctx context.Context, r ReportQuery, yield func(row *ReportRow) bool) (Read, error) {
	return q.db.EachReport(ctx, r, yield)
}

// EachDriftReport is [DB.EachDriftReport].
func (q *Questions) EachDriftReport(ctx context.Context, d DriftReportQuery, yield func(row *DriftReportRow) bool) (Read, error) {
	return q.db.EachDriftReport(ctx, d, yield)
}

// EachBucket is [DB.EachBucket].
func (q *Questions) EachBucket(ctx context.Context, t TimeseriesQuery, yield func(row *TimeseriesRow) bool) (Read, error) {
	return q.db.EachBucket(ctx, t, yield)
}

// ListModels is [DB.ListModels].
func (q *Questions) ListModels(ctx context.Context, m ModelsQuery, list ModelsList, yield func(row *ModelRow) bool) (ModelsPage, error) {
	return q.db.ListModels(ctx, m, list, yield)
}

// EachVerdict is [DB.EachVerdict].
func (q *Questions) EachVerdict(ctx context.Context, v VerdictsQuery, yield func(row *VerdictRow) bool) (Read, error) {
	return q.db.EachVerdict(ctx, v, yield)
}

// Gauges is [DB.Gauges].
func (q *Questions) Gauges(ctx context.Context, g GaugesQuery) (GaugesResult, error) {
	return q.db.Gauges(ctx, g)
}

// RowsWanted are the rows that a [RowsQuery] asks for.
type RowsWanted struct {
	// Series are those that it names.
	Series []event.Series
	// From and To are the window, in Unix milliseconds.
	From, To int64
	// Actuals is the filter by actuals as the order leaves it.
	Actuals    ActualsFilter
	conditions []rows.Condition
}

// Holds tells whether the features of a row fulfil the conditions of the query.
func (w *RowsWanted) Holds(features []byte) bool {
	for i := range w.conditions {
		if !w.conditions[i].Holds(features) {
			return false
		}
	}
	return true
}

// Rows returns which rows a query asks for.
func (q *Questions) Rows(ctx context.Context, r RowsQuery) (wanted RowsWanted, err error) {
	w, err := MetricsQuery{Window: r.Window, From: r.From, To: r.To, AsOf: r.AsOf}.span(q.db.opts.Now())
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return wanted, err
	}
	of := r.resolve(w)
	wanted = RowsWanted{From: w.From, To: w.To, Actuals: of.Actuals, conditions: of.Conditions}
	plan := query.Plan{Selection: of.Selection, Want: segment.WantErrors}
	plan.Ask(query.Window{Span: w, Counted: true})
	run, err := q.db.queries.Start(ctx, &plan)
	if err != nil {
		return wanted, err
	}
	for m, n := range run.Series {
		wanted.Series = append(wanted.Series, m.Series[n].Of(m))
	}
	_, err = run.End()
	return wanted, err
}

// EachSums is [DB.EachSums].
func (q *Questions) EachSums(ctx context.Context, of SumsQuery, yield func(row *SumsRow) bool) (Read, error) {
	return q.db.EachSums(ctx, of, yield)
}
