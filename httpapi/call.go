package httpapi

import (
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
)

// call is one request on its way through the server: the exchange with its client, and what it is about.
type call struct {
	exchange.Exchange

	server  *Server
	store   Store
	sources *sources // as they were when the request came
	// question is what a pipe is asked.
	question pipes.Question
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
	s.counts.Answered(telemetry.LabelRefused, e.Status, 0)
	s.log.Warn("request refused", "status", e.Status, "reason", e.Text, "remote", ctx.RemoteAddr().String())
}

func (s *Server) begin(ctx *fasthttp.RequestCtx) *call {
	if peer := conn.Of(ctx); peer != nil {
		peer.Serve()
	}
	c := s.calls.Get().(*call)
	c.Ctx, c.Began = ctx, time.Now()
	return c
}

// run runs a part of a request and turns its error or its panic into an answer, which it reports by false.
func (s *Server) run(c *call, part func(*Server, *call) error) (ok bool) {
	defer func() {
		if fault := recover(); fault != nil {
			s.counts.Panics.Add(1)
			s.log.Panicked(c.Label, fault, debug.Stack())
			// What the handler set is unknown.
			c.Ctx.Response.Reset()
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
		s.log.Failed(c.Label, err)
	}
	c.fail(e)
	return false
}

// fail answers with an error instead of what the response held.
func (c *call) fail(e *problem.Error) {
	if e.RetryAfter > 0 && e.Limit == 0 {
		e.Limit = c.server.limits.IngestsMax
	}
	commonHeaders(&c.Ctx.Response.Header)
	c.cors()
	send(c.Ctx, e)
}

func send(ctx *fasthttp.RequestCtx, e *problem.Error) {
	e.Write(&ctx.Response)
	if peer := conn.Of(ctx); peer != nil {
		peer.Linger(ctx)
	}
}

// finish counts and logs a request that was answered. A stream is counted when it is over.
func (s *Server) finish(c *call) {
	if !c.Streamed {
		a := c.Answered()
		s.shared.Tell(&a, int64(len(c.Ctx.Response.Body())))
	}
	s.end(c)
}

// end forgets the request and keeps memory that is worth keeping.
func (s *Server) end(c *call) {
	c.Reset()
	c.store, c.sources, c.question = nil, nil, pipes.Question{}
	s.calls.Put(c)
}
