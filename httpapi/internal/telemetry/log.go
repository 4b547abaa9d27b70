package telemetry

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

// Log writes what happened without repeating what a client sent: no headers, no bodies, and of a request target
// only the path, because a query string may hold a token.
type Log struct {
	*slog.Logger

	clock func() time.Time
	// second is the one that warned counts in; left out are the warnings since the last one written.
	second, warned, leftOut atomic.Int64
}

// NewLog returns a log by a clock.
func NewLog(to *slog.Logger, clock func() time.Time) *Log {
	return &Log{Logger: to, clock: clock}
}

// Answered is what counters and log are told of a request when its answer is over. It outlives the call.
type Answered struct {
	Label  Label
	Status int
	Began  time.Time
	// What follows is set where it is logged.
	Method, Path, Remote, Token string
}

// Answered writes one line per request at debug.
func (l *Log) Answered(a *Answered, took time.Duration, bytes int64) {
	if a.Method == "" {
		return
	}
	l.Debug("request", "method", a.Method, "path", a.Path, "status", a.Status,
		"took", took, "bytes", bytes, "remote", a.Remote, "token", a.Token)
}

// Cut writes why an answer that had begun did not come to its end.
func (l *Log) Cut(a *Answered, bytes int64, why error) {
	l.Warn("answer cut short", "route", a.Label.String(), "bytes", bytes, "took", time.Since(a.Began), "reason", why)
}

// Failed writes an error that is our own.
func (l *Log) Failed(route Label, err error) {
	l.Error("request failed", "route", route.String(), "error", err)
}

// Panicked writes a panic without its request: values of types that could carry one are named by type alone.
func (l *Log) Panicked(route Label, fault any, stack []byte) {
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

// Warn stands before the Warn of the Logger: it writes a warning unless too many were written this second; the next one says how many were left out.
func (l *Log) Warn(message string, args ...any) {
	now := l.clock().Unix()
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
	l.Logger.Warn(message, args...)
}
