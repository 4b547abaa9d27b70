package conn

import (
	"bytes"
	"container/list"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Conn is a connection of a Listener.
type Conn struct {
	net.Conn

	listener *Listener
	address  netip.Prefix
	// silent is the connection's place in the listener's list; spoke is set once it has left it.
	silent *list.Element
	spoke  bool
	// lingers is set when the last answer goes out while the client may still be sending.
	lingers atomic.Bool
	// breaks is set while the end of the connection must not look like the end of an answer.
	breaks atomic.Bool
	// unbroken is the number of bytes read since the last line feed: it tells a request line that is too long from
	// headers that are, which fasthttp does not.
	unbroken int
	// kept is an answer for when fasthttp is done with the connection.
	kept atomic.Pointer[io.Closer]
}

// Of is the connection that a request came on; nil if that is none of a Listener.
func Of(ctx *fasthttp.RequestCtx) *Conn {
	c, _ := ctx.Conn().(*Conn)
	return c
}

// Address is what connections are counted by: an IPv4 address, or the first 64 bits of an IPv6 address.
func (c *Conn) Address() netip.Prefix { return c.address }

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if end := bytes.LastIndexByte(p[:n], '\n'); end >= 0 {
		c.unbroken = n - end - 1
	} else {
		c.unbroken += n
	}
	return n, err
}

// Serve notes that a request arrived on the connection.
func (c *Conn) Serve() {
	c.lingers.Store(false)
	if !c.spoke {
		c.spoke = true
		c.listener.heard(c)
	}
}

// Keep makes the connection own an answer until Release. If it is closed before that, so is the answer.
func (c *Conn) Keep(answer io.Closer) { c.kept.Store(&answer) }

// Release gives the answer back to the caller; false if the connection has closed it.
func (c *Conn) Release() bool { return c.kept.Swap(nil) != nil }

// BoundWrites bounds what the system takes ahead of the client, where it does: on TCP.
func (c *Conn) BoundWrites(bytes int) {
	if socket := c.socket(); socket != nil {
		_ = socket.SetWriteBuffer(bytes) // else it takes what it takes by itself
	}
}

// Break has the client see, when the connection is closed by whomever, that it broke: on TCP by a reset.
func (c *Conn) Break() {
	c.breaks.Store(true)
	if socket := c.socket(); socket != nil {
		_ = socket.SetLinger(0)
	}
}

// Whole takes Break back: what was written until now is to arrive.
func (c *Conn) Whole() {
	if socket := c.socket(); socket != nil {
		_ = socket.SetLinger(-1)
	}
	c.breaks.Store(false)
}

// socket is the connection below TLS; nil if that is none of TCP.
func (c *Conn) socket() *net.TCPConn {
	below := c.Conn
	if secret, ok := below.(interface{ NetConn() net.Conn }); ok {
		below = secret.NetConn()
	}
	socket, _ := below.(*net.TCPConn)
	return socket
}

// Abort ends whatever goes on on the connection, from any goroutine.
func (c *Conn) Abort() { _ = c.end() }

// end closes the connection. One that breaks is closed below TLS, which would say that all was sent.
func (c *Conn) end() error {
	if socket := c.socket(); socket != nil && c.breaks.Load() {
		return socket.Close()
	}
	return c.Conn.Close()
}

// drainedBytes is how much of a body that nobody read fasthttp skips to keep its connection.
const drainedBytes = 256 << 10

// Linger prepares the connection for an answer that may be its last while the client sends a body.
func (c *Conn) Linger(ctx *fasthttp.RequestCtx) {
	unread := ctx.Request.Header.ContentLength()
	if ctx.Response.ConnectionClose() || unread > drainedBytes || unread == -1 {
		c.lingers.Store(true)
	}
}

// lingerTime is how long a client that was refused may take to stop sending.
const lingerTime = time.Second

// Close implements net.Conn. A client that is refused while it sends gets to read why: closing at once would make its
// system throw the answer away with the connection.
func (c *Conn) Close() error {
	defer c.listener.forget(c)
	if answer := c.kept.Swap(nil); answer != nil {
		_ = (*answer).Close()
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers.Load() && !c.breaks.Load() && half.CloseWrite() == nil &&
		c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return c.end()
}

// Unreadable is the answer to what fasthttp could not read as a request.
func Unreadable(ctx *fasthttp.RequestCtx, err error) *problem.Error {
	if _, ok := errors.AsType[*fasthttp.ErrSmallBuffer](err); ok {
		if c := Of(ctx); c != nil && c.unbroken >= ReadBufferBytes {
			return problem.New(fasthttp.StatusRequestURITooLong, "limits", "the request line is too long").HangingUp()
		}
		return headersTooLong()
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return problem.New(fasthttp.StatusRequestTimeout, "limits", "the request did not arrive in time").HangingUp()
	}
	return problem.Malformed("the request is malformed")
}
