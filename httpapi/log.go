package httpapi

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// warningsPerSecond bounds what clients can make the server write.
const warningsPerSecond = 10

// requestLog writes what happened without repeating what a client sent: no headers, no bodies, and of a request target
// only the path, because a query string may hold a token.
type requestLog struct {
	*slog.Logger

	now func() time.Time
	// second is the one that warned counts in; left out are the warnings since the last one written.
	second, warned, leftOut atomic.Int64
}

// answered is what counters and log are told of a request when its answer is over. It outlives the call.
type answered struct {
	label  label
	status int
	began  time.Time
	// What follows is set where it is logged.
	method, path, remote, token string
}

// answered is what there is to tell of the call.
func (c *call) answered() answered {
	a := answered{label: c.label, status: c.ctx.Response.StatusCode(), began: c.began}
	if c.server.log.Enabled(c.ctx, slog.LevelDebug) {
		a.method, a.path, a.remote, a.token = method(c), string(c.target.Path), c.ctx.RemoteAddr().String(), c.principal.Name
	}
	return a
}

// answered writes one line per request at debug.
func (l *requestLog) answered(a *answered, took time.Duration, bytes int64) {
	if a.method == "" {
		return
	}
	l.Debug("request", "method", a.method, "path", a.path, "status", a.status,
		"took", took, "bytes", bytes, "remote", a.remote, "token", a.token)
}

// cut writes why an answer that had begun did not come to its end.
func (l *requestLog) cut(a *answered, bytes int64, why error) {
	l.warn("answer cut short", "route", a.label.String(), "bytes", bytes, "took", time.Since(a.began), "reason", why)
}

// method is the request's method if it is a known one.
func method(c *call) string {
	switch m := string(c.ctx.Method()); m {
	case "GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE":
		return m
	}
	return "other"
}

// failed writes an error that is our own.
func (l *requestLog) failed(c *call, err error) {
	l.Error("request failed", "route", c.label.String(), "error", err)
}

// panicked writes a panic without its request: values of types that could carry one are named by type alone.
func (l *requestLog) panicked(route label, fault any, stack []byte) {
	text := fmt.Sprintf("%T", fault)
	switch v := fault.(type) {
	case runtime.Error:
		text = v.Error()
	case string:
		if strings.HasPrefix(v, "BUG: ") {
			text = v
		}
	}
	l.Error("panic in a handler", "route", route.String(), "panic", text, "stack", string(stack))
}

// warn writes a warning unless too many were written this second; the next one says how many were left out.
func (l *requestLog) warn(message string, args ...any) {
	now := l.now().Unix()
	if last := l.second.Load(); last != now && l.second.CompareAndSwap(last, now) {
		l.warned.Store(0)
	}
	if l.warned.Add(1) > warningsPerSecond {
		l.leftOut.Add(1)
		return
	}
	if n := l.leftOut.Swap(0); n > 0 {
		args = append(args, "left_out", n)
	}
	l.Warn(message, args...)
}

// silent is fasthttp's logger. Its messages may hold raw bytes of requests; what matters of them reaches
// [Server.refuse].
type silent struct{}

func (silent) Printf(string, ...any) {}
