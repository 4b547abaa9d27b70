package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net"

	"github.com/valyala/fasthttp"
)

// openBody returns the body of a request as a reader of its decoded bytes. The reader ends in an *answerError when the
// body is too large, late, broken or badly compressed. close hands pooled memory back and must be called.
func (s *Server) openBody(ctx *fasthttp.RequestCtx, bytesMax int64) (body io.Reader, closeBody func(), err error) {
	if err := checkLength(ctx, bytesMax); err != nil {
		return nil, nil, err
	}
	wire := &wireReader{
		from: ctx.RequestBodyStream(), left: bytesMax, max: bytesMax, declared: int64(ctx.Request.Header.ContentLength()),
	}
	if wire.from == nil {
		wire.from = bytes.NewReader(ctx.Request.Body())
	}
	return s.decoders.open(ctx.Request.Header.ContentEncoding(), wire, bytesMax)
}

// checkLength refuses a body by the length that its head declares.
func checkLength(ctx *fasthttp.RequestCtx, bytesMax int64) error {
	if n := int64(ctx.Request.Header.ContentLength()); n > bytesMax {
		return tooLarge("the body has %d bytes; %d are allowed", n, bytesMax)
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
		w.err = tooLarge("the body has more than the allowed %d bytes", w.max)
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
func bodyError(err error) *answerError {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &answerError{
			status: fasthttp.StatusRequestTimeout, section: "limits", hangUp: true,
			text: "the body did not arrive in time",
		}
	}
	return badFraming("the body is cut short or badly framed")
}
