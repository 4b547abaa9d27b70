package engine

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// DriftReportQuery compares the recent window of a model with a reference, by gates that tell drift from noise. The
// zero value of each field is its default.
type DriftReportQuery struct {
	// Model, Version, Environment and Across pick series and add them up as in a [DriftQuery].
	Model, Version, Environment string
	Across                      Columns
	// Within bounds the answer to models, as in a [MetricsQuery].
	Within string
	// Recent and Historical are the windows as in a [DriftQuery].
	Recent, Historical time.Duration
	// Offset moves both windows back, over the hours too young to have their actuals. The recent window then ends there.
	Offset time.Duration
	// AsOf stands in for now and cuts off rows after it.
	AsOf time.Time
	// Reference is what the recent window is compared with. Default: the historical window.
	Reference Reference
	// Gates decide on the status. Default: DefaultGates.
	Gates Gates
}

// Reference is a fixed baseline. The zero Reference is the rolling one: the historical window, which ends where the
// recent one begins. At most one of the two may be given.
type Reference struct {
	// From and To pin a half-open window, which must end before the recent one begins.
	From, To time.Time
	// Version names another version of the model: its rows from the start of the historical window to the end of the
	// recent one, so that it may be the predecessor as well as one that runs beside. It is no reference to itself: a total
	// of several versions is compared without its rows.
	Version string
}

// DriftReportRow is the comparison of one series, or of a total.
type DriftReportRow struct {
	event.Series
	Comparison
	// AnalysisTimestamp is the time the recent window reaches back from.
	AnalysisTimestamp time.Time
}

// DriftReportResult holds a row for each series with a prediction in its recent window, or in its own reference; it
// leaves out none for want of a reference. Rows are ordered by status, the worst first, then by relative change, the
// largest rise first, then by model, version, environment.
type DriftReportResult struct {
	Rows []DriftReportRow
	Read Read
}

// DriftReport answers q from aggregates and at most four decoded blocks per segment.
func (db *DB) DriftReport(ctx context.Context, q DriftReportQuery) (result DriftReportResult, err error) {
	result.Read, err = db.EachDriftReport(ctx, q, func(row *DriftReportRow) bool {
		result.Rows = append(result.Rows, *row)
		return true
	})
	if err != nil {
		return DriftReportResult{}, err
	}
	return result, nil
}

// EachDriftReport hands on the rows of [DB.DriftReport] one by one, until yield returns false. A row is valid during the
// call.
func (db *DB) EachDriftReport(ctx context.Context, q DriftReportQuery, yield func(row *DriftReportRow) bool) (Read, error) {
	p, err := q.plan(db.opts.Now())
	if err != nil {
		return Read{}, err
	}
	plan := q.queryPlan(&p)
	rows := query.Rows[DriftReportRow]{Queries: &db.queries, Plan: &plan, Row: p.reportRow}
	return rows.EachRanked(ctx, (*DriftReportRow).place, yield)
}

func (q *DriftReportQuery) queryPlan(p *driftPlan) query.Plan {
	plan := query.Plan{
		Selection: query.SelectionOf(q.Model, base.OrDefault(q.Version, All), base.OrDefault(q.Environment, defaultEnvironment)).Within(q.Within),
		Across:    query.Across(q.Across),
		Want:      segment.WantSpread,
	}
	plan.Ask(query.Window{Span: p.recent}, p.reference)
	return plan
}

// driftPlan is a query with its windows resolved.
type driftPlan struct {
	at        int64
	recent    base.Span
	reference query.Window
	gates     Gates
}

func (q *DriftReportQuery) plan(now time.Time) (driftPlan, error) {
	gates, err := q.Gates.withDefaults()
	if err != nil {
		return driftPlan{}, err
	}
	p := driftPlan{at: standing(q.AsOf, now), gates: gates}
	end := endOf(q.AsOf)
	switch {
	case q.Offset < 0:
		return p, queryError("the offset is negative")
	case q.Offset > 0:
		p.at = base.SubMilli(p.at, q.Offset)
		end = p.at
	}
	p.recent = base.Span{From: base.SubMilli(p.at, base.OrDefault(q.Recent, defaultRecentWindow)), To: end}
	historical := base.SubMilli(p.at, base.OrDefault(q.Historical, defaultHistoricalWindow))
	p.reference, err = q.Reference.window(historical, p.recent)
	return p, err
}

// window resolves the reference beside a recent window and a history that begins at historical.
func (r *Reference) window(historical int64, recent base.Span) (query.Window, error) {
	pinned := !r.From.IsZero() || !r.To.IsZero()
	switch {
	case pinned && r.Version != "":
		return query.Window{}, queryError("the reference is both pinned and a version")
	case r.Version != "":
		return query.Window{Span: base.Span{From: historical, To: recent.To}, Version: r.Version}, nil
	case !pinned:
		return query.Window{Span: base.Span{From: historical, To: recent.From}}, nil
	case r.From.IsZero() || !r.From.Before(r.To):
		return query.Window{}, queryError("the pinned reference does not begin before it ends")
	case base.ClampMilli(r.To) > recent.From:
		return query.Window{}, queryError("the pinned reference reaches into the recent window")
	}
	return query.Window{Span: base.Span{From: base.ClampMilli(r.From), To: base.ClampMilli(r.To)}}, nil
}

// row compares the windows of a subject, the recent one and the reference. A version is no reference to itself.
func (p *driftPlan) row(of *query.Subject, answers []base.Answer) DriftReportRow {
	itself := p.reference.Version != "" && p.reference.Version == of.SingleVersion
	if itself {
		answers[1].Reset()
	}
	row := DriftReportRow{of.Series, compare(&answers[0].Aggregate, &answers[1].Aggregate, &p.gates), time.UnixMilli(p.at).UTC()}
	if itself {
		row.Reason = "this version is the reference"
	}
	return row
}

// reportRow is the row of a subject that has rows in its recent window, or in its own reference.
func (p *driftPlan) reportRow(of *query.Subject, answers []base.Answer) (DriftReportRow, bool) {
	if answers[0].Rows > 0 || answers[1].Rows > 0 && p.reference.Version == "" {
		return p.row(of, answers), true
	}
	return DriftReportRow{}, false
}

// place is where a row comes among others, see [Comparison.rank].
func (r *DriftReportRow) place() (class uint8, rank float64) { return uint8(r.Status), r.rank() }

// Gates decide between noise and drift. Both gates of a status must be passed: the change must be larger than chance
// makes it, and large enough to matter.
type Gates struct {
	// DriftZ and DriftChange are the least z and relative change of the status drift, WarningZ and WarningChange those
	// of warning.
	DriftZ, DriftChange     float64
	WarningZ, WarningChange float64
	// MinRecent and MinReference are the least numbers of actuals, MinCoverage the least share of predictions with an
	// actual; below any of them there is insufficient data.
	MinRecent, MinReference uint64
	MinCoverage             float64
}

// DefaultGates are what the zero Gates stand for.
func DefaultGates() Gates {
	return Gates{DriftZ: 3, DriftChange: 0.2, WarningZ: 2, WarningChange: 0.1, MinRecent: 30, MinReference: 100}
}

func (g Gates) withDefaults() (Gates, error) {
	g = base.OrDefault(g, DefaultGates())
	for _, f := range [...]float64{g.DriftZ, g.DriftChange, g.WarningZ, g.WarningChange} {
		if !(f >= 0) || math.IsInf(f, 1) {
			return g, queryError("a gate is not a number from zero on")
		}
	}
	if !(g.MinCoverage >= 0 && g.MinCoverage <= 1) {
		return g, queryError("the least coverage is not between 0 and 1")
	}
	return g, nil
}

// DriftStatus is the verdict of the gates, the worst first.
type DriftStatus uint8

// The verdicts.
const (
	DriftFound DriftStatus = iota
	DriftWarning
	DriftOK
	DriftInsufficientData
	DriftNoReference
	driftStatusCount
)

var driftStatusTexts = [driftStatusCount]string{"drift", "warning", "ok", "insufficient_data", "no_reference"}

func (s DriftStatus) String() string { return driftStatusTexts[s] }

// DriftStatuses returns the texts of all statuses, the worst first.
func DriftStatuses() []string { return slices.Clone(driftStatusTexts[:]) }

// Direction is the way an error moved.
type Direction uint8

// The directions. NoDirection is that of windows that cannot be compared.
const (
	NoDirection Direction = iota
	Same
	Worse
	Better
	directionCount
)

var directionTexts = [directionCount]string{"", "same", "worse", "better"}

func (d Direction) String() string { return directionTexts[d] }

// verdictOf returns the verdict on a comparison, and why where there is none.
func (g *Gates) verdictOf(c *Comparison) (status DriftStatus, reason string) {
	recent, reference := &c.Recent, &c.Reference
	switch {
	case reference.ActualCount == 0:
		return DriftNoReference, NoReference.String()
	case recent.ActualCount == 0:
		return DriftInsufficientData, "recent: " + recent.MAE.Null.String()
	case recent.ActualCount < g.MinRecent:
		return DriftInsufficientData, fewText("recent: ", recent.ActualCount, g.MinRecent)
	case reference.ActualCount < g.MinReference:
		return DriftInsufficientData, fewText("reference: ", reference.ActualCount, g.MinReference)
	case recent.ActualCoverage.Number < g.MinCoverage:
		return DriftInsufficientData, "recent: " + coverageText(recent.ActualCoverage.Number, g.MinCoverage)
	case reference.ActualCoverage.Number < g.MinCoverage:
		return DriftInsufficientData, "reference: " + coverageText(reference.ActualCoverage.Number, g.MinCoverage)
	case c.Direction == NoDirection:
		return DriftInsufficientData, BeyondFloat64.String()
	case c.Direction != Worse:
		return DriftOK, ""
	}
	return g.verdict(c.Z, c.RelativeChange), ""
}

// verdict says which gates a difference passes, whatever its sign. One from an error of zero is larger than any share,
// and one between errors that do not vary is no chance.
func (g *Gates) verdict(z, change Value) DriftStatus {
	passes := func(leastZ, leastChange float64) bool {
		certain := z.Null == ConstantErrors || z.Null == Present && math.Abs(z.Number) >= leastZ
		matters := change.Null == ZeroReference || change.Null == Present && math.Abs(change.Number) >= leastChange
		return certain && matters
	}
	switch {
	case passes(g.DriftZ, g.DriftChange):
		return DriftFound
	case passes(g.WarningZ, g.WarningChange):
		return DriftWarning
	}
	return DriftOK
}
