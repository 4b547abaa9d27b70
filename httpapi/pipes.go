package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine"
)

// pipe is one endpoint: its parameters, the columns of its answer, and how the store is asked.
type pipe struct {
	name        string
	description string
	parameters  []parameter
	columns     []column
	// source is the data source whose quarantine the pipe shows, empty for the others.
	source string
	// reports is set for a pipe that only a ReportStore answers, overTime for one with several rows per series.
	reports, overTime bool

	run func(ctx context.Context, c *call, p *pipe) error
}

// rights are the scopes of which one is needed to ask the pipe.
func (p *pipe) rights() []scope {
	rights := []scope{{kind: readPipe, name: p.name}}
	if p.source != "" {
		rights = append(rights, scope{kind: readSource, name: p.source})
	}
	return rights
}

// parameter describes one parameter for readers; run is what reads it.
type parameter struct {
	name, kind, fallback, description string
}

func (p *parameter) defaultValue() any {
	if p.kind == "Int32" || p.kind == "Float64" {
		return json.Number(p.fallback)
	}
	return p.fallback
}

const (
	performancePipe = "model_performance_metrics"
	driftPipe       = "model_drift_detection"
	quarantinePipe  = "quarantine"
)

var pipes = [...]pipe{
	{
		name:        performancePipe,
		description: "RMSE, MAE and number of predictions of a model in a window of time",
		parameters: []parameter{
			{"model_id", "String", "default_model", "the model, * for every one"},
			{"model_version", "String", "latest", "the version, latest, or * for every one"},
			{"environment", "String", "production", "the environment, * for every one"},
			{"time_window", "Int32", "24", "how many hours the window reaches back"},
			{"from", "DateTime", "", "the start of the window, instead of time_window"},
			{"to", "DateTime", "", "the end of the window, exclusive; needs from"},
			{"as_of", "DateTime", "", "stands in for now and leaves out what came after it"},
		},
		columns: []column{
			{"model_id", kindString},
			{"model_version", kindString},
			{"environment", kindString},
			{"prediction_count", kindUInt64},
			{"rmse", kindFloat64},
			{"mae", kindFloat64},
			{"period_start", kindDateTime},
			{"period_end", kindDateTime},
		},
		run: runPerformance,
	},
	{
		name:        driftPipe,
		description: "How the error of the last hours compares with that of the time before",
		parameters: []parameter{
			{"model_id", "String", "default_model", "the model, * for every one"},
			{"model_version", "String", "*", "the version, * for every one"},
			{"environment", "String", "production", "the environment, * for every one"},
			{"recent_window_hours", "Int32", "6", "how many hours count as recent"},
			{"historical_window_hours", "Int32", "168", "how many hours back the history reaches"},
			{"as_of", "DateTime", "", "stands in for now and leaves out what came after it"},
		},
		columns: []column{
			{"model_id", kindString},
			{"model_version", kindString},
			{"environment", kindString},
			{"recent_mae", kindFloat64},
			{"historical_mae", kindFloat64},
			{"drift_percentage", kindFloat64},
			{"recent_count", kindUInt64},
			{"historical_count", kindUInt64},
			{"analysis_timestamp", kindDateTime},
		},
		run: runDrift,
	},
	reportPipe,
	driftReportPipe,
	timeseriesPipe,
	modelsPipe,
	quarantineOf(quarantinePipe, ""),
	quarantineOf(predictionsName+quarantineSuffix, predictionsName),
	quarantineOf(actualsName+quarantineSuffix, actualsName),
}

// pipeIn finds a pipe that a store can answer; nil if there is none.
func pipeIn(store Store, name string) *pipe {
	for i := range pipes {
		if p := &pipes[i]; p.name == name && p.in(store) {
			return p
		}
	}
	return nil
}

// in reports whether a store can answer the pipe.
func (p *pipe) in(store Store) bool {
	if p.reports {
		_, ok := store.(ReportStore)
		return ok
	}
	return p.source == "" || sourceIn(store, p.source) != nil
}

// speaks reports whether the pipe's answers make sense in a format: Prometheus wants numbers, one per series.
func (p *pipe) speaks(f *outputFormat) bool {
	return f.extension != "prometheus" || !p.overTime && slices.ContainsFunc(p.columns, func(c column) bool {
		return c.kind == kindFloat64 || c.kind == kindNullableFloat64
	})
}

// runPipe answers GET and POST of /v0/pipes/<name>.<format>.
func (s *Server) runPipe(c *call) error {
	name, extension, _ := strings.Cut(string(bytes.TrimPrefix(c.target.path, []byte(pipesPrefix))), ".")
	p := pipeIn(c.store, name)
	if p == nil {
		return notFound("the pipe %s does not exist", shown(name))
	}
	if err := s.allow(c, p.rights()...); err != nil {
		return err
	}
	f := findFormat(extension)
	if f == nil {
		return notFound("the format %s does not exist; %s do", shown(extension), allFormats)
	}
	if !p.speaks(f) {
		return notFound("the pipe %s has no numbers for the format %s", p.name, f.extension)
	}
	if err := s.readParams(c); err != nil {
		return err
	}
	c.table.pipe, c.table.columns = p.name, p.columns
	if err := s.ask(c, p); err != nil {
		return err
	}
	return c.send(f)
}

// ask runs the pipe inside the gate for queries.
func (s *Server) ask(c *call, p *pipe) error {
	if !s.queries.enter() {
		return busy(s.limits.MaxQueries, "too many queries are running; send this one again")
	}
	defer s.queries.leave()
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.QueryTimeout)
	defer cancel()
	start := s.opts.Now()
	err := p.run(ctx, c, p)
	c.table.elapsed = s.opts.Now().Sub(start)
	return err
}

// send writes the call's table into the response, in the memory the response already has.
func (c *call) send(f *outputFormat) error {
	response := &c.ctx.Response
	body, err := f.append(response.SwapBody(nil)[:0], &c.table)
	if err != nil {
		return err
	}
	response.SwapBody(body)
	c.ctx.SetContentType(f.contentType)
	return nil
}

// series reads the three parameters that both endpoints have. nothing is true if one is empty, which no row's is.
func (c *call) series(version string) (model, chosen, environment string, nothing bool, err error) {
	if model, err = c.params.textOr("model_id", "default_model"); err != nil {
		return "", "", "", false, err
	}
	if chosen, err = c.params.textOr("model_version", version); err != nil {
		return "", "", "", false, err
	}
	if environment, err = c.params.textOr("environment", "production"); err != nil {
		return "", "", "", false, err
	}
	return model, chosen, environment, model == "" || chosen == "" || environment == "", nil
}

func runPerformance(ctx context.Context, c *call, _ *pipe) error {
	var q engine.MetricsQuery
	var nothing bool
	var err error
	if q.Model, q.Version, q.Environment, nothing, err = c.series("latest"); err != nil {
		return err
	}
	if q.Window, err = c.params.hours("time_window", 24); err != nil {
		return err
	}
	if q.From, err = c.params.moment("from"); err != nil {
		return err
	}
	if q.To, err = c.params.moment("to"); err != nil {
		return err
	}
	if q.AsOf, err = c.params.moment("as_of"); err != nil || nothing {
		return err
	}
	result, err := c.store.Metrics(ctx, q)
	if err != nil {
		return err
	}
	for i := range result.Rows {
		r := &result.Rows[i]
		c.table.add(text(r.Model), text(r.Version), text(r.Environment),
			whole(r.PredictionCount), number(r.RMSE), number(r.MAE), moment(r.PeriodStart), moment(r.PeriodEnd))
	}
	c.table.rowsRead, c.table.bytesRead = result.Read.Rows, result.Read.Bytes
	return nil
}

func runDrift(ctx context.Context, c *call, _ *pipe) error {
	var q engine.DriftQuery
	var nothing bool
	var err error
	if q.Model, q.Version, q.Environment, nothing, err = c.series(engine.All); err != nil {
		return err
	}
	if q.Recent, err = c.params.hours("recent_window_hours", 6); err != nil {
		return err
	}
	if q.Historical, err = c.params.hours("historical_window_hours", 168); err != nil {
		return err
	}
	if q.AsOf, err = c.params.moment("as_of"); err != nil || nothing {
		return err
	}
	result, err := c.store.Drift(ctx, q)
	if err != nil {
		return err
	}
	for i := range result.Rows {
		r := &result.Rows[i]
		c.table.add(text(r.Model), text(r.Version), text(r.Environment),
			number(r.RecentMAE), number(r.HistoricalMAE), number(r.DriftPercentage),
			whole(r.RecentCount), whole(r.HistoricalCount), moment(r.AnalysisTimestamp))
	}
	c.table.rowsRead, c.table.bytesRead = result.Read.Rows, result.Read.Bytes
	return nil
}
