package pipes

import (
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/spelling"
)

// literalSuffix ends the parameters whose values are names and no patterns.
const literalSuffix = ".eq"

// nameParameters pick the series of an answer.
func nameParameters(model, version, environment string) []params.Parameter {
	return []params.Parameter{
		{Name: "model_id", Kind: "String", Default: model, Description: "the model, a list a,b, a prefix team_*, or * for every one"},
		{Name: "model_version", Kind: "String", Default: version, Description: "the version, latest, a list, a prefix, or * for every one"},
		{Name: "environment", Kind: "String", Default: environment, Description: "the environment, a list, a prefix, or * for every one"},
		{Name: "model_id" + literalSuffix, Kind: "String", Description: "in the place of model_id: a name that stands for nothing but itself"},
		{Name: "model_version" + literalSuffix, Kind: "String", Description: "in the place of model_version: a name that stands for nothing but itself"},
		{Name: "environment" + literalSuffix, Kind: "String", Description: "in the place of environment: a name that stands for nothing but itself"},
	}
}

// seriesParameters pick the series of an answer and say which of them make a row together.
func seriesParameters(model, version, environment string) []params.Parameter {
	return append(nameParameters(model, version, environment), params.Parameter{
		Name: "group_by", Kind: "String", Default: "model_id,model_version,environment",
		Description: "which of these columns make rows; the others show *, and empty is one total",
	})
}

var asOfParameter = params.Parameter{Name: "as_of", Kind: "DateTime", Description: "stands in for now and leaves out what came after it"}

// windowParameters say which rows count by their time.
var windowParameters = []params.Parameter{
	{Name: "time_window", Kind: "Int32", Default: "24", Description: "how many hours the window reaches back"},
	{Name: "from", Kind: "DateTime", Description: "the start of the window, instead of time_window"},
	{Name: "to", Kind: "DateTime", Description: "the end of the window, exclusive; needs from"},
	asOfParameter,
}

var metricsParameters = slices.Concat(seriesParameters("default_model", "latest", "production"), windowParameters)

const (
	// columnsParameter says which columns an answer has, digitsParameter how exact its fractions are.
	columnsParameter = "columns"
	digitsParameter  = "digits"
)

// answerParameters say how an answer is written.
var answerParameters = []params.Parameter{
	{Name: columnsParameter, Kind: "String", Description: "which columns, a list; all if it is not given"},
	{Name: digitsParameter, Kind: "Int32", Description: "to how many significant digits fractions are rounded, 1 to 17; not at all if it is not given"},
}

// LayOut reads answerParameters into a table.
func LayOut(p *params.List, t *encode.Table) (err error) {
	list, err := p.String(columnsParameter)
	if err != nil {
		return err
	}
	if t.Shown, err = columnsNamed(list, t.Columns); err != nil {
		return err
	}
	if _, given, err := p.Text(digitsParameter); err != nil || !given {
		return err
	}
	digits, err := p.Int32(digitsParameter)
	if err == nil && (digits < 1 || digits > encode.DigitsMax) {
		err = problem.BadParameter("the parameter digits is %d; 1 to %d are allowed", digits, encode.DigitsMax)
	}
	t.Digits = int(digits)
	return err
}

// shows tells whether the answer has a column other than those of a list.
func (ask *Question) shows(others []string) bool {
	for i, column := range ask.Table.Columns {
		if (ask.Table.Shown == nil || slices.Contains(ask.Table.Shown, i)) && !slices.Contains(others, column.Name) {
			return true
		}
	}
	return false
}

// columnsNamed returns which columns a list names, in its order; nil for an empty list, which stands for all.
func columnsNamed(list string, columns []encode.Column) (named []int, err error) {
	if list == "" {
		return nil, nil
	}
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].Name
	}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		i := slices.Index(names, name)
		if i >= 0 && !slices.Contains(named, i) {
			named = append(named, i)
			continue
		}
		why := problem.Shown(name) + " is there twice"
		if i < 0 {
			why = "there is no " + problem.Shown(name)
			if meant := spelling.Nearest(name, names); meant != "" {
				why += ", did you mean " + meant + "?"
			}
		}
		return nil, problem.BadParameter("Error validating %s to type String: the parameter columns must list some of %s, each once: %s",
			problem.Shown(list), strings.Join(names, ", "), why)
	}
	return named, nil
}

// names tells whether a value of a parameter names more than one of what it names.
func names(value string) bool { return strings.ContainsAny(value, "*,") }

// SeriesColumns name the series of a row.
var SeriesColumns = []encode.Column{
	{Name: "model_id", Kind: encode.String, Few: true},
	{Name: versionColumn, Kind: encode.String, Few: true},
	{Name: "environment", Kind: encode.String, Few: true},
}

// latestVersion is the version to ask for that stands for another, see engine.MetricsQuery.
const (
	versionColumn = "model_version"
	latestVersion = "latest"
)

// addSeries adds the cells of seriesColumns.
func addSeries(t *encode.Table, model, version, environment string) {
	t.Add(encode.Text(model), encode.Text(version), encode.Text(environment))
}

// names reads nameParameters. nothing is true if a name is empty, which no row's is.
func (ask *Question) names(model, version, environment *string, literal *engine.Columns) (nothing bool, err error) {
	for _, p := range [...]struct {
		name   string
		value  *string
		column engine.Columns
	}{
		{"model_id", model, engine.ModelColumn},
		{"model_version", version, engine.VersionColumn},
		{"environment", environment, engine.EnvironmentColumn},
	} {
		exact, isExact, err := ask.Params.Text(p.name + literalSuffix)
		if err != nil {
			return false, err
		}
		if *p.value, err = ask.Params.String(p.name); err != nil {
			return false, err
		}
		if isExact {
			if _, given, _ := ask.Params.Text(p.name); given {
				return false, problem.BadParameter("the parameters %s and %s%s are given both", p.name, p.name, literalSuffix)
			}
			*p.value = string(exact)
			*literal |= p.column
		}
		nothing = nothing || *p.value == ""
	}
	return nothing, nil
}

// series reads seriesParameters. nothing is as in names.
func (ask *Question) series(model, version, environment *string, literal, across *engine.Columns) (nothing bool, err error) {
	if nothing, err = ask.names(model, version, environment, literal); err != nil {
		return false, err
	}
	groupBy, err := ask.Params.String("group_by")
	if err != nil {
		return false, err
	}
	if *across, err = engine.ParseGroupBy(groupBy); err != nil {
		return false, problem.BadParameter("Error validating %s to type String: the parameter group_by must be empty or list some of "+
			"model_id, model_version and environment", problem.Shown(groupBy))
	}
	if *version == latestVersion && (*across|*literal)&engine.VersionColumn == 0 {
		ask.Table.LabelColumn, ask.Table.LabelValue = versionColumn, latestVersion
	}
	if names(*model) {
		ask.holds = pullBytes
	}
	return nothing, nil
}

// metricsQuery reads metricsParameters. nothing is as in series.
func (ask *Question) metricsQuery() (q engine.MetricsQuery, nothing bool, err error) {
	q.Within = ask.Within
	if nothing, err = ask.series(&q.Model, &q.Version, &q.Environment, &q.Literal, &q.Across); err != nil {
		return q, false, err
	}
	return q, nothing, ask.window(&q.Window, &q.From, &q.To, &q.AsOf)
}

// window reads windowParameters.
func (ask *Question) window(length *time.Duration, from, to, asOf *time.Time) (err error) {
	if *length, err = ask.Params.Hours("time_window"); err != nil {
		return err
	}
	if *from, err = ask.Params.Moment("from"); err != nil {
		return err
	}
	if *to, err = ask.Params.Moment("to"); err != nil {
		return err
	}
	*asOf, err = ask.Params.Moment("as_of")
	return err
}

// driftQuery reads what every comparison of a recent window with a history has. nothing is as in series.
func (ask *Question) driftQuery() (q engine.DriftQuery, nothing bool, err error) {
	q.Within = ask.Within
	if nothing, err = ask.series(&q.Model, &q.Version, &q.Environment, &q.Literal, &q.Across); err != nil {
		return q, false, err
	}
	if q.Recent, err = ask.Params.Hours("recent_window_hours"); err != nil {
		return q, false, err
	}
	if q.Historical, err = ask.Params.Hours("historical_window_hours"); err != nil {
		return q, false, err
	}
	q.AsOf, err = ask.Params.Moment("as_of")
	return q, nothing, err
}
