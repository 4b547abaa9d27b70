package httpapi

import (
	"io"

	"github.com/valyala/fasthttp"
)

const (
	agentPath = "/mcp"
	// agentBytesMax bounds a message of an agent.
	agentBytesMax = 1 << 20
)

// Agent speaks with programs that ask for people. Implementations are safe for concurrent use.
type Agent interface {
	// Serve answers a request whose token is known to the server; empty where the server asks for none. What the agent asks for the
	// token's holder, it asks by requests of its own.
	Serve(ctx *fasthttp.RequestCtx, token string)
}

// serveAgent hands on a request, with a body that is there as a whole.
func (s *Server) serveAgent(c *call) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	reader, done, err := c.OpenBody(agentBytesMax)
	if err != nil {
		return err
	}
	defer done()
	body, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	presented := string(token)
	c.Ctx.Request.Header.Del(fasthttp.HeaderContentEncoding)
	c.Ctx.Request.SetBodyRaw(body)
	s.opts.Agent.Serve(c.Ctx, presented)
	return nil
}
