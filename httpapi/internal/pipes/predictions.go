package pipes

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

const (
	// featureParameter stands for the parameters that begin with featurePrefix.
	featureParameter, featurePrefix = "feature.<key>", "feature."
	// conditionsMax bounds the conditions on features of one question, each of which costs a look into the features of each
	// row.
	conditionsMax = 32
	// rowsBytes is what a query for rows takes: what the store decodes at one time, and a stack.
	rowsBytes = 8 << 20
	// bulkRows is how many rows are worth the memory of a format that can do better with more of it.
	bulkRows = 10_000
)

var predictionsPipe = Pipe{
	Name:        "predictions",
	Description: "The predictions themselves, each with its error",
	Parameters: slices.Concat(nameParameters("default_model", "latest", "production"), windowParameters, []params.Parameter{
		{Name: "actuals", Kind: "String", Default: "any", Description: "any, known for the predictions that have an actual, or waiting for those that have none"},
		{Name: "prediction_id", Kind: "String", Description: "the predictions of this id alone"},
		{Name: featureParameter, Kind: "Condition", Description: "those whose features have under this key the value, or with !=, <, <=, > or >= in the place of =, another one"},
		{Name: "order", Kind: "String", Description: "timestamp, -timestamp for the newest first, abs_error for the worst first, or sample for a random sample; with a limit -timestamp, without one none"},
		{Name: "seed", Kind: "Int32", Default: "0", Description: "which sample: the same seed has the same one of the same rows"},
		{Name: "limit", Kind: "Int32", Default: "100", Description: "how many predictions, 0 for all of them"},
	}),
	Columns:  columnsOf(predictionColumns),
	needs:    answers[RowStore],
	overTime: true,
	Unending: true,
	Run:      runPredictions,
}

// predictionColumn is a column of the pipe, and its values in a batch of rows.
type predictionColumn struct {
	encode.Column

	values func(a *predictionRows, b *engine.RowBatch) encode.Vector
}

var predictionColumns = []predictionColumn{
	{encode.Column{Name: "timestamp", Kind: encode.DateTime64}, func(_ *predictionRows, b *engine.RowBatch) encode.Vector { return encode.Moments(b.Times) }},
	{SeriesColumns[0], func(a *predictionRows, b *engine.RowBatch) encode.Vector { return encode.Coded(a.models, b.SeriesOf) }},
	{SeriesColumns[1], func(a *predictionRows, b *engine.RowBatch) encode.Vector { return encode.Coded(a.versions, b.SeriesOf) }},
	{SeriesColumns[2], func(a *predictionRows, b *engine.RowBatch) encode.Vector {
		return encode.Coded(a.environments, b.SeriesOf)
	}},
	{encode.Column{Name: "prediction_id", Kind: encode.String}, func(_ *predictionRows, b *engine.RowBatch) encode.Vector { return encode.Texts(&b.IDs) }},
	{encode.Column{Name: "features", Kind: encode.String}, func(_ *predictionRows, b *engine.RowBatch) encode.Vector { return encode.Texts(&b.Features) }},
	{encode.Column{Name: "predicted_value", Kind: encode.Float64}, func(_ *predictionRows, b *engine.RowBatch) encode.Vector { return encode.Numbers(b.Predicted) }},
	{encode.Column{Name: "actual_value", Kind: encode.NullableFloat64}, func(a *predictionRows, _ *engine.RowBatch) encode.Vector { return encode.Numbers(a.actual) }},
	{encode.Column{Name: "residual", Kind: encode.NullableFloat64}, func(a *predictionRows, _ *engine.RowBatch) encode.Vector { return encode.Numbers(a.residual) }},
	{encode.Column{Name: "absolute_error", Kind: encode.NullableFloat64}, func(a *predictionRows, _ *engine.RowBatch) encode.Vector { return encode.Numbers(a.absolute) }},
}

func columnsOf(from []predictionColumn) []encode.Column {
	columns := make([]encode.Column, len(from))
	for i := range from {
		columns[i] = from[i].Column
	}
	return columns
}

// predictionRows makes the answer of the batches of a store. What it holds is of the last one.
type predictionRows struct {
	columns                        []predictionColumn
	vectors                        []encode.Vector
	models, versions, environments []string
	actual, residual, absolute     []float64
}

// add adds a batch of the store.
func (a *predictionRows) add(t *encode.Table, b *engine.RowBatch) {
	a.models, a.versions, a.environments = a.models[:0], a.versions[:0], a.environments[:0]
	for i := range b.Series {
		s := &b.Series[i]
		a.models, a.versions, a.environments = append(a.models, s.Model), append(a.versions, s.Version), append(a.environments, s.Environment)
	}
	a.actual, a.residual, a.absolute = a.actual[:0], a.residual[:0], a.absolute[:0]
	for i, predicted := range b.Predicted {
		actual := math.NaN()
		if b.Known.Get(i) {
			actual = b.Actual[i]
		}
		a.actual = append(a.actual, actual)
		a.residual = append(a.residual, predicted-actual)
		a.absolute = append(a.absolute, math.Abs(predicted-actual))
	}
	a.vectors = a.vectors[:0]
	for i := range a.columns {
		a.vectors = append(a.vectors, a.columns[i].values(a, b))
	}
	t.AddBatch(b.Len(), a.vectors...)
	t.BeforeLimit += b.Len()
}

func runPredictions(ctx context.Context, ask *Question) error {
	q, nothing, err := ask.rowsQuery()
	if err != nil {
		return err
	}
	rows := &predictionRows{columns: predictionColumns}
	if shown := ask.Table.Shown; shown != nil {
		// The store makes no others.
		rows.columns = make([]predictionColumn, len(shown))
		for i, j := range shown {
			rows.columns[i] = predictionColumns[j]
		}
		ask.Table.Columns, ask.Table.Shown = columnsOf(rows.columns), nil
	}
	if nothing {
		return nil
	}
	q.Columns = wantedOf(rows.columns)
	ask.Table.Limited, ask.Table.Longest, ask.holds = q.Limit > 0, event.FeaturesBytesMax, rowsBytes
	ask.Table.Bulk = q.Limit == 0 || q.Limit > bulkRows
	return pull(ctx, ask, ask.Store.(RowStore).EachRows, q, rows.add)
}

// rowsQuery reads what the rows are asked by. nothing is as in names.
func (ask *Question) rowsQuery() (q engine.RowsQuery, nothing bool, err error) {
	q.Within = ask.Within
	if nothing, err = ask.names(&q.Model, &q.Version, &q.Environment, &q.Literal); err != nil {
		return q, false, err
	}
	if err := ask.window(&q.Window, &q.From, &q.To, &q.AsOf); err != nil {
		return q, false, err
	}
	if q.Actuals, err = choice(ask.Params, "actuals", actualsChoices); err != nil {
		return q, false, err
	}
	id, given, err := ask.Params.Text("prediction_id")
	if err != nil {
		return q, false, err
	}
	q.ID, nothing = string(id), nothing || given && len(id) == 0
	if q.Features, err = conditions(ask.Params); err != nil {
		return q, false, err
	}
	limit, err := ask.Params.Int32("limit")
	if err != nil {
		return q, false, err
	}
	if limit < 0 {
		return q, false, problem.BadParameter("the parameter limit is %d; it must be 1 or more, or 0 for all rows", limit)
	}
	q.Limit = int(limit)
	if q.Order, err = choice(ask.Params, "order", orderChoices); err != nil {
		return q, false, err
	}
	seed, err := ask.Params.Int32("seed")
	if err != nil {
		return q, false, err
	}
	q.Seed = uint64(int64(seed))
	if _, given, _ := ask.Params.Text("order"); !given && limit > 0 {
		q.Order = engine.TimeDescending
	}
	if q.Order == engine.Unordered && ask.Within != "" {
		q.Order = engine.TimeAscending // the other one shows how the store lays rows out, in which those of other models have a part
	}
	return q, nothing, nil
}

// named is one of the values that a parameter may have.
type named[V any] struct {
	name  string
	value V
}

var actualsChoices = []named[engine.ActualsFilter]{{"any", engine.AnyActual}, {"known", engine.WithActual}, {"waiting", engine.Waiting}}

var orderChoices = []named[engine.RowOrder]{
	{"", engine.Unordered}, {"timestamp", engine.TimeAscending}, {"-timestamp", engine.TimeDescending}, {"abs_error", engine.WorstFirst}, {"sample", engine.Sample},
}

// choice reads a parameter that has one of some values.
func choice[V any](p *params.List, name string, choices []named[V]) (value V, err error) {
	text, err := p.String(name)
	if err != nil {
		return value, err
	}
	var names []string
	for _, c := range choices {
		if c.name == text {
			return c.value, nil
		}
		if c.name != "" {
			names = append(names, c.name)
		}
	}
	return value, problem.BadParameter("Error validating %s to type String: the parameter %s must be %s or %s",
		problem.Shown(text), name, strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}

// wantedOf returns the columns of the store that the columns of an answer are made of.
func wantedOf(columns []predictionColumn) engine.RowColumns {
	wanted := engine.NumbersAlone
	for i := range columns {
		switch columns[i].Name {
		case "prediction_id":
			wanted |= engine.IDColumn
		case "features":
			wanted |= engine.FeaturesColumn
		}
	}
	return wanted
}

// conditions reads the conditions on features.
func conditions(p *params.List) (conditions []engine.FeatureCondition, err error) {
	for i := range p.Given {
		name, ok := strings.CutPrefix(string(p.Given[i].Name), featurePrefix)
		if !ok {
			continue
		}
		c, ok := condition(name, string(p.Given[i].Value), p.Given[i].Bare)
		if ok && c.Value != "" && strings.IndexByte("=<>", c.Value[0]) >= 0 {
			return nil, problem.BadParameter("Error validating %s to type Condition: the parameter %s has an operator behind its operator; they are "+
				"=, !=, <, <=, > and >=, and no == or <>", problem.Shown(p.Given[i].Text()), featureParameter)
		}
		if !ok {
			return nil, problem.BadParameter("Error validating %s to type Condition: the parameter %s must be feature.<key>=<value>, "+
				"or with !=, <, <=, > or >= in the place of =", problem.Shown(p.Given[i].Text()), featureParameter)
		}
		conditions = append(conditions, c)
	}
	if len(conditions) > conditionsMax {
		return nil, problem.BadParameter("the parameter %s is given %d times; %d are allowed", featureParameter, len(conditions), conditionsMax)
	}
	return conditions, nil
}

// operators are those of conditions, longer ones before those that they begin with.
var operators = [...]named[engine.Comparator]{
	{"!=", engine.NotEqual}, {"<=", engine.LessOrEqual}, {">=", engine.GreaterOrEqual}, {"<", engine.Less}, {">", engine.Greater}, {"=", engine.Equal},
}

// condition is what a parameter of a name, less its prefix, and a value says; bare is a parameter without an equals sign.
//
// It is read as the text name=value, because that is what people type: amount>=100 comes as the name "amount>" with the value
// "100", and amount>100 as a bare name. The first operator ends the key. Programs that write parameters one by one, with
// an equals sign after each name, come to the same: the name "amount>100" with an empty value, and "amount>=" with the
// value "100", are what they seem to be.
func condition(name, value string, bare bool) (c engine.FeatureCondition, ok bool) {
	at := strings.IndexAny(name, "<>=")
	if i := strings.Index(name, "!="); i >= 0 && (at < 0 || i < at) {
		at = i
	}
	if at < 0 && strings.HasSuffix(name, "!") && !bare {
		at = len(name) - 1
	}
	if at < 0 {
		return engine.FeatureCondition{Key: name, Op: engine.Equal, Value: value}, name != "" && !bare
	}
	key, rest := name[:at], name[at:]
	if !bare && (rest == "!" || rest == "<" || rest == ">") {
		rest += "="
	}
	for _, operator := range operators {
		inName, ok := strings.CutPrefix(rest, operator.name)
		switch {
		case !ok:
			continue
		case inName == "":
			ok = !bare
		case value == "":
			value = inName
		default:
			value = inName + "=" + value
		}
		needed := operator.value != engine.Equal && operator.value != engine.NotEqual
		return engine.FeatureCondition{Key: key, Op: operator.value, Value: value}, ok && key != "" && (value != "" || !needed)
	}
	return c, false
}
