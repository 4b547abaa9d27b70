package httpapi

import (
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/internal/jsontext"
)

// getHealth answers 200 if events are taken, else 503 with the reason.
func (s *Server) getHealth(c *call) error {
	status, reason := "ok", ""
	if c.store == nil {
		status, reason = "starting", "the log is being replayed"
	} else if h := c.store.Health(); !h.Ready {
		status, reason = "starting", withoutPaths(h.Reason)
	} else if h.Degraded {
		status, reason = "degraded", withoutPaths(h.Reason)
	}
	body := append([]byte(nil), `{"status":`...)
	body = jsontext.AppendString(body, status)
	if reason != "" {
		body = append(body, `,"reason":`...)
		body = jsontext.AppendString(body, reason)
	}
	body = append(body, `,"version":`...)
	body = jsontext.AppendString(body, s.opts.Version)
	if s.opts.Commit != "" {
		body = append(body, `,"commit":`...)
		body = jsontext.AppendString(body, s.opts.Commit)
	}
	body = append(body, "}\n"...)
	if status != "ok" {
		c.ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		c.ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, "1")
	}
	c.ctx.SetContentType(jsonType)
	c.ctx.SetBody(body)
	return nil
}

// withoutPaths is the text of an error without the parts, between colons, that could tell where files are: nobody needs a
// token to read it. The log has the whole.
func withoutPaths(text string) string {
	var parts []string
	for part := range strings.SplitSeq(text, ": ") {
		if !strings.ContainsAny(part, `/\`) || part == "input/output error" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "see the log"
	}
	return strings.Join(parts, ": ")
}
