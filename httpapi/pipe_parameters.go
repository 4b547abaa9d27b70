package httpapi

import (
	"encoding/json"
	"slices"

	"github.com/residualdb/residual/engine"
)

// Parameter is one parameter of a pipe.
type Parameter struct {
	Name, Kind string
	// Default is what the parameter is when it is not given, empty where that means something else than any value.
	Default, Description string
}

// Parameters returns the parameters of a pipe, which must be one of the server's.
func Parameters(name string) []Parameter {
	i := slices.IndexFunc(pipes[:], func(p pipe) bool { return p.name == name })
	return slices.Clone(pipes[i].parameters)
}

func (p *Parameter) defaultValue() any {
	if p.Kind == "Int32" || p.Kind == "Float64" {
		return json.Number(p.Default)
	}
	return p.Default
}

// seriesParameters pick the series of an answer and say which of them make a row together.
func seriesParameters(model, version, environment string) []Parameter {
	return []Parameter{
		{"model_id", "String", model, "the model, a list a,b, a prefix team_*, or * for every one"},
		{"model_version", "String", version, "the version, latest, a list, a prefix, or * for every one"},
		{"environment", "String", environment, "the environment, a list, a prefix, or * for every one"},
		{
			"group_by", "String", "model_id,model_version,environment",
			"which of these columns make rows; the others show *, and empty is one total",
		},
	}
}

var asOfParameter = Parameter{"as_of", "DateTime", "", "stands in for now and leaves out what came after it"}

var metricsParameters = slices.Concat(seriesParameters("default_model", "latest", "production"), []Parameter{
	{"time_window", "Int32", "24", "how many hours the window reaches back"},
	{"from", "DateTime", "", "the start of the window, instead of time_window"},
	{"to", "DateTime", "", "the end of the window, exclusive; needs from"},
	asOfParameter,
})

// series reads seriesParameters. nothing is true if a name is empty, which no row's is.
func (c *call) series(model, version, environment *string, across *engine.Columns) (nothing bool, err error) {
	for _, p := range [...]struct {
		name  string
		value *string
	}{{"model_id", model}, {"model_version", version}, {"environment", environment}} {
		if *p.value, err = c.params.string(p.name); err != nil {
			return false, err
		}
		nothing = nothing || *p.value == ""
	}
	groupBy, err := c.params.string("group_by")
	if err != nil {
		return false, err
	}
	if *across, err = engine.ParseGroupBy(groupBy); err != nil {
		return false, badParameter("Error validating %s to type String: the parameter group_by must be empty or list some of "+
			"model_id, model_version and environment", shown(groupBy))
	}
	c.table.latest = *version == latestVersion && *across&engine.VersionColumn == 0
	return nothing, nil
}

// metricsQuery reads metricsParameters. nothing is as in series.
func (c *call) metricsQuery() (q engine.MetricsQuery, nothing bool, err error) {
	if nothing, err = c.series(&q.Model, &q.Version, &q.Environment, &q.Across); err != nil {
		return q, false, err
	}
	if q.Window, err = c.params.hours("time_window"); err != nil {
		return q, false, err
	}
	if q.From, err = c.params.moment("from"); err != nil {
		return q, false, err
	}
	if q.To, err = c.params.moment("to"); err != nil {
		return q, false, err
	}
	q.AsOf, err = c.params.moment("as_of")
	return q, nothing, err
}

// driftQuery reads what every comparison of a recent window with a history has. nothing is as in series.
func (c *call) driftQuery() (q engine.DriftQuery, nothing bool, err error) {
	if nothing, err = c.series(&q.Model, &q.Version, &q.Environment, &q.Across); err != nil {
		return q, false, err
	}
	if q.Recent, err = c.params.hours("recent_window_hours"); err != nil {
		return q, false, err
	}
	if q.Historical, err = c.params.hours("historical_window_hours"); err != nil {
		return q, false, err
	}
	q.AsOf, err = c.params.moment("as_of")
	return q, nothing, err
}
