package httpapi

import (
	"context"
	"errors"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/admission"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/rowfile"
)

// classes maps what the store and admission return to what a client is told; the first match counts. A class that is not
// here is our own bug.
var classes = [...]struct {
	class error
	err   problem.Error
}{
	{engine.ErrUnsealed, problem.Error{Status: 503, Section: "limits", RetryAfter: 1, Text: "memory is full of rows that cannot be written to segments at the moment; nothing was stored, send the request again"}},
	{engine.ErrFull, problem.Error{Status: 503, Section: "limits", RetryAfter: 1, Text: "the store cannot keep up at the moment; nothing was stored, send the request again"}},
	{engine.ErrNoSpace, problem.Error{Status: 503, Section: "limits", RetryAfter: 30, Text: "the disk is full; nothing was stored, send the request again later"}},
	{engine.ErrUnavailable, problem.Error{Status: 503, Section: "limits", RetryAfter: 1, Text: "files of the store cannot be opened or read at the moment; nothing was stored, send the request again"}},
	{engine.ErrOutcomeUnknown, problem.Error{Status: 503, Section: "idempotency", RetryAfter: 5, Text: "the disk failed under this request and its outcome is unknown; send it again with the same Idempotency-Key"}},
	{engine.ErrTaken, problem.Error{Status: 503, Section: "limits", RetryAfter: 30, Text: "the data directory was moved, removed or replaced and no events are taken until a restart; nothing was stored"}},
	{engine.ErrDegraded, problem.Error{Status: 503, Section: "limits", RetryAfter: 30, Text: "the store failed and no events are taken until a restart; nothing was stored"}},
	{engine.ErrClosed, problem.Error{Status: 503, Section: "limits", RetryAfter: 5, Text: "the server is shutting down"}},
	{engine.ErrConflict, problem.Error{Status: 422, Section: "idempotency", Text: "the Idempotency-Key was used before with another body"}},
	{engine.ErrTooLarge, problem.Error{Status: 413, Section: "limits", Text: "the events of this request do not fit one record of the log; send fewer per request"}},
	{context.DeadlineExceeded, problem.Error{Status: 503, Section: "limits", RetryAfter: 1, Text: "the store did not answer in time"}},
	{admission.ErrFull, problem.Error{Status: 503, Section: "limits", RetryAfter: 1, HangUp: true, Text: "too many bytes are being taken in; send this request again"}},
}

// answerTo turns any error of a handler into an answer, which the caller owns. known is false for our own bugs.
func (s *Server) answerTo(err error) (e *problem.Error, known bool) {
	if errors.As(err, &e) {
		return e, true
	}
	if file, ok := errors.AsType[*rowfile.Error](err); ok {
		return fileError(file), true
	}
	if e, ok := pipes.Problem(err); ok {
		return e, true
	}
	if away, ok := errors.AsType[*engine.AwayError](err); ok {
		return &problem.Error{Status: 503, Section: "errors", RetryAfter: max(1, int(away.RetryAfter.Seconds())), Text: away.Text}, true
	}
	if errors.Is(err, engine.ErrQuery) {
		return problem.BadParameter("%s", strings.TrimPrefix(err.Error(), engine.ErrQuery.Error()+": ")), true
	}
	if errors.Is(err, admission.ErrNever) {
		return problem.TooLarge("the file and its rows are more than the %d bytes that are taken in at one time; send it in parts", s.bodies.Limit), true
	}
	for i := range classes {
		if errors.Is(err, classes[i].class) {
			copied := classes[i].err
			return &copied, true
		}
	}
	return problem.New(500, "errors", "internal error"), false
}

// fileError turns what is wrong with a file into its answer.
func fileError(e *rowfile.Error) *problem.Error {
	if e.TooLarge {
		return problem.TooLarge("%s", e.Text)
	}
	return problem.BadRequest("%s", e.Text)
}
