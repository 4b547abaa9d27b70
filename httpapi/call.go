package httpapi

import (
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/admission"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/negotiate"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// call is one request on its way through the server. It belongs to the goroutine that serves it and is reused: what
// outlives the request is copied out of it.
type call struct {
	server *Server
	ctx    *fasthttp.RequestCtx
	began  time.Time

	// label is the route's name in logs and metrics, labelRefused before it is known.
	label     label
	target    conn.Target
	store     Store
	sources   *sources // as they were when the request came
	principal auth.Principal
	params    params
	// charge is what the request's body holds of the bytes in flight.
	charge admission.Charge
	table  encode.Table
	// question is what a pipe is asked.
	question question
	output   encode.Output // of an answer that is sent at once
	// accepted are the codings that the client takes of an answer, tag is the answer's entity tag, empty if it has none.
	accepted negotiate.Accepted
	tag      string
	// streams is set when the answer is sent by a stream, which outlives the call.
	streams bool
}

// handle serves one request. Nothing of ctx outlives it.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := s.begin(ctx)
	s.run(c, (*Server).route)
	s.finish(c)
}

// expect decides from its head alone about a request whose client asks before it sends the body: 100, or the status of
// an answer that is in the response already.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	c := s.begin(ctx)
	if s.run(c, (*Server).checkHead) {
		s.end(c)
		return fasthttp.StatusContinue
	}
	status := ctx.Response.StatusCode()
	s.finish(c)
	return status
}

// refuse answers what fasthttp could not read as a request.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	e := conn.Unreadable(ctx, err)
	commonHeaders(&ctx.Response.Header)
	send(ctx, e)
	s.counts.answered(labelRefused, e.Status, 0)
	s.log.warn("request refused", "status", e.Status, "reason", e.Text, "remote", ctx.RemoteAddr().String())
}

func (s *Server) begin(ctx *fasthttp.RequestCtx) *call {
	if peer := conn.Of(ctx); peer != nil {
		peer.Serve()
	}
	c := s.calls.Get().(*call)
	c.ctx, c.began = ctx, time.Now()
	return c
}

// run runs a part of a request and turns its error or its panic into an answer, which it reports by false.
func (s *Server) run(c *call, part func(*Server, *call) error) (ok bool) {
	defer func() {
		if fault := recover(); fault != nil {
			s.counts.panics.Add(1)
			s.log.panicked(c.label, fault, debug.Stack())
			// What the handler set is unknown.
			c.ctx.Response.Reset()
			c.fail(problem.New(fasthttp.StatusInternalServerError, "errors", "internal error").HangingUp())
			ok = false
		}
	}()
	err := part(s, c)
	if err == nil {
		return true
	}
	e, known := s.answerTo(err)
	if !known {
		s.log.failed(c, err)
	}
	c.fail(e)
	return false
}

// fail answers with an error instead of what the response held.
func (c *call) fail(e *problem.Error) {
	if e.RetryAfter > 0 && e.Limit == 0 {
		e.Limit = c.server.limits.IngestsMax
	}
	commonHeaders(&c.ctx.Response.Header)
	c.cors()
	send(c.ctx, e)
}

func send(ctx *fasthttp.RequestCtx, e *problem.Error) {
	e.Write(&ctx.Response)
	if peer := conn.Of(ctx); peer != nil {
		peer.Linger(ctx)
	}
}

// finish counts and logs a request that was answered. A stream is counted when it is over.
func (s *Server) finish(c *call) {
	if !c.streams {
		a := c.answered()
		s.tell(&a, int64(len(c.ctx.Response.Body())))
	}
	s.end(c)
}

// tell counts and logs an answer of so many bytes.
func (s *Server) tell(a *answered, bytes int64) {
	took := time.Since(a.began)
	s.counts.answered(a.label, a.status, took)
	s.log.answered(a, took, bytes)
}

// end forgets the request and keeps memory that is worth keeping.
func (s *Server) end(c *call) {
	c.charge.Release()
	c.params.reset()
	c.table.Reset()
	*c = call{server: s, params: c.params, table: c.table, charge: c.charge}
	s.calls.Put(c)
}
