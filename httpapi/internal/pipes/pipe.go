package pipes

import (
	"context"
	"slices"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
)

// Prefix begins the paths of pipes.
const Prefix = "/v0/pipes/"

// Pipe is one endpoint: its parameters, the columns of its answer, and how the store is asked. A new one is a file with a
// value of this type, and a line in builtIns.
type Pipe struct {
	Name        string
	Description string
	Parameters  []params.Parameter
	Columns     []encode.Column
	// Rejects is set for a pipe that answers with rejected lines.
	Rejects bool
	// source is the data source whose quarantine the pipe shows, empty for the others.
	source string
	// needs tells whether a store can answer the pipe; nil where every one can.
	needs func(store any) bool
	// overTime is set for a pipe with several rows per series.
	overTime bool
	// Unending is set for a pipe whose answers may be of any length: no Limits.AnswerTimeout ends them.
	Unending bool

	// Deployed is set for a pipe of a project, whose columns may differ from answer to answer.
	Deployed bool

	// Run answers a question: ctx bounds the time to the first batch of rows.
	Run func(ctx context.Context, ask *Question) error
}

// builtIns are those that every server has.
var builtIns = withAnswerParameters(
	performancePipe,
	driftPipe,
	reportPipe,
	driftReportPipe,
	timeseriesPipe,
	modelsPipe,
	verdictsPipe,
	predictionsPipe,
	distributionPipe,
	connectorsPipe,
	statusPipe,
	quarantineOf("", nil),
	quarantineOf(engine.SourcePredictions, func(any) bool { return true }),
	quarantineOf(engine.SourceActuals, answers[actualsStore]),
)

// withAnswerParameters gives pipes the parameters that all have.
func withAnswerParameters(pipes ...Pipe) []Pipe {
	for i := range pipes {
		pipes[i].Parameters = slices.Concat(pipes[i].Parameters, answerParameters)
	}
	return pipes
}

// Rights are the scopes of which one is needed to ask the pipe.
func (p *Pipe) Rights() []auth.Scope {
	rights := []auth.Scope{{Kind: auth.ReadPipe, Name: p.Name}}
	if p.source != "" {
		rights = append(rights, auth.Scope{Kind: auth.ReadSource, Name: p.source})
	}
	return rights
}

// In reports whether a store can answer the pipe.
func (p *Pipe) In(store any) bool {
	return p.needs == nil || p.needs(store)
}

// answers tells whether a store is also an S.
func answers[S any](store any) bool {
	_, ok := store.(S)
	return ok
}

// OpenTo reports whether the store has the pipe and the principal may ask it.
func (p *Pipe) OpenTo(asks *auth.Principal, store any) bool {
	return p.In(store) && asks.Holds(p.Rights()...)
}

// Speaks reports whether the pipe's answers make sense in a format: Prometheus wants numbers, one per series.
func (p *Pipe) Speaks(f *encode.Format) bool {
	return !f.Numbers || !p.overTime && slices.ContainsFunc(p.Columns, func(c encode.Column) bool { return c.Fraction() })
}

// Formats are those that the pipe's answers make sense in.
func (p *Pipe) Formats() []encode.Format {
	return slices.DeleteFunc(slices.Clone(encode.Formats()), func(f encode.Format) bool { return !p.Speaks(&f) })
}
