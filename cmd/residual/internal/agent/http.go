package agent

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// messageBytesMax bounds a message.
const messageBytesMax = 1 << 20

// HTTP speaks the protocol's streamable transport over requests of a server, and asks that same server. No session is kept: a message
// has all that its answer needs, so any of several servers may have the next, and each is answered with the rights of its own token.
type HTTP struct{ serve fasthttp.RequestHandler }

// NewHTTP returns one that reaches its server by dial.
func NewHTTP(dial func(ctx context.Context, network, address string) (net.Conn, error), version string) *HTTP {
	known := new(knownTools)
	handler := mcp.NewStreamableHTTPHandler(func(r *http.Request) *mcp.Server {
		token := strings.TrimPrefix(r.Header.Get(fasthttp.HeaderAuthorization), bearer)
		c, err := client.New(client.Options{Server: "http://localhost", Token: token, Connections: -1, Dial: dial})
		if err != nil {
			panic("BUG: " + err.Error())
		}
		return newAgent(c, version, token, known).mcp
	}, &mcp.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true, MaxRequestBodyBytes: messageBytesMax, PropagateRequestCancellation: true,
		DisableLocalhostProtection: true, // the server has looked at names and origins by then
	})
	return &HTTP{serve: fasthttpadaptor.NewFastHTTPHandler(handler)}
}

const bearer = "Bearer "

// Serve implements httpapi.Agent.
func (h *HTTP) Serve(ctx *fasthttp.RequestCtx, token string) {
	ctx.Request.Header.Del(fasthttp.HeaderAuthorization)
	if token != "" {
		ctx.Request.Header.Set(fasthttp.HeaderAuthorization, bearer+token)
	}
	h.serve(ctx)
}
