package httpapi

import (
	"time"

	"github.com/valyala/fasthttp"
)

// call is one request on its way through the server. It belongs to the goroutine that serves it and is reused: what
// outlives the request is copied out of it.
type call struct {
	server *Server
	ctx    *fasthttp.RequestCtx
	began  time.Time

	// label is the route's name in logs and metrics, labelRefused before it is known.
	label  label
	target target
	store  Store
	holder holder
	params params
	// held is what the request's body was charged to the bytes in flight.
	held   int64
	table  table
	output output // of an answer that is sent at once
	// streams is set when the answer is sent by a stream, which outlives the call.
	streams bool
}

func (c *call) begin(ctx *fasthttp.RequestCtx) {
	c.ctx = ctx
	c.began = time.Now()
}

// end forgets the request and keeps memory that is worth keeping.
func (c *call) end() {
	c.params.reset()
	c.table.reset()
	c.ctx, c.store, c.streams, c.held = nil, nil, false, 0
	c.label, c.target, c.holder = labelRefused, target{}, holder{}
}

// fail answers with an error instead of what the response held.
func (c *call) fail(e *answerError) {
	if e.retryAfter > 0 && e.limit == 0 {
		e.limit = c.server.limits.IngestsMax
	}
	commonHeaders(&c.ctx.Response.Header)
	c.cors()
	e.write(c.ctx)
}
