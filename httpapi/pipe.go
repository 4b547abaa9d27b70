package httpapi

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine"
)

// pipe is one endpoint: its parameters, the columns of its answer, and how the store is asked.
type pipe struct {
	name        string
	description string
	parameters  []Parameter
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

var pipes = [...]pipe{
	performancePipe,
	driftPipe,
	reportPipe,
	driftReportPipe,
	timeseriesPipe,
	modelsPipe,
	quarantineOf("quarantine", ""),
	quarantineOf(predictionsName+quarantineSuffix, predictionsName),
	quarantineOf(actualsName+quarantineSuffix, actualsName),
}

// seriesColumns name the series of a row.
var seriesColumns = []column{{"model_id", kindString}, {versionColumn, kindString}, {"environment", kindString}}

// latestVersion is the version to ask for that stands for another, see engine.MetricsQuery.
const (
	versionColumn = "model_version"
	latestVersion = "latest"
)

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
	if f == nil && extension == "" {
		return notFound("the pipe is asked for without a format: %s%s.json is, and so are the formats %s", pipesPrefix, p.name, allFormats)
	}
	if f == nil {
		return notFound("the format %s does not exist; %s do", shown(extension), allFormats)
	}
	if !p.speaks(f) {
		return notFound("the pipe %s has no numbers for the format %s", p.name, f.extension)
	}
	if err := s.readParams(c); err != nil {
		return err
	}
	c.nameIgnored()
	if err := c.params.checkRefused(); err != nil {
		return err
	}
	c.params.dropClients()
	c.params.known = p.parameters
	c.table.pipe, c.table.columns = p.name, p.columns
	if err := s.ask(c, p); err != nil {
		return err
	}
	return c.send(f)
}

// ask runs the pipe inside the gate for queries.
func (s *Server) ask(c *call, p *pipe) error {
	if !s.queries.enter() {
		s.counts.queriesFull.Add(1)
		return busy(s.limits.QueriesMax, "too many queries are running; send this one again")
	}
	defer s.queries.leave()
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.QueryTimeout)
	defer cancel()
	start := s.opts.Now()
	err := p.run(ctx, c, p)
	c.table.elapsed = s.opts.Now().Sub(start)
	return err
}

// bodyKeptBytes is the longest answer whose memory its connection keeps for later ones.
const bodyKeptBytes = 16 << 10

// send answers with the call's table: at once if it fits one piece, in the memory the response already has, else as a
// stream.
func (c *call) send(f *outputFormat) error {
	if f.whole {
		if err := c.collect(); err != nil {
			return err
		}
	}
	if c.table.more != nil {
		return c.stream(f)
	}
	body, err := c.writeShort(f)
	if errors.Is(err, errLong) {
		c.table.rewind()
		return c.stream(f)
	}
	if err != nil {
		return err
	}
	c.keepBody(body)
	c.ctx.SetContentType(f.contentType)
	return nil
}

// writeShort writes the table at once. It is errLong if that is more than a piece.
func (c *call) writeShort(f *outputFormat) ([]byte, error) {
	if f.bytes > 0 {
		holds := f.holds(&c.table)
		if !c.server.streams.charge(holds) {
			return nil, c.server.overAnswers(holds)
		}
		defer c.server.streams.budget.give(holds)
	}
	o := &c.output
	*o = output{buf: c.ctx.Response.SwapBody(nil)[:0]}
	err := f.write(o, &c.table)
	body := o.buf
	o.buf = nil
	return body, err
}

// keepBody makes body, which has the memory of the response's own, the response's.
func (c *call) keepBody(body []byte) {
	if len(body) > bodyKeptBytes {
		c.ctx.Response.SetBodyRaw(body)
	} else {
		c.ctx.Response.SwapBody(body)
	}
}

// read says what answering took.
func (t *table) read(r engine.Read) { t.rowsRead, t.bytesRead = r.Rows, r.Bytes }
