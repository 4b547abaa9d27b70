package engine

import (
	"context"
	"time"

	"github.com/residualdb/residual/engine/internal/verdict"
)

// ModelsQuery asks for the state of every series at once. Its fields are those of a [DriftReportQuery], but Model,
// Version and Environment default to All.
type ModelsQuery DriftReportQuery

// ModelState is what is to be said of a version of a model; docs/metrics.md has the table.
type ModelState = verdict.State

// The states, those first that need somebody most.
const (
	StateDrift          = verdict.Drift
	StateSilent         = verdict.Silent
	StateActualsStopped = verdict.ActualsStopped
	StateWarning        = verdict.Warning
	StateWaiting        = verdict.Waiting
	StateNew            = verdict.New
	StateOK             = verdict.OK
	StateTooFew         = verdict.TooFew
	StateRetired        = verdict.Retired
)

// ModelStates returns the texts of all states, in their order.
func ModelStates() []string { return verdict.States() }

// ParseModelState reads one of [ModelStates].
func ParseModelState(text string) (ModelState, error) {
	s, ok := verdict.StateOf(text)
	if !ok {
		return s, queryError("%q is not a state", text)
	}
	return s, nil
}

// ModelRow is one series, or a total: all it has, and how its recent window compares with its reference.
type ModelRow struct {
	DriftReportRow
	// FirstEvent and LastEvent are the bounds of its predictions' timestamps, up to the end of the recent window.
	FirstEvent, LastEvent time.Time
	// PredictionCount, ActualCount and ActualCoverage count them.
	PredictionCount, ActualCount uint64
	ActualCoverage               Value

	State ModelState
	// LastActual is the newest timestamp of a prediction that has an actual, zero if none has.
	LastActual time.Time
	// WeekAgoCount counts the predictions of the same hours a week before; null if the series had not begun by then.
	WeekAgoCount Value

	Details ModelDetails
}

// ModelDetails are what is to be said of a series beside its state, at the cost of further windows: what its state is about, and all
// where a list asks for it. The rest is null, NotAsked, or empty.
type ModelDetails struct {
	// ActualLagP50 and ActualLagP95 are those of a [Measures] of the 14 days up to the newest prediction that has an actual, for the
	// states ActualsStopped and Waiting.
	ActualLagP50, ActualLagP95 Value
	// PredictionsDue is how many predictions were to be expected since the last one, for the state Silent.
	PredictionsDue Value
	// ActualsDue is how many actuals were to be expected since the last one, for the state ActualsStopped.
	ActualsDue Value
	// ChangedAt is the hour with which the error rose, of a state of drift or warning, else zero. ChangeVersion is the newest
	// version whose first prediction, at ChangeVersionFirst, came in the 48 h before; empty if there is none.
	ChangedAt          time.Time
	ChangeVersion      string
	ChangeVersionFirst time.Time
	// PreviousVersion is the version before, empty if there is none, and PreviousRecentMAE its error in the same recent window, for
	// the state New.
	PreviousVersion   string
	PreviousRecentMAE Value
	// RecentAbsError and ReferenceAbsError are the 50th, 90th, 95th and 99th percentile of |e|.
	RecentAbsError, ReferenceAbsError [4]Value
}

// ModelsResult holds a row for each series that has a prediction, in the order of a [DriftReportResult].
type ModelsResult struct {
	Rows []ModelRow
	Read Read
}

// Models answers q from aggregates and at most four decoded blocks per segment and window.
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
	page, err := db.ListModels(ctx, q, ModelsList{}, yield)
	return page.Read, err
}

// ModelsOrder is the order of a list of models. What is not known comes last in each, and ties are in the order of names.
type ModelsOrder uint8

// The orders.
const (
	// OrderStatus has the status of the comparison first, the worst first, then the largest relative change.
	OrderStatus ModelsOrder = iota
	// OrderAttention has the state first, then the environment production, then the low end of the interval of the change, the
	// largest first: of two changes the one that is surer to be large.
	OrderAttention
	OrderModel    // by name, the newest version first
	OrderChange   // the largest rise first
	OrderMAE      // the largest recent one first
	OrderWas      // the same of the reference
	OrderRMSE     // the largest recent one first
	OrderBias     // the largest recent one first, whatever its sign
	OrderCoverage // the largest recent one first
	OrderCount    // the most recent predictions first
	OrderWeek     // the largest count against that of the week before first
	OrderAge      // the newest first event first
	OrderLast     // the newest last event first
	orderCount
)

var orderTexts = [orderCount]string{
	"status", "attention", "model", "change", "mae", "was", "rmse", "bias", "coverage", "count", "week", "age", "last",
}

func (o ModelsOrder) String() string { return orderTexts[o] }

// ModelsOrders returns the names of all orders.
func ModelsOrders() []string { return append([]string(nil), orderTexts[:]...) }

// ParseModelsOrder reads one of [ModelsOrders].
func ParseModelsOrder(text string) (ModelsOrder, error) {
	for i, name := range orderTexts {
		if name == text {
			return ModelsOrder(i), nil
		}
	}
	return 0, queryError("%q is not an order of models", text)
}

// ModelsList says which of the rows of a [ModelsQuery] a list has, and in which order.
type ModelsList struct {
	// States are those that rows may have; none for any. Live leaves out StateRetired.
	States []ModelState
	Live   bool
	// Words must each be in the model's name or in the version's, whatever their case.
	Words []string
	// Order puts the rows in order, Descending in the opposite one.
	Order      ModelsOrder
	Descending bool
	// Offset skips rows and Limit bounds how many follow. Default: 0, all.
	Offset, Limit int
	// Details fills in all details of each row.
	Details bool
	// Totals counts the rows, whatever their state and, where environments make rows of their own, their environment.
	Totals bool
}

// ModelTotal counts the rows of one state in one environment, All for all of them, and how many models these are.
type ModelTotal struct {
	Environment      string
	State            ModelState
	Versions, Models int
}

// ModelsPage is what a list of models tells beside its rows.
type ModelsPage struct {
	// Matched is how many rows there are without Offset and Limit.
	Matched int
	// Totals are in the order of environments and states, without those of which there is no row.
	Totals []ModelTotal
	Read   Read
}

// ListModels hands on some of the rows of [DB.Models] one by one, until yield returns false. A row is valid during the call. All
// rows are looked at before the first is handed on; a state and a place in the order are of that moment.
func (db *DB) ListModels(ctx context.Context, q ModelsQuery, list ModelsList, yield func(row *ModelRow) bool) (page ModelsPage, err error) {
	report := DriftReportQuery(q)
	report.Model = orAll(report.Model)
	p, err := report.plan(db.opts.Now())
	if err != nil {
		return page, err
	}
	plan := report.queryPlan(All)
	if err := p.check(ctx, &db.queries, &plan); err != nil {
		return page, err
	}
	if list.Offset < 0 || list.Limit < 0 {
		return page, queryError("the list has a negative offset or limit")
	}
	s := newSurvey(ctx, db, &p, plan)
	s.all = len(list.Words) == 0 && report.everyVersion()
	return s.list(&report, &list, yield)
}

// everyVersion tells whether a query is about all versions of its models.
func (q *DriftReportQuery) everyVersion() bool {
	return orAll(q.Version) == All && q.Literal&VersionColumn == 0
}

func orAll(name string) string {
	if name == "" {
		return All
	}
	return name
}
