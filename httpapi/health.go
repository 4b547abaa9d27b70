package httpapi

import (
	"cmp"
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/connectors"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/jsontext"
)

const (
	// replaying is why a server is starting, unless the options say otherwise.
	replaying  = "the log is being replayed"
	memoryFull = "memory is full; send this request again, or start the server with a larger --memory-limit"
)

// refusal returns the answer to requests with events if none are taken at the moment, else nil. Each of them asks here before
// its body is read, and so does /health: the two cannot disagree.
func (s *Server) refusal(store Store) *problem.Error {
	var e *problem.Error
	switch h := health(store); {
	case !h.Ready:
		e = problem.Busy(0, "the server is starting: "+s.opts.Starting)
	case s.memory.Full():
		e = problem.Busy(s.limits.IngestsMax, memoryFull)
	case h.Degraded:
		e, _ = s.answerTo(cmp.Or(h.Err, engine.ErrDegraded))
	default:
		return nil
	}
	e.HangUp = true // the body is not read
	return e
}

// health is that of a store, nil while there is none yet.
func health(store Store) engine.Health {
	if store == nil {
		return engine.Health{}
	}
	return store.Health()
}

// Refusal returns why no events are taken at the moment, nil if they are: whoever appends to the store beside requests does so while
// these are.
func (s *Server) Refusal() error {
	var store Store
	if p := s.store.Load(); p != nil {
		store = *p
	}
	if e := s.refusal(store); e != nil {
		return errors.New(e.Text)
	}
	return nil
}

// wellBeing is how the server is, why, and the status of an answer that says so.
func (s *Server) wellBeing(store Store) (status, reason string, code int) {
	e := s.refusal(store)
	switch {
	case e != nil && !health(store).Ready:
		return "starting", s.opts.Starting, fasthttp.StatusServiceUnavailable
	case e != nil:
		reason, _, _ = strings.Cut(e.Text, ";") // what follows is for who has sent events
		return "degraded", reason, fasthttp.StatusServiceUnavailable
	}
	var reasons []string
	for _, reason := range [...]string{health(store).Amiss, connectors.Unwell(s.opts.Connectors)} {
		if reason != "" {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) > 0 {
		return "degraded", strings.Join(reasons, ". "), fasthttp.StatusOK
	}
	return "ok", "", fasthttp.StatusOK
}

// getHealth answers 200 if events are taken, else 503 with the reason. A server that takes events and is unwell otherwise is degraded
// all the same.
func (s *Server) getHealth(c *call) error {
	status, reason, code := s.wellBeing(c.store)
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
	if code != fasthttp.StatusOK {
		c.Ctx.SetStatusCode(code)
		c.Ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, "1")
	}
	c.Ctx.SetContentType(problem.JSONType)
	c.Ctx.SetBody(body)
	return nil
}
