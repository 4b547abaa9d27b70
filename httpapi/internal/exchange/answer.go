package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/negotiate"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// SendJSON answers with a value as JSON, which must be short.
func (c *Exchange) SendJSON(value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	c.Ctx.SetStatusCode(fasthttp.StatusOK)
	c.Ctx.SetContentType(problem.JSONType)
	c.Ctx.SetBody(append(body, '\n'))
	return nil
}

// SendLongJSON is [Exchange.SendJSON] for what may be long.
func (c *Exchange) SendLongJSON(value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return c.SendBody(append(body, '\n'), problem.JSONType)
}

// Answer sends the call's table: at once if it fits one piece, in the memory the response already has, else as a stream.
func (c *Exchange) Answer(f *encode.Format) error {
	if f.Whole {
		most := c.shared.Streams.Bytes.Limit / 2
		if err := c.Table.Collect(most); errors.Is(err, encode.ErrLong) {
			return c.shared.Streams.over(2 * c.Table.Held)
		} else if err != nil {
			return err
		}
	}
	if c.Table.More != nil {
		return c.stream(f)
	}
	body, err := c.writeShort(f)
	if errors.Is(err, encode.ErrLong) {
		c.Table.Rewind()
		return c.stream(f)
	}
	if err != nil {
		return err
	}
	if body, err = c.compress(body); err != nil {
		return err
	}
	c.KeepBody(body)
	c.Ctx.SetContentType(f.ContentType)
	return nil
}

// writeShort writes the table at once. It is encode.ErrLong if that is more than a piece.
func (c *Exchange) writeShort(f *encode.Format) ([]byte, error) {
	if f.Bytes > 0 {
		holds := f.Holds(&c.Table)
		if err := c.shared.Streams.Charge(holds); err != nil {
			return nil, err
		}
		defer c.shared.Streams.Bytes.Give(holds)
	}
	o := &c.output
	*o = encode.Output{Buf: c.Ctx.Response.SwapBody(nil)[:0]}
	err := f.Write(o, &c.Table)
	body := o.Buf
	o.Buf = nil
	return body, err
}

// bodyKeptBytes is the longest answer whose memory its connection keeps for later ones.
const bodyKeptBytes = 16 << 10

// KeepBody makes body, which has the memory of the response's own, the response's.
func (c *Exchange) KeepBody(body []byte) {
	if len(body) > bodyKeptBytes {
		c.Ctx.Response.SetBodyRaw(body)
	} else {
		c.Ctx.Response.SwapBody(body)
	}
}

// compressedBytesMin is the shortest answer that is compressed: one packet has it anyway.
const compressedBytesMin = 1 << 10

// Negotiate finds out in which coding the answer is to be.
func (c *Exchange) Negotiate(f *encode.Format) error {
	header := &c.Ctx.Response.Header
	header.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	accepted, ok := negotiate.Accept(c.Ctx.Request.Header.PeekAll(fasthttp.HeaderAcceptEncoding))
	if !ok {
		return problem.New(fasthttp.StatusNotAcceptable, "compression", "an answer is sent as it is (identity), as gzip or as zstd; Accept-Encoding takes none of them")
	}
	if f.Packed && accepted.Plain {
		accepted.Coding = negotiate.Identity
	}
	c.accepted = accepted
	return nil
}

// tellCoding says in which coding the answer is.
func (c *Exchange) tellCoding(coding negotiate.Coding) {
	if coding != negotiate.Identity {
		c.Ctx.Response.Header.Set(fasthttp.HeaderContentEncoding, coding.String())
	}
}

// compressed are texts of answers that are sent at once.
var compressed = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// compress returns a short answer in the coding that the client wants, in the memory that it has. It stays as it is where that pays
// little, and while there is no memory for more.
func (c *Exchange) compress(body []byte) ([]byte, error) {
	coding, streams := c.accepted.Coding, &c.shared.Streams
	if coding == negotiate.Identity || c.accepted.Plain && len(body) < compressedBytesMin {
		return body, nil
	}
	if !streams.Bytes.Take(negotiate.WriterBytes) {
		if c.accepted.Plain {
			return body, nil
		}
		return nil, streams.over(negotiate.WriterBytes)
	}
	defer streams.Bytes.Give(negotiate.WriterBytes)
	text := compressed.Get().(*bytes.Buffer)
	defer compressed.Put(text)
	text.Reset()
	z := negotiate.NewWriter(text, coding)
	_, err := z.Write(body)
	if err = z.Close(err); err != nil {
		return nil, fmt.Errorf("compress an answer: %w", err)
	}
	c.tellCoding(coding)
	return append(body[:0], text.Bytes()...), nil
}

// Unchanged answers 304 if the client has the answer already.
func (c *Exchange) Unchanged() bool {
	if c.Tag == "" || !negotiate.Has(c.Ctx.Request.Header.PeekAll(fasthttp.HeaderIfNoneMatch), c.Tag) {
		return false
	}
	c.Ctx.Response.Header.Set(fasthttp.HeaderETag, c.Tag)
	c.Ctx.SetStatusCode(fasthttp.StatusNotModified)
	return true
}
