package engine_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// oracleNames are the names of a query with their defaults, and its window. A zero end is none.
type oracleNames struct {
	within                      string
	model, version, environment string
	from, end                   time.Time
}

func seriesOf(r *oracleRow) event.Series {
	return event.Series{Model: r.ModelID, Version: r.ModelVersion, Environment: r.Environment}
}

// across puts a star in the columns that are added up across.
func across(c engine.Columns, s event.Series) event.Series {
	if c&engine.ModelColumn != 0 {
		s.Model = "*"
	}
	if c&engine.VersionColumn != 0 {
		s.Version = "*"
	}
	if c&engine.EnvironmentColumn != 0 {
		s.Environment = "*"
	}
	return s
}

// names returns what a pattern stands for, of the names there are.
func names(pattern string, there []string) map[string]bool {
	found := make(map[string]bool)
	for _, name := range there {
		if pattern != "*" && name == pattern {
			return map[string]bool{name: true}
		}
		for item := range strings.SplitSeq(pattern, ",") {
			item = strings.TrimSpace(item)
			if prefix, ok := strings.CutSuffix(item, "*"); item == name || ok && strings.HasPrefix(name, prefix) {
				found[name] = true
			}
		}
	}
	return found
}

// bounded tells whether a model is of a bound, whose text is the name of none.
func bounded(within, model string) bool {
	for item := range strings.SplitSeq(within, ",") {
		prefix, ok := strings.CutSuffix(item, "*")
		if item == model || ok && strings.HasPrefix(model, prefix) {
			return true
		}
	}
	return false
}

// named tells which rows the names of a query pick.
func (o *oracle) named(q oracleNames) func(*oracleRow) bool {
	var models []string
	versions, environments := make(map[string][]string), make(map[string][]string)
	for _, r := range o.rows {
		if q.within != "" && !bounded(q.within, r.ModelID) {
			continue
		}
		models = append(models, r.ModelID)
		versions[r.ModelID] = append(versions[r.ModelID], r.ModelVersion)
		environments[r.ModelID] = append(environments[r.ModelID], r.Environment)
	}
	picked := make(map[event.Series]bool)
	for model := range names(q.model, models) {
		known := names(q.version, versions[model])
		latest := q.version == "latest" ||
			slices.Contains(strings.Split(q.version, ","), "latest") && !slices.Contains(versions[model], q.version)
		if latest {
			delete(known, "latest")
		}
		for environment := range names(q.environment, environments[model]) {
			for version := range known {
				picked[event.Series{Model: model, Version: version, Environment: environment}] = true
			}
			if latest {
				picked[event.Series{Model: model, Version: o.latest(model, environment, q), Environment: environment}] = true
			}
		}
	}
	return func(r *oracleRow) bool { return picked[seriesOf(r)] }
}

// latest is the version that "latest" stands for: among those with a prediction before the end the one so named; else
// the one whose first is the newest, of those with an actual in the window, or of those with a prediction there, or of
// all.
func (o *oracle) latest(model, environment string, q oracleNames) string {
	type candidate struct {
		version       string
		first         time.Time
		rows, actuals int
	}
	var found []candidate
	for _, r := range o.rows {
		if r.ModelID != model || r.Environment != environment || !q.end.IsZero() && !r.Timestamp.Before(q.end) {
			continue
		}
		if r.ModelVersion == "latest" {
			return "latest"
		}
		i := slices.IndexFunc(found, func(c candidate) bool { return c.version == r.ModelVersion })
		if i < 0 {
			i = len(found)
			found = append(found, candidate{version: r.ModelVersion, first: r.Timestamp})
		}
		c := &found[i]
		if r.Timestamp.Before(c.first) {
			c.first = r.Timestamp
		}
		if !r.Timestamp.Before(q.from) {
			c.rows++
			if r.HasActual {
				c.actuals++
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.MaxFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(min(a.actuals, 1), min(b.actuals, 1)), cmp.Compare(min(a.rows, 1), min(b.rows, 1)),
			a.first.Compare(b.first), cmp.Compare(a.version, b.version))
	}).version
}

// modelPattern and the others are what a query may give for a name.
func (c chooser) modelPattern() string {
	return c.pick("*", c.model(), c.model(), "model_*", c.model()+","+c.model(), "unknown, "+c.model()+",model_5*",
		"model_1,model_3")
}

// within is a bound, mostly none.
func (c chooser) within() string {
	if c.IntN(2) == 0 {
		return ""
	}
	return c.pick("*", "model_1", "model_1*", "model_1,model_3", "model_2*,model_5,unknown", "unknown", c.model())
}

func (c chooser) versionPattern() string {
	return c.pick("", "latest", "*", c.version(), "v*", c.version()+","+c.version(), "v3*,latest", "latest,v1",
		"v,,latest*")
}

func (c chooser) environmentPattern() string {
	return c.pick("", "*", c.environment(), "prod*", "staging,production", "p*,pa*,s*")
}

// columns are those to add up across, mostly none.
func (c chooser) columns() engine.Columns {
	if c.IntN(2) == 0 {
		return 0
	}
	return engine.Columns(c.IntN(8))
}
