package httpapi

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// postEvents serves POST /v0/events.
func (s *Server) postEvents(c *call) error {
	src, err := s.sourceNamed(c)
	if err != nil {
		return err
	}
	format, err := c.eventFormat()
	if err != nil {
		return err
	}
	wait, err := c.Params.Boolean("wait")
	if err != nil {
		return err
	}
	reader, closeBody, err := c.OpenBody(s.limits.BodyBytesMax)
	if err != nil {
		return err
	}
	defer closeBody()
	done, err := c.submit(src, format, reader, false)
	if err != nil {
		return err
	}
	status := fasthttp.StatusAccepted
	if wait {
		status = fasthttp.StatusOK
	}
	c.sendAppended(status, done)
	return nil
}

func (c *call) eventFormat() (event.Format, error) {
	name, err := c.Params.TextOr("format", "ndjson")
	if err != nil {
		return 0, err
	}
	switch name {
	case "ndjson":
		return event.NDJSON, nil
	case "json":
		return event.JSON, nil
	}
	return 0, problem.BadParameter("the parameter format is %s; ndjson and json are allowed", problem.Shown(name))
}

// sendAppended answers with the two counts that every client of this API relies on, and that of replaced rows if there are
// any.
func (c *call) sendAppended(status int, done engine.Appended) {
	body := c.Ctx.Response.SwapBody(nil)
	body = append(body[:0], `{"successful_rows":`...)
	body = strconv.AppendInt(body, int64(done.Successful), 10)
	body = append(body, `,"quarantined_rows":`...)
	body = strconv.AppendInt(body, int64(done.Quarantined), 10)
	if done.Replaced > 0 {
		body = append(body, `,"replaced_rows":`...)
		body = strconv.AppendInt(body, int64(done.Replaced), 10)
	}
	c.Ctx.Response.SwapBody(append(body, "}\n"...))
	c.Ctx.SetStatusCode(status)
	c.Ctx.SetContentType(problem.JSONType)
	if done.Duplicate {
		c.Ctx.Response.Header.Set("Idempotent-Replayed", "true")
	}
}
