package httpapi

import (
	"bytes"
	"context"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// runPipe answers GET and POST of /v0/pipes/<name>.<format>.
func (s *Server) runPipe(c *call) error {
	name, extension, _ := strings.Cut(string(bytes.TrimPrefix(c.Target.Path, []byte(pipes.Prefix))), ".")
	p := c.sources.set.Named(name)
	if err := c.sources.withheld.refusal(c.sources.withheld.Pipes, name, p != nil && p.In(c.store)); err != nil {
		return err
	}
	if p == nil || !p.In(c.store) {
		return problem.NotFound("the pipe %s does not exist", problem.Shown(name))
	}
	if err := c.Principal.Allow(p.Rights()...); err != nil {
		return err
	}
	f := encode.FindFormat(extension)
	switch {
	case f == nil && extension == "" && c.Ctx.IsPost():
		return problem.NotFound("the pipe is asked for without a format: %s%s.json is, and so are the formats %s", pipes.Prefix, p.Name, encode.FormatNames)
	case f == nil && extension == "":
		return c.SendJSON(c.pipeInfo(p))
	case f == nil:
		return problem.NotFound("the format %s does not exist; %s do", problem.Shown(extension), encode.FormatNames)
	case !p.Speaks(f):
		return problem.NotFound("the pipe %s has no numbers for the format %s", p.Name, f.Extension)
	}
	if err := c.ReadParams(); err != nil {
		return err
	}
	if err := c.Negotiate(f); err != nil {
		return err
	}
	c.Params.Known = p.Parameters
	if names := pipes.Ignored(&c.Params); len(names) > 0 {
		c.Ctx.Response.Header.Set(ignoredHeader, strings.Join(names, ", "))
	}
	if err := pipes.CheckRefused(&c.Params); err != nil {
		return err
	}
	c.Params.DropClients()
	if p.Deployed {
		if err := pipes.CheckReplaced(&c.Params, p.Name); err != nil {
			return err
		}
	}
	c.Table.Name, c.Table.Columns = p.Name, p.Columns
	if !p.Deployed {
		if err := pipes.LayOut(&c.Params, &c.Table); err != nil {
			return err
		}
		if c.findTag(p, f); c.Unchanged() {
			return nil
		}
	}
	if err := s.ask(c, p, f); err != nil {
		return err
	}
	header := &c.Ctx.Response.Header
	if c.Tag != "" {
		header.Set(fasthttp.HeaderETag, c.Tag)
	}
	if err := c.Answer(f); err != nil {
		header.Del(fasthttp.HeaderETag)
		return err
	}
	return nil
}

// ask runs the pipe in one of the slots for queries.
func (s *Server) ask(c *call, p *pipes.Pipe, f *encode.Format) error {
	if !s.queries.Take(0) {
		return problem.Busy(s.limits.QueriesMax, "too many queries are running; send this one again")
	}
	defer s.queries.Give()
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.QueryTimeout)
	defer cancel()
	start := s.opts.Now()
	c.Unending = p.Unending
	c.question = s.questionOf(c)
	c.question.Format, c.question.Unending = f, p.Unending
	err := p.Run(ctx, &c.question)
	c.Table.Elapsed = s.opts.Now().Sub(start)
	return err
}

// questionOf is the question of a call to a pipe.
func (s *Server) questionOf(c *call) pipes.Question {
	return pipes.Question{
		Store: c.store, Params: &c.Params, Table: &c.Table, Now: s.opts.Now,
		Server: c, Set: c.sources.set, Connectors: s.opts.Connectors,
		Principal: &c.Principal, Within: c.Principal.Within,
		Streams: &s.shared.Streams, Longest: s.limits.QueryTimeout + s.limits.AnswerTimeout,
	}
}

// HasSource tells whether the store of the call has a data source.
func (c *call) HasSource(name string) bool { return c.sources.in(c.store, name) != nil }

// ModelOf tells the model of a line that was rejected by a data source.
func (c *call) ModelOf(name string, line []byte) (model string, ok bool) {
	return c.sources.modelOf(name, line)
}

// Status is how the server is.
func (c *call) Status() pipes.Status {
	s := c.server
	told := pipes.Status{
		Version: s.opts.Version, Uptime: max(s.opts.Now().Sub(s.started), 0),
		MemoryBytes: s.memory.Live(), MemoryBytesMax: s.memory.Limit, Conns: s.openConns(), ConnsMax: s.limits.ConnsMax,
		AnswerBytes: s.shared.Streams.Bytes.Held.Load(), AnswerBytesMax: s.limits.AnswerBytesMax,
		BodyBytes: s.bodies.Held.Load(), BodyBytesMax: s.limits.InFlightBytesMax,
		AnswersCut: s.counts.AnswersCut.Load(),
	}
	told.Status, told.Reason, _ = s.wellBeing(c.store)
	r := &told.Refused
	r.Memory, r.BodyBytes, r.Ingests = s.memory.Refused.Load(), s.bodies.Refused.Load(), s.ingests.Refused.Load()
	r.Queries, r.Answers = s.queries.Refused.Load(), s.shared.Streams.Bytes.Refused.Load()
	r.Quota, r.Conns = s.quota.Refused.Load(), s.counts.RefusedConns.Load()
	return told
}

// ignoredHeader names parameters that were most likely meant to be others.
const ignoredHeader = "X-Ignored-Parameters"

type (
	// Parameter is one parameter of a pipe.
	Parameter = params.Parameter
	// Column is one column of a pipe's answer, with what its name does not say; empty where it says all.
	Column = pipes.Column
)

// Parameters returns the parameters of a pipe, which must be one of the server's.
func Parameters(name string) []Parameter { return pipes.Parameters(name) }

// Columns returns the columns of a pipe, which must be one of the server's.
func Columns(name string) []Column { return pipes.Columns(name) }

// Timezones returns what the parameter timezone may be.
func Timezones() []string { return pipes.Timezones() }

// ErrPipe is returned for a pipe of a project that a server cannot have.
var ErrPipe = pipes.ErrPipe
