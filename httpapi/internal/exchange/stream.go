package exchange

import (
	"bufio"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/negotiate"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
)

const (
	// streamBytes is what a long answer takes while it is sent: its batch, its piece, and what the system keeps of what
	// the client has not taken.
	streamBytes = encode.BatchBytes + 2*encode.PieceBytes + 2*streamSocketBytes
	// streamSocketBytes bounds what the system takes of an answer ahead of the client. It doubles the value for its own use.
	streamSocketBytes = 128 << 10
	// AnswerBytesPerSecond is the least rate at which a client must take a long answer, beyond Limits.WriteTimeout.
	AnswerBytesPerSecond = 128 << 10
	// stalledAfter is how long a client must have taken nothing of its answer to be cut off for the sake of another answer.
	stalledAfter = time.Second
)

var (
	errSlow  = errors.New("the client takes the answer too slowly")
	errLate  = errors.New("the answer took longer than it may")
	errEnded = errors.New("another answer needed the room")
)

// stream is an answer of more than one piece on its way: rows are formatted as they come, pieces sent as they are full.
// It belongs to the goroutine that serves the connection, but for what streams guards.
type stream struct {
	shared   *Shared
	conn     *conn.Conn
	answered telemetry.Answered
	// write writes the answer.
	write func(o *encode.Output) error
	// release ends what write wrote from.
	release func()
	// coding is that of what is sent.
	coding negotiate.Coding
	// charged is what the answer holds of Limits.AnswerBytesMax.
	charged int64
	// end is when it must be over, zero where it need not be, patience how long the client may yet take for the next piece.
	end      time.Time
	patience time.Duration
	sent     int64

	// Guarded by the mutex of streams. since is when the write under way began, zero between writes; ended is set when the
	// stream is cut off for another one.
	since time.Time
	ended bool
	// over is closed when nothing is charged any more.
	over chan struct{}
}

// stream sends the rest of the call's table. The call gives it away.
func (c *Exchange) stream(f *encode.Format) error {
	coding, holds := c.accepted.Coding, streamBytes+f.Holds(&c.Table)
	if coding != negotiate.Identity {
		if bytes := &c.shared.Streams.Bytes; c.accepted.Plain && bytes.Held.Load()+holds+negotiate.WriterBytes > bytes.Limit {
			coding = negotiate.Identity
		} else {
			holds += negotiate.WriterBytes
		}
	}
	a, err := c.openStream(holds)
	if err != nil {
		return err
	}
	a.coding = coding
	c.tellCoding(coding)
	rows := new(encode.Table)
	*rows, c.Table = c.Table, encode.Table{}
	a.write, a.release = func(o *encode.Output) error { return f.Write(o, rows) }, rows.Reset
	c.Ctx.SetContentType(f.ContentType)
	c.sendStream(a, -1)
	return nil
}

// SendBody answers with a body that may be long.
func (c *Exchange) SendBody(body []byte, contentType string) error {
	c.Ctx.SetContentType(contentType)
	if len(body) <= encode.PieceBytes {
		c.KeepBody(body)
		return nil
	}
	a, err := c.openStream(int64(cap(body)) + streamBytes)
	if err != nil {
		return err
	}
	a.write = func(o *encode.Output) error {
		_, err := o.Write(body)
		return err
	}
	a.release = func() {}
	c.sendStream(a, len(body))
	return nil
}

// SendFile answers with length bytes of a file, in pieces, however long that takes a client that goes on reading. The file is closed, and
// then done called; after an error it is closed and done is the caller's.
func (c *Exchange) SendFile(file io.ReadCloser, length int64, done func()) error {
	a, err := c.openStream(streamBytes)
	if err != nil {
		_ = file.Close() // it was only read
		return err
	}
	a.end = time.Time{}
	a.write = func(o *encode.Output) error {
		n, err := io.CopyBuffer(struct{ io.Writer }{o}, io.LimitReader(file, length), make([]byte, encode.PieceBytes))
		if err == nil && n < length {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	a.release = func() {
		_ = file.Close()
		done()
	}
	c.Ctx.SetContentType("application/octet-stream")
	c.sendStream(a, int(length))
	return nil
}

// openStream charges a stream, whose write and release the caller sets.
func (c *Exchange) openStream(bytes int64) (*stream, error) {
	s := c.shared
	if err := s.Streams.Charge(bytes); err != nil {
		return nil, err
	}
	a := &stream{
		shared: s, conn: conn.Of(c.Ctx), answered: c.Answered(), charged: bytes,
		patience: s.WriteTimeout, over: make(chan struct{}),
	}
	if !c.Unending {
		a.end = time.Now().Add(s.AnswerTimeout)
	}
	return a, nil
}

// sendStream lets a stream be sent after the call, of so many bytes, or -1.
func (c *Exchange) sendStream(a *stream, length int) {
	c.Streamed = true
	a.shared.Streams.add(a)
	a.conn.BoundWrites(streamSocketBytes)
	if length >= 0 || c.Ctx.Request.Header.IsHTTP11() || c.Ctx.IsHead() {
		c.Ctx.Response.SetBodyStream(a, length)
		return
	}
	// To a client of HTTP/1.0 the end of the connection is the end of the answer.
	header := &c.Ctx.Response.Header
	header.SetContentLength(-2)
	header.SetConnectionClose()
	head := append([]byte(nil), header.Header()...)
	a.conn.Keep(a)
	c.Ctx.HijackSetNoResponse(true)
	c.Ctx.Hijack(func(net.Conn) {
		if a.conn.Release() {
			a.writeToEnd(head)
		}
	})
}

// writeToEnd sends the answer under its head. Until all of it is written the connection can only be reset, whoever ends it, so that
// the client does not take that for the end.
func (a *stream) writeToEnd(head []byte) {
	a.conn.Break()
	_, err := a.conn.Write(head)
	if err == nil {
		_, err = a.WriteTo(a.conn)
	}
	if err == nil {
		a.conn.Whole()
	}
	_ = a.Close()
}

// SupportsBodyWriteTo implements fasthttp.BodyWriterTo.
func (a *stream) SupportsBodyWriteTo() bool { return true }

// Read implements io.Reader, for the sake of an interface alone.
func (a *stream) Read([]byte) (int, error) { panic("BUG: a stream is written and not read") }

// WriteTo sends the answer. When it fails the connection ends without the last chunk, by which the client sees that
// the answer is cut short.
func (a *stream) WriteTo(w io.Writer) (n int64, err error) {
	o := &encode.Output{
		Buf: make([]byte, 0, encode.PieceBytes+encode.LongTextBytes), Send: func(p []byte) error { return a.send(w, p) },
	}
	defer func() {
		if fault := recover(); fault != nil {
			a.shared.Counts.Panics.Add(1)
			a.shared.Log.Panicked(a.answered.Label, fault, debug.Stack())
			err = errors.New("panic")
		}
		if err != nil {
			a.shared.Counts.AnswersCut.Add(1)
			a.shared.Log.Cut(&a.answered, a.sent, err)
		}
	}()
	if a.coding != negotiate.Identity {
		return a.sent, a.compressTo(w, o)
	}
	return a.sent, a.writeWhole(o)
}

// writeWhole writes the answer to its end.
func (a *stream) writeWhole(o *encode.Output) error {
	if err := a.write(o); err != nil {
		return err
	}
	if len(o.Buf) > 0 {
		o.Flush()
	}
	return o.Err
}

// compressTo writes the answer in its coding, in pieces that are as large as those of one that is not compressed.
func (a *stream) compressTo(w io.Writer, o *encode.Output) error {
	pieces := bufio.NewWriterSize(sending(func(p []byte) error { return a.send(w, p) }), encode.PieceBytes)
	z := negotiate.NewWriter(pieces, a.coding)
	o.Send = func(p []byte) error {
		if !a.end.IsZero() && time.Now().After(a.end) {
			return errLate // much may come before there is a piece to be sent
		}
		_, err := z.Write(p)
		return err
	}
	if err := z.Close(a.writeWhole(o)); err != nil {
		return err
	}
	return pieces.Flush()
}

// sending makes a function that sends a piece a writer.
type sending func(p []byte) error

func (f sending) Write(p []byte) (int, error) {
	if err := f(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// send writes a piece. The client has WriteTimeout for it, less what it took for those before it longer than
// answerBytesPerSecond allows.
func (a *stream) send(w io.Writer, p []byte) error {
	began := time.Now()
	if a.shared.Streams.writes(a, began) {
		return errEnded
	}
	deadline, why := began.Add(a.patience), errSlow
	if !a.end.IsZero() && a.end.Before(deadline) {
		deadline, why = a.end, errLate
	}
	err := a.conn.SetWriteDeadline(deadline)
	if err == nil {
		_, err = w.Write(p)
	}
	took := time.Since(began)
	a.patience = min(a.patience+time.Duration(len(p))*time.Second/AnswerBytesPerSecond-took, a.shared.WriteTimeout)
	a.sent += int64(len(p))
	if a.shared.Streams.writes(a, time.Time{}) {
		return errEnded
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return why
	}
	return err
}

// Close implements io.Closer: the rows and their memory are free.
func (a *stream) Close() error {
	a.release()
	a.shared.Streams.remove(a)
	a.shared.Tell(&a.answered, a.sent)
	return nil
}
