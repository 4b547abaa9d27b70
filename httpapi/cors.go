package httpapi

import (
	"bytes"
	"net"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// A server with tokens answers every origin: the token is the credential, and a browser never sends it on its own.
// A server without tokens is protected by its address alone, so it must not be reachable through a browser that
// happens to run on the same machine: it answers only pages from loopback, and only under a loopback name, which a
// page elsewhere cannot take on by pointing its own name here.

// checkOrigin refuses requests that a foreign page could have caused. It matters only without tokens. A browser sends no
// Origin with what a page has it fetch as an image or script, but tells by Sec-Fetch-Site where the page is from. A link
// elsewhere may lead to the server's own page, which is the same for everybody and cannot be framed.
func (s *Server) checkOrigin(c *call, r *route) error {
	if !s.opts.Tokens.Open() {
		return nil
	}
	header := &c.Ctx.Request.Header
	if host := header.Host(); len(host) > 0 && !isLoopback(host) {
		return problem.Forbidden("without tokens this server answers only to loopback names, not to %s; create a token with: residual token create", problem.Shown(host))
	}
	if origin := header.Peek(fasthttp.HeaderOrigin); len(origin) > 0 && !isLoopback(originHost(origin)) {
		return problem.Forbidden("without tokens this server answers only pages from loopback, not from %s; create a token with: residual token create", problem.Shown(origin))
	}
	if site := header.Peek("Sec-Fetch-Site"); len(header.Peek(fasthttp.HeaderOrigin)) == 0 && !fromHere(site) && !(r == &pageRoute && isLink(header)) {
		return problem.Forbidden("without tokens this server answers no requests of pages from elsewhere; create a token with: residual token create")
	}
	return nil
}

// fromHere tells whether a value of Sec-Fetch-Site is that of a page under the name that is asked, or of no page.
func fromHere(site []byte) bool {
	switch string(site) {
	case "", "same-origin", "same-site", "none":
		return true
	}
	return false
}

// isLink tells a request by which a browser opens another page from all others.
func isLink(header *fasthttp.RequestHeader) bool {
	return string(header.Peek("Sec-Fetch-Mode")) == "navigate" && string(header.Peek("Sec-Fetch-Dest")) == "document"
}

func originHost(origin []byte) []byte {
	_, host, _ := bytes.Cut(origin, []byte("://"))
	return host
}

// isLoopback reports whether host, with or without a port, names this machine. Names are of any case and may end in a
// dot.
func isLoopback(hostport []byte) bool {
	name, _, _ := bytes.Cut(hostport, []byte(":"))
	if string(name) == "127.0.0.1" || bytes.EqualFold(bytes.TrimSuffix(name, []byte(".")), []byte("localhost")) {
		return true
	}
	host := string(hostport)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// cors lets the page that sent the request read the answer.
func (c *call) cors() {
	if len(c.Ctx.Request.Header.Peek(fasthttp.HeaderOrigin)) == 0 {
		return
	}
	header := &c.Ctx.Response.Header
	header.Set(fasthttp.HeaderAccessControlAllowOrigin, "*")
	header.Set(fasthttp.HeaderAccessControlExposeHeaders,
		"Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Idempotent-Replayed, ETag, "+ignoredHeader)
}

// preflight answers a browser's question before the request itself.
func preflight(ctx *fasthttp.RequestCtx) {
	header := &ctx.Response.Header
	header.Set(fasthttp.HeaderAccessControlAllowOrigin, "*")
	header.Set(fasthttp.HeaderAccessControlAllowMethods, "GET, HEAD, POST, DELETE, OPTIONS")
	header.Set(fasthttp.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match")
	header.Set(fasthttp.HeaderAccessControlMaxAge, "86400")
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}
