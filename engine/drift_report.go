package engine

import (
	"context"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/windows"
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
	// Literal are the columns whose names are names, as in a [MetricsQuery].
	Literal Columns
	// Recent and Historical are the windows as in a [DriftQuery].
	Recent, Historical time.Duration
	// RecentMinActuals lets the recent window of a series reach back until it has so many actuals, by whole hours and 72 h at
	// most. Default: 0, which leaves it as it is.
	RecentMinActuals uint64
	// Gap is how long before the recent window the rolling reference ends, so that a rise does not soon become what it is compared
	// with. Where what is left of the reference has fewer actuals than 100, or than Gates.MinReference, as that of a new version, it
	// reaches up to the recent window. Default: DefaultGap.
	Gap time.Duration
	// Offset moves all windows back, over the hours too young to have their actuals. The recent window then ends there.
	Offset time.Duration
	// AsOf stands in for now and cuts off rows after it.
	AsOf time.Time
	// Reference is what the recent window is compared with. Default: the historical window.
	Reference Reference
	// Zone is whose clock says what the same hours of another week are. Default: UTC.
	Zone *time.Location
	// Gates decide on the status. Default: DefaultGates.
	Gates Gates
}

// DefaultGap is what the zero Gap of a [DriftReportQuery] stands for.
const DefaultGap = 24 * time.Hour

// Reference is what a recent window is compared with. The zero Reference is the rolling one: the historical window, but for the
// gap before the recent one.
type Reference struct {
	// From and To pin a half-open window, which must end before the recent one begins.
	From, To time.Time
	// Version names another version of the model, Previous stands for the one whose first prediction came before that of each
	// version: its rows of the pinned window, or those from the start of the historical window to the end of the recent one, so
	// that it may be the predecessor as well as one that runs beside. A version is no reference to itself: a total of several
	// versions is compared without its rows. It is an ErrQuery if no model that is asked about has the version, and to ask for
	// the previous one of a total of versions.
	Version  string
	Previous bool
	// Weeks makes it the same hours of so many weeks before, for a model whose error has a daily or a weekly pattern.
	Weeks int
}

// DriftReportRow is the comparison of one series, or of a total.
type DriftReportRow struct {
	event.Series
	Comparison
	// AnalysisTimestamp is the time the recent window reaches back from, RecentFrom where it begins.
	AnalysisTimestamp, RecentFrom time.Time
	// ReferenceFrom and ReferenceTo are from when to when the reference goes, zero where that is no time at all and for the version that
	// is the reference itself. Of several weeks they are the start of the first and the end of the last.
	ReferenceFrom, ReferenceTo time.Time
	// ReferenceVersion is the version of the rows that it is compared with, empty where that is its own.
	ReferenceVersion string
	// Gates are those that decided.
	Gates Gates
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
	plan := q.queryPlan(defaultEnvironment)
	if err := p.check(ctx, &db.queries, &plan); err != nil {
		return Read{}, err
	}
	plan.Ask(p.asked(&p.Layout)...)
	rows := query.Rows[DriftReportRow]{Queries: &db.queries, Plan: &plan, Row: p.reportRow}
	if p.minActuals > 0 {
		rows.Aim = p.aim
	}
	return rows.EachRanked(ctx, (*DriftReportRow).place, yield)
}

// queryPlan is the plan without its windows. names is the default of all names but that of the version.
func (q *DriftReportQuery) queryPlan(environment string) query.Plan {
	return query.Plan{
		Selection: query.SelectionOf(q.Model, base.OrDefault(q.Version, All), base.OrDefault(q.Environment, environment)).Within(q.Within).Exactly(query.Across(q.Literal)),
		Across:    query.Across(q.Across),
		Want:      segment.WantSpread,
	}
}

// driftPlan is a query with its windows resolved.
type driftPlan struct {
	windows.Layout
	gates      Gates
	minActuals uint64
	// turn are the windows of the subject in turn.
	turn windows.Layout
}

// recentLongest is how far the recent window reaches back at most for want of actuals.
const recentLongest = 72 * time.Hour

func (q *DriftReportQuery) plan(now time.Time) (driftPlan, error) {
	gates, err := q.Gates.withDefaults()
	if err != nil {
		return driftPlan{}, err
	}
	p := driftPlan{gates: gates, minActuals: q.RecentMinActuals, Layout: windows.Layout{
		At:         standing(q.AsOf, now),
		Historical: base.OrDefault(q.Historical, defaultHistoricalWindow),
		Gap:        base.OrDefault(q.Gap, DefaultGap),
		Reference:  windows.Reference(q.Reference),
		Zone:       q.Zone,
	}}
	end := endOf(q.AsOf)
	switch {
	case q.Offset < 0:
		return p, queryError("the offset is negative")
	case q.Offset > 0:
		p.At = base.SubMilli(p.At, q.Offset)
		end = p.At
	}
	p.Recent = base.Span{From: base.SubMilli(p.At, base.OrDefault(q.Recent, defaultRecentWindow)), To: end}
	p.turn = p.Layout
	return p, p.Check()
}

// check refuses a reference that the models of a plan cannot have.
func (p *driftPlan) check(ctx context.Context, queries *query.Queries, plan *query.Plan) error {
	if p.Previous && Columns(plan.Across)&VersionColumn != 0 {
		return queryError("there is no version before a total of versions")
	}
	if p.Version == "" {
		return nil
	}
	asked, known, err := queries.KnowsVersion(ctx, plan, p.Version)
	if err == nil && asked && !known {
		err = queryError("the reference is a version that no model asked about has: %q", p.Version)
	}
	return err
}

// asked are the windows that a comparison needs: the recent one, the reference, and the gap before the recent one.
func (p *driftPlan) asked(l *windows.Layout) []query.Window {
	asked := []query.Window{{Span: l.Recent}, l.Compared(), {}}
	if l.Rolling() {
		asked[2].Span = l.Between()
	}
	return asked
}

// aim sets the windows of a subject, of which the recent one reaches back as far as it must to have enough actuals, once it is known how far.
func (p *driftPlan) aim(r *query.Run, of *query.Total) (ok bool) {
	if p.turn, ok = p.reaching(r, of); ok {
		p.ask(r, of, p.turn.Recent, p.asked(&p.turn))
	}
	return ok
}

// ask asks a run about windows beside a recent one: if that reaches back further than the plan's, hardly another subject has the same.
func (p *driftPlan) ask(r *query.Run, of *query.Total, recent base.Span, asked []query.Window) {
	if recent == p.Recent {
		r.Ask(asked...)
		return
	}
	r.AskOwn(of, asked...)
}

// reaching returns the windows of a subject. Within [query.Run.Together], ok is false as long as it is not known how far they reach.
func (p *driftPlan) reaching(r *query.Run, of *query.Total) (l windows.Layout, ok bool) {
	const hour = int64(time.Hour / time.Millisecond)
	earliest := p.Earliest(recentLongest)
	hours := (p.Recent.From - earliest + hour - 1) / hour
	from := func(back int64) int64 { return max(p.Recent.From-back*hour, earliest) }
	ok = r.Has(of, func(yield func(base.Span) bool) {
		for back := hours; back > 0; back-- {
			if !yield(base.Span{From: from(back), To: from(back - 1)}) {
				return
			}
		}
		yield(p.Recent)
	})
	if !ok {
		return p.Layout, false
	}
	back := sort.Search(int(hours), func(back int) bool {
		// The version that others are compared with is no part of what is: the second window says which it is, and has no rows.
		r.Ask(query.Window{Span: base.Span{From: from(int64(back)), To: p.Recent.To}, Counted: true}, query.Window{Version: p.Version})
		return r.Add(of)[0].Actuals >= p.minActuals
	})
	return p.Reaching(from(int64(back))), true
}

// row compares the windows of a subject. A version is no reference to itself.
func (p *driftPlan) row(of *query.Subject, answers []base.Answer) DriftReportRow {
	reference := &answers[1].Aggregate
	short := p.isShort(reference.Actuals)
	if short {
		reference.MergeWanted(segment.WantSpread, &answers[2].Aggregate)
	}
	itself := p.Version != "" && p.Version == of.SingleVersion
	if itself {
		reference.Reset()
	}
	row := DriftReportRow{
		Series: of.Series, Comparison: compare(&answers[0].Aggregate, reference, &p.gates),
		AnalysisTimestamp: momentOf(p.At), RecentFrom: momentOf(p.turn.Recent.From), ReferenceVersion: p.Version, Gates: p.gates,
	}
	if p.Previous {
		row.ReferenceVersion = of.Previous
	}
	if itself {
		row.Reason = "this version is the reference"
	} else if extent := p.turn.Extent(short); !extent.Empty() {
		row.ReferenceFrom, row.ReferenceTo = momentOf(extent.From), momentOf(extent.To)
	}
	return row
}

// isShort tells whether a rolling reference has too few actuals to do without those of the gap.
func (p *driftPlan) isShort(actuals uint64) bool {
	return actuals < max(p.gates.MinReference, DefaultGates().MinReference)
}

// ownReference tells whether what a version is compared with are rows of its own.
func (p *driftPlan) ownReference() bool { return p.Version == "" && !p.Previous }

// momentOf is a Unix millisecond as a time.
func momentOf(milli int64) time.Time { return time.UnixMilli(milli).UTC() }

// reportRow is the row of a subject that has rows in its recent window, or in its own reference.
func (p *driftPlan) reportRow(of *query.Subject, answers []base.Answer) (DriftReportRow, bool) {
	if answers[0].Rows > 0 || p.ownReference() && answers[1].Rows+answers[2].Rows > 0 {
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
	return Gates{DriftZ: 3, DriftChange: 0.2, WarningZ: 2.5, WarningChange: 0.1, MinRecent: 30, MinReference: 100}
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
