// Package problem has the answers other than success.
//
// An [*Error] is an error of Go that knows its status, its sentence and what its client should do next; the packages
// under httpapi return it, and the server writes it. It is a value: whoever changes one owns it.
package problem

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/internal/jsontext"
)

// Documentation is where an error answer sends its reader, and httpPage the page of it that has all sections.
const (
	Documentation = "https://github.com/residualdb/residual/blob/main/docs/"
	httpPage      = "http.md#"
)

// JSONType is the type of every answer in JSON.
const JSONType = "application/json; charset=utf-8"

// shownBytes bounds what an error text repeats of the client's own value.
const shownBytes = 64

// Error is an answer other than success. Its text goes to the client as it stands: one sentence, without paths, tokens or
// internals.
type Error struct {
	Status int
	Text   string
	// Section is the part of the documentation that explains it: a section of the page about HTTP, or another page, such as sql.md.
	Section string
	// RetryAfter is the least number of seconds that a client should stay away, sent with 429 and 503.
	RetryAfter int
	// Limit is what X-RateLimit-Limit tells with 429 and 503: how many requests of the kind are taken at once.
	Limit int
	// HangUp ends the connection after the answer, because what follows on it cannot be trusted or is not worth reading.
	HangUp bool
}

func (e *Error) Error() string { return e.Text }

// New returns an answer with a text in the manner of fmt.Sprintf.
func New(status int, section, format string, args ...any) *Error {
	return &Error{Status: status, Section: section, Text: fmt.Sprintf(format, args...)}
}

// HangingUp returns e as an answer that ends its connection.
func (e *Error) HangingUp() *Error {
	e.HangUp = true
	return e
}

// BadRequest is 400 for a body that is not what it should be.
func BadRequest(format string, args ...any) *Error {
	return New(fasthttp.StatusBadRequest, "requests", format, args...)
}

// Malformed is 400 for a request that two servers might read differently.
func Malformed(text string) *Error { return BadRequest("%s", text).HangingUp() }

// BadParameter is 400 for a parameter.
func BadParameter(format string, args ...any) *Error {
	return New(fasthttp.StatusBadRequest, "parameters", format, args...)
}

// TooLarge is 413.
func TooLarge(format string, args ...any) *Error {
	return New(fasthttp.StatusRequestEntityTooLarge, "limits", format, args...).HangingUp()
}

// Busy is 503 for a server that has all it may have of something.
func Busy(limit int, text string) *Error {
	return &Error{Status: fasthttp.StatusServiceUnavailable, Section: "limits", Text: text, RetryAfter: 1, Limit: limit}
}

// Unready is 503 for what a server cannot know yet.
func Unready(text string) *Error {
	return &Error{Status: fasthttp.StatusServiceUnavailable, Section: "tokens", Text: text, RetryAfter: 1}
}

// TooMany is 429 for a client that has all it may have of something.
func TooMany(limit int, text string) *Error {
	e := Busy(limit, text)
	e.Status = fasthttp.StatusTooManyRequests
	return e
}

// Forbidden is 403.
func Forbidden(format string, args ...any) *Error {
	return New(fasthttp.StatusForbidden, "tokens", format, args...)
}

// NotFound is 404.
func NotFound(format string, args ...any) *Error {
	return New(fasthttp.StatusNotFound, "routes", format, args...)
}

// Write fills a response. It keeps headers that were set before, such as those of CORS.
func (e *Error) Write(response *fasthttp.Response) {
	response.SetStatusCode(e.Status)
	header := &response.Header
	header.SetContentType(JSONType)
	if e.RetryAfter > 0 {
		// Clients that were refused together should not come back together.
		header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(e.RetryAfter+rand.IntN(e.RetryAfter+1)))
		header.Set("X-RateLimit-Limit", strconv.Itoa(e.Limit))
		header.Set("X-RateLimit-Remaining", "0")
		header.Set("X-RateLimit-Reset", strconv.Itoa(e.RetryAfter))
	}
	body := jsontext.AppendString([]byte(`{"error":`), e.Text)
	page := Documentation + httpPage + e.Section
	if strings.HasSuffix(e.Section, ".md") {
		page = Documentation + e.Section
	}
	body = jsontext.AppendString(append(body, `,"documentation":`...), page)
	response.SetBody(append(body, "}\n"...))
	if e.HangUp {
		response.SetConnectionClose()
	}
}

// Shown is a client's value as an error text may repeat it: short, one line, valid UTF-8, in quotes.
func Shown[T ~string | ~[]byte](value T) string {
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
