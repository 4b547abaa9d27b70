package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/upload"
	"github.com/residualdb/residual/internal/jsontext"
)

// documentation is where an error answer sends its reader.
const documentation = "https://github.com/residualdb/residual/blob/main/docs/http.md"

// jsonType is the type of every answer in JSON.
const jsonType = "application/json; charset=utf-8"

// shownBytes bounds what an error text repeats of the client's own value.
const shownBytes = 64

// answerError is an answer other than success. Its text goes to the client as it stands: one sentence, without
// paths, tokens or internals.
type answerError struct {
	status int
	text   string
	// section is the part of the documentation that explains it.
	section string
	// retryAfter is the least number of seconds that a client should stay away, sent with 429 and 503.
	retryAfter int
	// limit is what X-RateLimit-Limit tells with 429 and 503: how many requests of the kind are taken at once.
	limit int
	// hangUp ends the connection after the answer, because what follows on it cannot be trusted or is not worth
	// reading.
	hangUp bool
}

func (e *answerError) Error() string { return e.text }

func answer(status int, section, format string, args ...any) *answerError {
	return &answerError{status: status, section: section, text: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *answerError {
	return answer(fasthttp.StatusBadRequest, "requests", format, args...)
}

func badFraming(text string) *answerError {
	return &answerError{status: fasthttp.StatusBadRequest, section: "requests", text: text, hangUp: true}
}

func badParameter(format string, args ...any) *answerError {
	return answer(fasthttp.StatusBadRequest, "parameters", format, args...)
}

func tooLarge(format string, args ...any) *answerError {
	e := answer(fasthttp.StatusRequestEntityTooLarge, "limits", format, args...)
	e.hangUp = true
	return e
}

func busy(limit int, text string) *answerError {
	return &answerError{
		status: fasthttp.StatusServiceUnavailable, section: "limits", text: text, retryAfter: 1, limit: limit,
	}
}

func forbidden(format string, args ...any) *answerError {
	return answer(fasthttp.StatusForbidden, "tokens", format, args...)
}

func notFound(format string, args ...any) *answerError {
	return answer(fasthttp.StatusNotFound, "routes", format, args...)
}

// storeClasses maps what the store returns to what a client is told; the first match counts. A class that is not
// here is our own bug.
var storeClasses = [...]struct {
	class error
	err   answerError
}{
	{engine.ErrUnsealed, answerError{status: 503, section: "limits", retryAfter: 1, text: "memory is full of rows that cannot be written to segments at the moment; nothing was stored, send the request again"}},
	{engine.ErrFull, answerError{status: 503, section: "limits", retryAfter: 1, text: "the store cannot keep up at the moment; nothing was stored, send the request again"}},
	{engine.ErrNoSpace, answerError{status: 503, section: "limits", retryAfter: 30, text: "the disk is full; nothing was stored, send the request again later"}},
	{engine.ErrUnavailable, answerError{status: 503, section: "limits", retryAfter: 1, text: "the log cannot go on at the moment; nothing was stored, send the request again"}},
	{engine.ErrOutcomeUnknown, answerError{status: 503, section: "idempotency", retryAfter: 5, text: "the disk failed under this request and its outcome is unknown; send it again with the same Idempotency-Key"}},
	{engine.ErrDegraded, answerError{status: 503, section: "limits", retryAfter: 30, text: "the log failed and no events are taken until a restart; nothing was stored"}},
	{engine.ErrClosed, answerError{status: 503, section: "limits", retryAfter: 5, text: "the server is shutting down"}},
	{engine.ErrConflict, answerError{status: 422, section: "idempotency", text: "the Idempotency-Key was used before with another body"}},
	{engine.ErrTooLarge, answerError{status: 413, section: "limits", text: "the events of this request do not fit one record of the log; send fewer per request"}},
	{context.DeadlineExceeded, answerError{status: 503, section: "limits", retryAfter: 1, text: "the store did not answer in time"}},
}

// asAnswer turns any error of a handler into an answer. known is false for our own bugs.
func asAnswer(err error) (e *answerError, known bool) {
	if errors.As(err, &e) {
		return e, true
	}
	if file, ok := errors.AsType[*upload.Error](err); ok {
		return uploadError(file), true
	}
	if errors.Is(err, engine.ErrQuery) {
		text := strings.TrimPrefix(err.Error(), engine.ErrQuery.Error()+": ")
		return badParameter("%s", text), true
	}
	for i := range storeClasses {
		if errors.Is(err, storeClasses[i].class) {
			copied := storeClasses[i].err
			return &copied, true
		}
	}
	return answer(fasthttp.StatusInternalServerError, "errors", "internal error"), false
}

// write fills the response. It keeps headers that were set before, such as those of CORS.
func (e *answerError) write(ctx *fasthttp.RequestCtx) {
	e.writeTo(&ctx.Response)
	if e.hangUp {
		ctx.SetConnectionClose()
	}
	unread := ctx.Request.Header.ContentLength()
	if c, ok := ctx.Conn().(*conn); ok && (e.hangUp || unread > drainedBytes || unread == -1) {
		c.lingers.Store(true)
	}
}

func (e *answerError) writeTo(response *fasthttp.Response) {
	response.SetStatusCode(e.status)
	header := &response.Header
	header.SetContentType(jsonType)
	if e.retryAfter > 0 {
		// Clients that were refused together should not come back together.
		header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(e.retryAfter+rand.IntN(e.retryAfter+1)))
		header.Set("X-RateLimit-Limit", strconv.Itoa(e.limit))
		header.Set("X-RateLimit-Remaining", "0")
		header.Set("X-RateLimit-Reset", strconv.Itoa(e.retryAfter))
	}
	response.SetBody(e.append(nil))
}

func (e *answerError) append(dst []byte) []byte {
	dst = append(dst, `{"error":`...)
	dst = jsontext.AppendString(dst, e.text)
	dst = append(dst, `,"documentation":`...)
	dst = jsontext.AppendString(dst, documentation+"#"+e.section)
	return append(dst, '}', '\n')
}

// shown is a client's value as an error text may repeat it: short, one line, valid UTF-8, in quotes.
func shown[T ~string | ~[]byte](value T) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i, r := range string(value) {
		if i >= shownBytes {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	b.WriteByte('\'')
	return b.String()
}
