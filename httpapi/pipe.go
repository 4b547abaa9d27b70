package httpapi

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// pipe is one endpoint: its parameters, the columns of its answer, and how the store is asked. A new one is a file with a
// value of this type, and a line in pipes.
type pipe struct {
	name        string
	description string
	parameters  []Parameter
	columns     []encode.Column
	// rejects is set for a pipe that answers with rejected lines.
	rejects bool
	// source is the data source whose quarantine the pipe shows, empty for the others.
	source string
	// needs tells whether a store can answer the pipe; nil where every one can.
	needs func(Store) bool
	// overTime is set for a pipe with several rows per series, unending for one whose answers may be of any length: no
	// Limits.AnswerTimeout ends them.
	overTime, unending bool

	// deployed is set for a pipe of a project, whose columns may differ from answer to answer.
	deployed bool

	run func(ctx context.Context, q *question) error
}

// question is a request to a pipe: what it asks, of which store, and the table for its answer.
type question struct {
	server  *Server
	params  *params
	store   Store
	sources *sources
	// connectors is nil where nothing fetches events.
	connectors Connectors
	table      *encode.Table
	format     *encode.Format
	limits     *Limits
	streams    *streams
	// within is a pattern of the models that who asks may see, empty for every one. Every query has it for its Within.
	within    string
	principal *auth.Principal
	// holds is what the query behind a long answer takes, 0 where the answer is short; unending is as in pipe.
	holds    int64
	unending bool
	// tell, unless it is nil, says in the table of a pulled answer what is known after its last row.
	tell func(t *encode.Table)
}

var pipes = withAnswerParameters(
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
	quarantineOf("quarantine", "", nil),
	quarantineOf(predictionsName+quarantineSuffix, predictionsName, rowTypes[0].in),
	quarantineOf(actualsName+quarantineSuffix, actualsName, rowTypes[1].in),
)

// withAnswerParameters gives pipes the parameters that all have.
func withAnswerParameters(pipes ...pipe) []pipe {
	for i := range pipes {
		pipes[i].parameters = slices.Concat(pipes[i].parameters, answerParameters)
	}
	return pipes
}

// pipeNamed returns one of the pipes that every server has; nil if there is none of that name.
func pipeNamed(name string) *pipe {
	i := slices.IndexFunc(pipes, func(p pipe) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return &pipes[i]
}

// rights are the scopes of which one is needed to ask the pipe.
func (p *pipe) rights() []auth.Scope {
	rights := []auth.Scope{{Kind: auth.ReadPipe, Name: p.name}}
	if p.source != "" {
		rights = append(rights, auth.Scope{Kind: auth.ReadSource, Name: p.source})
	}
	return rights
}

// in reports whether a store can answer the pipe.
func (p *pipe) in(store Store) bool {
	return p.needs == nil || p.needs(store)
}

// answers tells whether a store is also an S.
func answers[S any](store Store) bool {
	_, ok := store.(S)
	return ok
}

// openTo reports whether the store has the pipe and the principal may ask it.
func (p *pipe) openTo(asks *auth.Principal, store Store) bool {
	return p.in(store) && asks.Holds(p.rights()...)
}

// speaks reports whether the pipe's answers make sense in a format: Prometheus wants numbers, one per series.
func (p *pipe) speaks(f *encode.Format) bool {
	return !f.Numbers || !p.overTime && slices.ContainsFunc(p.columns, func(c encode.Column) bool { return c.Fraction() })
}

// formats are those that the pipe's answers make sense in.
func (p *pipe) formats() []encode.Format {
	return slices.DeleteFunc(slices.Clone(encode.Formats()), func(f encode.Format) bool { return !p.speaks(&f) })
}

// runPipe answers GET and POST of /v0/pipes/<name>.<format>.
func (s *Server) runPipe(c *call) error {
	name, extension, _ := strings.Cut(string(bytes.TrimPrefix(c.target.Path, []byte(pipesPrefix))), ".")
	p := c.sources.pipeNamed(name)
	if err := c.sources.withheld.refusal(c.sources.withheld.Pipes, name, p != nil && p.in(c.store)); err != nil {
		return err
	}
	if p == nil || !p.in(c.store) {
		return problem.NotFound("the pipe %s does not exist", problem.Shown(name))
	}
	if err := c.principal.Allow(p.rights()...); err != nil {
		return err
	}
	f := encode.FindFormat(extension)
	switch {
	case f == nil && extension == "" && c.ctx.IsPost():
		return problem.NotFound("the pipe is asked for without a format: %s%s.json is, and so are the formats %s", pipesPrefix, p.name, encode.FormatNames)
	case f == nil && extension == "":
		return c.sendJSON(c.pipeInfo(p))
	case f == nil:
		return problem.NotFound("the format %s does not exist; %s do", problem.Shown(extension), encode.FormatNames)
	case !p.speaks(f):
		return problem.NotFound("the pipe %s has no numbers for the format %s", p.name, f.Extension)
	}
	if err := s.readParams(c); err != nil {
		return err
	}
	if err := c.negotiate(f); err != nil {
		return err
	}
	c.params.known = p.parameters
	c.nameIgnored()
	if err := c.params.checkRefused(); err != nil {
		return err
	}
	c.params.dropClients()
	if p.deployed {
		if err := c.params.checkReplaced(p.name); err != nil {
			return err
		}
	}
	c.table.Name, c.table.Columns = p.name, p.columns
	if !p.deployed {
		if err := c.layOut(); err != nil {
			return err
		}
		if c.findTag(p, f); c.unchanged() {
			return nil
		}
	}
	if err := s.ask(c, p, f); err != nil {
		return err
	}
	header := &c.ctx.Response.Header
	if c.tag != "" {
		header.Set(fasthttp.HeaderETag, c.tag)
	}
	if err := c.answer(f); err != nil {
		header.Del(fasthttp.HeaderETag)
		return err
	}
	return nil
}

// ask runs the pipe in one of the slots for queries.
func (s *Server) ask(c *call, p *pipe, f *encode.Format) error {
	if !s.queries.Take(0) {
		return problem.Busy(s.limits.QueriesMax, "too many queries are running; send this one again")
	}
	defer s.queries.Give()
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.QueryTimeout)
	defer cancel()
	start := s.opts.Now()
	c.question = question{
		server: s, params: &c.params, store: c.store, sources: c.sources, connectors: s.opts.Connectors, table: &c.table, format: f,
		limits: &s.limits, streams: &s.streams,
		within: c.principal.Within, principal: &c.principal, unending: p.unending,
	}
	err := p.run(ctx, &c.question)
	c.table.Elapsed = s.opts.Now().Sub(start)
	return err
}

// answer sends the call's table: at once if it fits one piece, in the memory the response already has, else as a stream.
func (c *call) answer(f *encode.Format) error {
	if f.Whole {
		most := c.server.limits.AnswerBytesMax / 2
		if err := c.table.Collect(most); errors.Is(err, encode.ErrLong) {
			return c.server.streams.over(2 * c.table.Held)
		} else if err != nil {
			return err
		}
	}
	if c.table.More != nil {
		return c.stream(f)
	}
	body, err := c.writeShort(f)
	if errors.Is(err, encode.ErrLong) {
		c.table.Rewind()
		return c.stream(f)
	}
	if err != nil {
		return err
	}
	if body, err = c.compress(body); err != nil {
		return err
	}
	c.keepBody(body)
	c.ctx.SetContentType(f.ContentType)
	return nil
}

// writeShort writes the table at once. It is encode.ErrLong if that is more than a piece.
func (c *call) writeShort(f *encode.Format) ([]byte, error) {
	if f.Bytes > 0 {
		holds := f.Holds(&c.table)
		if err := c.server.streams.charge(holds); err != nil {
			return nil, err
		}
		defer c.server.streams.bytes.Give(holds)
	}
	o := &c.output
	*o = encode.Output{Buf: c.ctx.Response.SwapBody(nil)[:0]}
	err := f.Write(o, &c.table)
	body := o.Buf
	o.Buf = nil
	return body, err
}

// bodyKeptBytes is the longest answer whose memory its connection keeps for later ones.
const bodyKeptBytes = 16 << 10

// keepBody makes body, which has the memory of the response's own, the response's.
func (c *call) keepBody(body []byte) {
	if len(body) > bodyKeptBytes {
		c.ctx.Response.SetBodyRaw(body)
	} else {
		c.ctx.Response.SwapBody(body)
	}
}

// addRows makes all rows of an answer the question's.
func addRows[R any](q *question, rows []R, read engine.Read, add func(t *encode.Table, row *R)) {
	encode.AddRows(q.table, rows, add)
	tellRead(q.table, read, q.within)
}

// tellRead says in the table of an answer what it took. It says nothing to a token that is bounded to models within: how many
// rows are decoded depends on how the store lays them out, in which the rows of other models have a part.
func tellRead(t *encode.Table, r engine.Read, within string) {
	if within == "" {
		t.RowsRead, t.BytesRead = r.Rows, r.Bytes
	}
}
