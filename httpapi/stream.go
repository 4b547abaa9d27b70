package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/admission"
	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/negotiate"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

const (
	// streamBytes is what a long answer takes while it is sent: its batch, its piece, and what the system keeps of what
	// the client has not taken.
	streamBytes = encode.BatchBytes + 2*encode.PieceBytes + 2*streamSocketBytes
	// streamSocketBytes bounds what the system takes of an answer ahead of the client. It doubles the value for its own use.
	streamSocketBytes = 128 << 10
	// answerBytesPerSecond is the least rate at which a client must take a long answer, beyond Limits.WriteTimeout.
	answerBytesPerSecond = 128 << 10
	// pullBytes is what a query takes whose rows come one by one: those that the store makes at one time, and a stack.
	pullBytes = 256 << 10
	// stalledAfter is how long a client must have taken nothing of its answer to be cut off for the sake of another answer.
	stalledAfter = time.Second
)

var (
	errSlow  = errors.New("the client takes the answer too slowly")
	errLate  = errors.New("the answer took longer than it may")
	errEnded = errors.New("another answer needed the room")
)

// each hands on the rows of an answer to q one by one, until yield returns false.
type each[Q, R any] func(ctx context.Context, q Q, yield func(row *R) bool) (engine.Read, error)

// pull answers with the rows of rows, as many as a batch holds; the table gets the others when these are written. What the
// question holds meanwhile is charged like a long answer, because it may come to be one.
//
// ctx bounds the time to the first batch. The time of what comes later is bounded by Limits.AnswerTimeout, unless the
// answer is unending.
func pull[Q, R any](ctx context.Context, ask *question, rows each[Q, R], q Q, add func(t *encode.Table, row *R)) error {
	streams, within, charged, told := ask.streams, ask.within, ask.holds, ask.tell
	if charged > 0 {
		if err := streams.charge(charged); err != nil {
			return err
		}
	}
	own, cancel := context.WithCancel(context.Background())
	if !ask.unending {
		own, cancel = context.WithTimeout(context.Background(), ask.limits.QueryTimeout+ask.limits.AnswerTimeout)
	}
	release := context.AfterFunc(ctx, cancel)
	var read engine.Read
	var err error
	next, stop := iter.Pull(func(yield func(*R) bool) { read, err = rows(own, q, yield) })
	ask.table.More = func(t *encode.Table) error {
		for !t.Full() {
			row, ok := next()
			if !ok {
				t.More = nil
				tellRead(t, read, within)
				if told != nil {
					told(t)
				}
				return err
			}
			add(t, row)
		}
		return nil
	}
	ask.table.Done = func() {
		stop()
		cancel()
		streams.bytes.Give(charged)
		charged = 0
	}
	failed := ask.table.More(ask.table)
	if !release() && ctx.Err() != nil {
		return ctx.Err()
	}
	return failed
}

// stream is an answer of more than one piece on its way: rows are formatted as they come, pieces sent as they are full.
// It belongs to the goroutine that serves the connection, but for what streams guards.
type stream struct {
	server   *Server
	conn     *conn.Conn
	answered answered
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
func (c *call) stream(f *encode.Format) error {
	coding, holds := c.accepted.Coding, streamBytes+f.Holds(&c.table)
	if coding != negotiate.Identity {
		if bytes := &c.server.streams.bytes; c.accepted.Plain && bytes.Held.Load()+holds+negotiate.WriterBytes > bytes.Limit {
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
	*rows, c.table = c.table, encode.Table{}
	a.write, a.release = func(o *encode.Output) error { return f.Write(o, rows) }, rows.Reset
	c.ctx.SetContentType(f.ContentType)
	c.sendStream(a, -1)
	return nil
}

// sendBody answers with a body that may be long.
func (c *call) sendBody(body []byte, contentType string) error {
	c.ctx.SetContentType(contentType)
	if len(body) <= encode.PieceBytes {
		c.keepBody(body)
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

// openStream charges a stream, whose write and release the caller sets.
func (c *call) openStream(bytes int64) (*stream, error) {
	s := c.server
	if err := s.streams.charge(bytes); err != nil {
		return nil, err
	}
	a := &stream{
		server: s, conn: conn.Of(c.ctx), answered: c.answered(), charged: bytes,
		patience: s.limits.WriteTimeout, over: make(chan struct{}),
	}
	if !c.question.unending {
		a.end = time.Now().Add(s.limits.AnswerTimeout)
	}
	return a, nil
}

// sendStream lets a stream be sent after the call, of so many bytes, or -1.
func (c *call) sendStream(a *stream, length int) {
	c.streams = true
	a.server.streams.add(a)
	a.conn.BoundWrites(streamSocketBytes)
	if length >= 0 || c.ctx.Request.Header.IsHTTP11() || c.ctx.IsHead() {
		c.ctx.Response.SetBodyStream(a, length)
		return
	}
	// To a client of HTTP/1.0 the end of the connection is the end of the answer.
	header := &c.ctx.Response.Header
	header.SetContentLength(-2)
	header.SetConnectionClose()
	head := append([]byte(nil), header.Header()...)
	a.conn.Keep(a)
	c.ctx.HijackSetNoResponse(true)
	c.ctx.Hijack(func(net.Conn) {
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
			a.server.counts.panics.Add(1)
			a.server.log.panicked(a.answered.label, fault, debug.Stack())
			err = errors.New("panic")
		}
		if err != nil {
			a.server.counts.answersCut.Add(1)
			a.server.log.cut(&a.answered, a.sent, err)
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
	if a.server.streams.writes(a, began) {
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

// streams are the long answers on their way, and what they hold of memory.
type streams struct {
	bytes admission.Bytes
	// questions is how many are answered at once, which a client that is refused is told.
	questions int

	// Guarded by mu.
	mu  sync.Mutex
	all map[*stream]struct{}
}

// charge takes memory for an answer. When there is none left, the answer whose client has taken nothing for longest
// makes room, if that is longer than stalledAfter: clients that do not read keep no others from their answers.
func (s *streams) charge(n int64) error {
	for n <= s.bytes.Limit {
		if s.bytes.Take(n) {
			return nil
		}
		stalled := s.endStalled()
		if stalled == nil {
			break
		}
		stalled.conn.Abort()
		<-stalled.over
	}
	return s.over(n)
}

// over refuses an answer for which there is no memory.
func (s *streams) over(n int64) error {
	s.bytes.Refused.Add(1)
	if n > s.bytes.Limit {
		e := problem.TooLarge("the answer does not fit the memory of this server; " +
			"ask for fewer models or buckets, or start it with a larger --memory-limit")
		e.HangUp = false
		return e
	}
	return problem.Busy(s.questions, "too many long answers are being sent; ask for this one again")
}

// endStalled marks the answer that is to make room as ended. It is being written, so that it is over as soon as its
// connection is closed.
func (s *streams) endStalled() (stalled *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := time.Now().Add(-stalledAfter)
	for a := range s.all {
		if !a.ended && !a.since.IsZero() && a.since.Before(before) {
			stalled, before = a, a.since
		}
	}
	if stalled != nil {
		stalled.ended = true
	}
	return stalled
}

func (s *streams) add(a *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*stream]struct{}{}
	}
	s.all[a] = struct{}{}
}

// remove gives back what the stream was charged for.
func (s *streams) remove(a *stream) {
	s.mu.Lock()
	delete(s.all, a)
	s.mu.Unlock()
	s.bytes.Give(a.charged)
	close(a.over)
}

// writes notes that a write of the stream begins, or, with the zero time, that it is over, and tells whether another
// answer needs the room.
func (s *streams) writes(a *stream, at time.Time) (ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.since = at
	return a.ended
}
