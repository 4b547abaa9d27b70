package httpapi

import (
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// streamBytes is what a long answer takes while it is sent: its batch, its piece, and what the system keeps of what
	// the client has not taken.
	streamBytes = batchCells*cellBytes + 2*answerPieceBytes + 2*streamSocketBytes
	// streamSocketBytes bounds what the system takes of an answer ahead of the client. It doubles the value for its own use.
	streamSocketBytes = 128 << 10
	// answerBytesPerSecond is the least rate at which a client must take a long answer, beyond Limits.WriteTimeout.
	answerBytesPerSecond = 128 << 10
)

var (
	errSlow  = errors.New("the client takes the answer too slowly")
	errLate  = errors.New("the answer took longer than it may")
	errEnded = errors.New("another answer needed the room")
)

// stream is an answer of more than one piece on its way: rows are formatted as they come, pieces sent as they are full.
// It belongs to the goroutine that serves the connection, but for what streams guards.
type stream struct {
	server   *Server
	conn     *conn
	answered answered
	// write writes the answer.
	write func(o *output) error
	// release ends what write wrote from.
	release func()
	// charged is what the answer holds of Limits.AnswerBytesMax.
	charged int64
	// end is when it must be over, patience how long the client may yet take for the next piece.
	end      time.Time
	patience time.Duration
	sent     int64

	// since is when the write under way began, zero between writes; ended is set by who cuts the stream off. Guarded by the
	// mutex of streams.
	since time.Time
	ended bool
	// over is closed when nothing is charged any more.
	over chan struct{}
}

// stream sends the rest of the call's table. The call gives it away.
func (c *call) stream(f *outputFormat) error {
	rows := new(table)
	a, err := c.openStream(streamBytes + f.holds(&c.table))
	if err != nil {
		return err
	}
	*rows, c.table = c.table, table{}
	a.write, a.release = func(o *output) error { return f.write(o, rows) }, rows.reset
	c.ctx.SetContentType(f.contentType)
	return c.sendStream(a, -1)
}

// sendBody answers with a body that may be long.
func (c *call) sendBody(body []byte, contentType string) error {
	c.ctx.SetContentType(contentType)
	if len(body) <= answerPieceBytes {
		c.keepBody(body)
		return nil
	}
	a, err := c.openStream(int64(cap(body)) + streamBytes)
	if err != nil {
		return err
	}
	a.write = func(o *output) error {
		_, err := o.Write(body)
		return err
	}
	a.release = func() {}
	return c.sendStream(a, len(body))
}

// openStream charges a stream, whose write and release the caller sets.
func (c *call) openStream(bytes int64) (*stream, error) {
	s := c.server
	if !s.streams.charge(bytes) {
		return nil, s.overAnswers(bytes)
	}
	return &stream{
		server: s, conn: c.ctx.Conn().(*conn), answered: c.answered(), charged: bytes,
		end: time.Now().Add(s.limits.AnswerTimeout), patience: s.limits.WriteTimeout, over: make(chan struct{}),
	}, nil
}

// sendStream lets a stream be sent after the call, of so many bytes, or -1.
func (c *call) sendStream(a *stream, length int) error {
	c.streams = true
	a.server.streams.add(a)
	if socket := a.conn.socket(); socket != nil {
		_ = socket.SetWriteBuffer(streamSocketBytes)
	}
	if length >= 0 || c.ctx.Request.Header.IsHTTP11() || c.ctx.IsHead() {
		c.ctx.Response.SetBodyStream(a, length)
		return nil
	}
	// To a client of HTTP/1.0 the end of the connection is the end of the answer.
	header := &c.ctx.Response.Header
	header.SetContentLength(-2)
	header.SetConnectionClose()
	head := append([]byte(nil), header.Header()...)
	a.conn.unsent.Store(a)
	c.ctx.HijackSetNoResponse(true)
	c.ctx.Hijack(func(net.Conn) {
		if a.conn.unsent.CompareAndSwap(a, nil) {
			a.writeToEnd(head)
		}
	})
	return nil
}

// writeToEnd sends the answer under its head. When it fails the connection is reset, so that the client does not take
// that for the end.
func (a *stream) writeToEnd(head []byte) {
	_, err := a.conn.Write(head)
	if err == nil {
		_, err = a.WriteTo(a.conn)
	}
	if socket := a.conn.socket(); socket != nil && err != nil {
		_ = socket.SetLinger(0)
	}
	_ = a.Close()
}

// overAnswers refuses an answer for which there is no memory.
func (s *Server) overAnswers(bytes int64) error {
	s.counts.answersFull.Add(1)
	if bytes > s.limits.AnswerBytesMax {
		return answer(fasthttp.StatusRequestEntityTooLarge, "limits", "the answer does not fit the memory of this server; "+
			"ask for fewer models or buckets, or start it with a larger --memory-limit")
	}
	return busy(s.limits.QueriesMax, "too many long answers are being sent; ask for this one again")
}

// collect gathers all rows in one batch.
func (c *call) collect() error {
	t := &c.table
	for t.more != nil {
		batch := t.cells
		t.cells = nil
		if err := t.more(t); err != nil {
			return err
		}
		t.cells = append(batch, t.cells...)
		t.held = int64(cap(t.cells)) * cellBytes
		if t.held > c.server.limits.AnswerBytesMax/2 {
			return c.server.overAnswers(2 * t.held)
		}
	}
	return nil
}

// SupportsBodyWriteTo implements fasthttp.BodyWriterTo.
func (a *stream) SupportsBodyWriteTo() bool { return true }

// Read implements io.Reader, for the sake of an interface alone.
func (a *stream) Read([]byte) (int, error) { panic("BUG: a stream is written and not read") }

var (
	_ fasthttp.BodyWriterTo = (*stream)(nil)
	_ io.ReadCloser         = (*stream)(nil)
)

// WriteTo sends the answer. When it fails the connection ends without the last chunk, by which the client sees that
// the answer is cut short.
func (a *stream) WriteTo(w io.Writer) (n int64, err error) {
	o := &output{buf: make([]byte, 0, answerPieceBytes+longTextBytes), send: func(p []byte) error { return a.send(w, p) }}
	defer func() {
		if fault := recover(); fault != nil {
			a.server.counts.panics.Add(1)
			a.server.log.panicked(a.answered.label, fault, debug.Stack())
			err = errors.New("panic")
		}
		if err != nil {
			a.server.counts.answersCut.Add(1)
			a.server.log.cut(&a.answered, a.sent, err)
		}
	}()
	if err := a.write(o); err != nil {
		return a.sent, err
	}
	if len(o.buf) > 0 {
		o.flush()
	}
	return a.sent, o.err
}

// send writes a piece. The client has WriteTimeout for it, less what it took for those before it longer than
// answerBytesPerSecond allows.
func (a *stream) send(w io.Writer, p []byte) error {
	began := time.Now()
	if a.server.streams.writes(a, began) {
		return errEnded
	}
	deadline, why := began.Add(a.patience), errSlow
	if a.end.Before(deadline) {
		deadline, why = a.end, errLate
	}
	err := a.conn.SetWriteDeadline(deadline)
	if err == nil {
		_, err = w.Write(p)
	}
	took := time.Since(began)
	a.patience = min(a.patience+time.Duration(len(p))*time.Second/answerBytesPerSecond-took, a.server.limits.WriteTimeout)
	a.sent += int64(len(p))
	if a.server.streams.writes(a, time.Time{}) {
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
	a.server.streams.remove(a)
	a.server.tell(&a.answered, a.sent)
	return nil
}
