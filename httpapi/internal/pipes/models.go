package pipes

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// wordsMax bounds the words that a list of models is asked by.
const wordsMax = 32

var modelsPipe = Pipe{
	Name:        "models",
	Description: "Every model, version and environment with its state, what it has and whether it drifts",
	Parameters: slices.Concat(seriesParameters("*", "*", "*"), comparisonParameters, []params.Parameter{
		{Name: "state", Kind: "String", Description: "those in one of these states, a list: " + strings.Join(engine.ModelStates(), ", ")},
		{Name: "live", Kind: "Boolean", Default: "false", Description: "leaves out those that are retired"},
		{Name: "q", Kind: "String", Description: "those whose name or version has each of these words, whatever their case"},
		{Name: "order", Kind: "String", Default: engine.OrderStatus.String(), Description: "which come first: " + strings.Join(engine.ModelsOrders(), ", ")},
		{Name: "desc", Kind: "Boolean", Default: "false", Description: "the opposite order"},
		{Name: "limit", Kind: "Int32", Default: "0", Description: "how many rows, 0 for all of them"},
		{Name: "skip", Kind: "Int32", Default: "0", Description: "how many rows to skip"},
		{Name: "details", Kind: "Boolean", Default: "false", Description: "fills in the lags and the quantiles of every row, not only where the state is about them"},
		{Name: "totals", Kind: "Boolean", Default: "false", Description: "counts versions and models by environment and state, beside the rows of a JSON answer"},
	}),
	Columns: slices.Concat(SeriesColumns, []encode.Column{
		{Name: "first_event", Kind: encode.DateTime},
		{Name: "last_event", Kind: encode.DateTime},
		{Name: "prediction_count", Kind: encode.UInt64},
		{Name: "actual_count", Kind: encode.UInt64},
		{Name: "actual_coverage", Kind: encode.NullableFloat64},
	}, comparisonColumns, []encode.Column{
		stateColumn,
		{Name: "last_actual", Kind: encode.NullableDateTime},
		{Name: "week_ago_count", Kind: encode.NullableFloat64},
		{Name: "actual_lag_p50", Kind: encode.NullableFloat64},
		{Name: "actual_lag_p95", Kind: encode.NullableFloat64},
		{Name: "changed_at", Kind: encode.NullableDateTime},
		{Name: "change_version", Kind: encode.NullableString},
		{Name: "change_version_first_event", Kind: encode.NullableDateTime},
		{Name: "previous_version", Kind: encode.NullableString},
		{Name: "previous_recent_mae", Kind: encode.NullableFloat64},
		{Name: "recent_abs_error_p50", Kind: encode.NullableFloat64},
		{Name: "recent_abs_error_p90", Kind: encode.NullableFloat64},
		{Name: "recent_abs_error_p95", Kind: encode.NullableFloat64},
		{Name: "recent_abs_error_p99", Kind: encode.NullableFloat64},
		{Name: "reference_abs_error_p50", Kind: encode.NullableFloat64},
		{Name: "reference_abs_error_p90", Kind: encode.NullableFloat64},
		{Name: "reference_abs_error_p95", Kind: encode.NullableFloat64},
		{Name: "reference_abs_error_p99", Kind: encode.NullableFloat64},
		{Name: "predictions_due", Kind: encode.NullableFloat64},
		{Name: "actuals_due", Kind: encode.NullableFloat64},
	}),
	needs: answers[ReportStore],
	Run:   runModels,
}

// stateColumn is a column of an engine.ModelState.
var stateColumn = encode.Column{Name: "state", Kind: encode.Status, States: engine.ModelStates()}

func runModels(ctx context.Context, ask *Question) error {
	q, nothing, err := ask.driftReportQuery()
	if err != nil {
		return err
	}
	list, err := ask.modelsList()
	if err != nil || nothing {
		return err
	}
	if ask.holds > 0 && (list.Limit == 0 || list.Limit > listedFew) {
		ask.holds = listBytes
	}
	var page engine.ModelsPage
	rows := func(ctx context.Context, q engine.DriftReportQuery, yield func(*engine.ModelRow) bool) (engine.Read, error) {
		var err error
		page, err = ask.Store.(ReportStore).ListModels(ctx, engine.ModelsQuery(q), list, yield)
		return page.Read, err
	}
	ask.Table.Limited = list.Limit > 0 || list.Offset > 0
	ask.tell = func(t *encode.Table) {
		t.BeforeLimit = page.Matched
		if list.Totals {
			t.Totals = totalsJSON(page.Totals)
		}
	}
	return pull(ctx, ask, rows, q, addModel)
}

const (
	// listBytes is what a list of many models takes: the rows that the store keeps until it is their turn, and a stack.
	listBytes = 4 << 20
	// listedFew is how many rows are too few to be worth it.
	listedFew = engine.ModelsListedFew
)

// modelsList reads which rows a list of models has.
func (ask *Question) modelsList() (list engine.ModelsList, err error) {
	if list.States, err = ask.states(); err != nil {
		return list, err
	}
	words, err := ask.Params.String("q")
	if err != nil {
		return list, err
	}
	if list.Words = strings.Fields(words); len(list.Words) > wordsMax {
		return list, problem.BadParameter("the parameter q has more than %d words", wordsMax)
	}
	order, err := ask.Params.String("order")
	if err != nil {
		return list, err
	}
	if list.Order, err = engine.ParseModelsOrder(order); err != nil {
		return list, problem.BadParameter("Error validating %s to type String: the parameter order must be one of %s", problem.Shown(order),
			strings.Join(engine.ModelsOrders(), ", "))
	}
	for _, p := range [...]struct {
		name  string
		value *bool
	}{{"live", &list.Live}, {"desc", &list.Descending}, {"details", &list.Details}, {"totals", &list.Totals}} {
		if *p.value, err = ask.Params.Boolean(p.name); err != nil {
			return list, err
		}
	}
	limit, err := ask.Params.AtLeast("limit", 0)
	if err != nil {
		return list, err
	}
	offset, err := ask.Params.AtLeast("skip", 0)
	list.Limit, list.Offset = int(limit), int(offset)
	return list, err
}

// states reads a list of states; none for any.
func (ask *Question) states() (states []engine.ModelState, err error) {
	given, err := ask.Params.String("state")
	if err != nil {
		return nil, err
	}
	for text := range strings.SplitSeq(given, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		state, err := engine.ParseModelState(text)
		if err != nil {
			return nil, problem.BadParameter("Error validating %s to type String: the parameter state must list some of %s", problem.Shown(given),
				strings.Join(engine.ModelStates(), ", "))
		}
		states = append(states, state)
	}
	return states, nil
}

// totalsJSON is what stands beside the rows.
func totalsJSON(totals []engine.ModelTotal) []byte {
	type total struct {
		Environment string `json:"environment"`
		State       string `json:"state"`
		Versions    int    `json:"versions"`
		Models      int    `json:"models"`
	}
	list := make([]total, len(totals))
	for i, t := range totals {
		list[i] = total{t.Environment, t.State.String(), t.Versions, t.Models}
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic("BUG: totals that are no JSON: " + err.Error())
	}
	return text
}

func addModel(t *encode.Table, r *engine.ModelRow) {
	addSeries(t, r.Model, r.Version, r.Environment)
	t.Add(encode.Moment(r.FirstEvent), encode.Moment(r.LastEvent),
		encode.Whole(r.PredictionCount), encode.Whole(r.ActualCount), value(r.ActualCoverage))
	addComparison(t, &r.DriftReportRow)
	d := &r.Details
	t.Add(encode.Text(r.State.String()), encode.MomentOrNull(r.LastActual), value(r.WeekAgoCount), value(d.ActualLagP50), value(d.ActualLagP95),
		encode.MomentOrNull(d.ChangedAt), encode.Text(d.ChangeVersion), encode.MomentOrNull(d.ChangeVersionFirst),
		encode.Text(d.PreviousVersion), value(d.PreviousRecentMAE))
	for _, quantiles := range [...]*[4]engine.Value{&d.RecentAbsError, &d.ReferenceAbsError} {
		for _, q := range quantiles {
			t.Add(value(q))
		}
	}
	t.Add(value(d.PredictionsDue), value(d.ActualsDue))
}
