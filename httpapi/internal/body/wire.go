package body

import (
	"bytes"
	"errors"
	"io"
	"net"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Open returns the body of a request as a reader of its decoded bytes. The reader ends in a [*problem.Error] when the body is
// too large, late, broken or badly compressed. done hands pooled memory back and must be called.
func (d *Decoders) Open(ctx *fasthttp.RequestCtx, bytesMax int64) (body io.Reader, done func(), err error) {
	if err := CheckLength(ctx, bytesMax); err != nil {
		return nil, nil, err
	}
	wire := &wireReader{
		from: ctx.RequestBodyStream(), left: bytesMax, max: bytesMax, declared: int64(ctx.Request.Header.ContentLength()),
	}
	if wire.from == nil {
		wire.from = bytes.NewReader(ctx.Request.Body())
	}
	return d.open(ctx.Request.Header.ContentEncoding(), wire)
}

// Unpack returns what a file that is compressed by an encoding decompresses to, like Open.
func (d *Decoders) Unpack(file io.Reader, encoding string, bytesMax int64) (rows io.Reader, done func(), err error) {
	return d.open([]byte(encoding), &wireReader{from: file, left: bytesMax, max: bytesMax})
}

// CheckLength refuses a body by the length that its head declares.
func CheckLength(ctx *fasthttp.RequestCtx, bytesMax int64) error {
	if n := int64(ctx.Request.Header.ContentLength()); n > bytesMax {
		return problem.TooLarge("the body has %d bytes; %d are allowed", n, bytesMax)
	}
	return nil
}

// wireReader reads a body as it was sent and turns what can go wrong with the connection into answers. It keeps its
// first error, so that a decompressor on top of it cannot hide the cause.
type wireReader struct {
	from      io.Reader
	left, max int64
	// declared is the length in the head, negative if there is none. fasthttp takes a connection that ends before it
	// for the end of the body.
	declared int64
	read     int64
	err      error
}

func (w *wireReader) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.from.Read(p)
	w.read += int64(n)
	w.left -= int64(n)
	if w.left < 0 {
		w.err = problem.TooLarge("the body has more than the allowed %d bytes", w.max)
		return 0, w.err
	}
	if err == io.EOF && w.read < w.declared {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		w.err = err
		if err != io.EOF {
			w.err = bodyError(err)
		}
	}
	return n, w.err
}

// bodyError classes what fasthttp returns while a body is read.
func bodyError(err error) *problem.Error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return problem.New(fasthttp.StatusRequestTimeout, "limits", "the body did not arrive in time").HangingUp()
	}
	return problem.Malformed("the body is cut short or badly framed")
}
