package exchange

import (
	"io"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/admission"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/body"
	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/negotiate"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
)

// Shared is what the exchanges of a server have in common.
type Shared struct {
	Log      *telemetry.Log
	Counts   *telemetry.Counters
	Decoders body.Decoders
	Streams  Streams
	// WriteTimeout is the time for a client to take its answer, or how long it may take nothing of a long one. AnswerTimeout is the time of an
	// answer from its first byte to its last.
	WriteTimeout, AnswerTimeout time.Duration
}

// Exchange is a request and its answer. It belongs to the goroutine that serves it and is reused: what outlives the request is copied out of it.
type Exchange struct {
	shared *Shared
	// Ctx is the request, and the response in its place.
	Ctx *fasthttp.RequestCtx
	// Began is when its head had come.
	Began time.Time

	// Label is the route's name in logs and metrics, LabelRefused before it is known.
	Label     telemetry.Label
	Target    conn.Target
	Principal auth.Principal
	Params    params.List
	// Charge is what the request's body holds of the bytes in flight.
	Charge admission.Charge

	// Table is what [Exchange.Answer] answers with.
	Table  encode.Table
	output encode.Output // of an answer that is sent at once
	// Unending is set where no AnswerTimeout ends the answer.
	Unending bool
	// accepted are the codings that the client takes of an answer.
	accepted negotiate.Accepted
	// Tag is the answer's entity tag, empty if it has none.
	Tag string
	// Streamed is set when the answer is sent by a stream, which outlives the exchange.
	Streamed bool
}

// New returns an exchange for requests whose bodies are charged to bytes.
func New(s *Shared, bytes *admission.Bytes) Exchange {
	return Exchange{shared: s, Charge: admission.Charge{Bytes: bytes}}
}

// Reset forgets the request, and keeps memory that is worth keeping.
func (c *Exchange) Reset() {
	c.Charge.Release()
	c.Params.Reset()
	c.Table.Reset()
	*c = Exchange{shared: c.shared, Params: c.Params, Table: c.Table, Charge: c.Charge}
}

// OpenBody begins to read a body, which is decompressed and bounded. The caller closes it.
func (c *Exchange) OpenBody(bytesMax int64) (io.Reader, func(), error) {
	return c.shared.Decoders.Open(c.Ctx, bytesMax)
}

// ParameterBytesMax bounds the body of a query.
const ParameterBytesMax = 64 << 10

// ReadParams adds the parameters in the body of a POST: a JSON object, or a form.
func (c *Exchange) ReadParams() error {
	if !c.Ctx.IsPost() {
		return nil
	}
	reader, closeBody, err := c.OpenBody(ParameterBytesMax)
	if err != nil {
		return err
	}
	defer closeBody()
	body, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	return c.Params.AddBody(body)
}

// Answered is what there is to tell of the answer.
func (c *Exchange) Answered() telemetry.Answered {
	a := telemetry.Answered{Label: c.Label, Status: c.Ctx.Response.StatusCode(), Began: c.Began}
	if c.shared.Log.Enabled(c.Ctx, slog.LevelDebug) {
		a.Method, a.Path, a.Remote, a.Token = method(c), string(c.Target.Path), c.Ctx.RemoteAddr().String(), c.Principal.Name
	}
	return a
}

// method is the request's method if it is a known one.
func method(c *Exchange) string {
	switch m := string(c.Ctx.Method()); m {
	case "GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE":
		return m
	}
	return "other"
}

// Tell counts and logs an answer of so many bytes.
func (s *Shared) Tell(a *telemetry.Answered, bytes int64) {
	took := time.Since(a.Began)
	s.Counts.Answered(a.Label, a.Status, took)
	s.Log.Answered(a, took, bytes)
}
