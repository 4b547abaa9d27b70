package httpapi

import (
	"bytes"
	"container/list"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// guard wraps a listener: it bounds connections, all together and per address, and remembers the open ones so that a
// shutdown can end them. When no more fit, the one that has been silent about its first request for longest makes room:
// clients that only hold connections open do not keep others out.
type guard struct {
	net.Listener

	server *Server

	// Guarded by mu.
	mu    sync.Mutex
	conns map[*conn]struct{}
	perIP map[netip.Prefix]int
	// silent are the connections that have not sent a whole request head yet, the oldest first.
	silent list.List
}

func newGuard(ln net.Listener, s *Server) *guard {
	return &guard{Listener: ln, server: s, conns: map[*conn]struct{}{}, perIP: map[netip.Prefix]int{}}
}

// Accept implements net.Listener. A connection over a limit is told so and closed.
func (g *guard) Accept() (net.Conn, error) {
	for {
		raw, err := g.Listener.Accept()
		if passes(err) {
			g.server.log.warn("connection not accepted", "error", err)
			g.makeRoom()
			time.Sleep(acceptPause)
			continue
		}
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: raw, guard: g, ip: prefixOf(raw.RemoteAddr().String())}
		if e := g.admit(c); e != nil {
			g.server.counts.refusedConns.Add(1)
			g.server.log.warn("connection refused", "reason", e.text)
			sayNo(raw, e)
			continue
		}
		return c, nil
	}
}

// acceptPause keeps a listener that cannot accept from spinning. It is short beside any client's patience.
const acceptPause = 10 * time.Millisecond

// passes tells whether an error of Accept is about this moment and not about the listener: the process or the system is
// out of files or memory, or the client has gone.
func passes(err error) bool {
	for _, transient := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, transient) {
			return true
		}
	}
	return false
}

// makeRoom closes the connection that has been silent for longest, if there is one.
func (g *guard) makeRoom() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if oldest := g.silent.Front(); oldest != nil {
		g.evict(oldest.Value.(*conn))
	}
}

func (g *guard) evict(c *conn) {
	g.server.counts.refusedConns.Add(1)
	g.remove(c)
	_ = c.Conn.Close()
}

func (g *guard) admit(c *conn) *answerError {
	g.mu.Lock()
	defer g.mu.Unlock()
	limits := &g.server.limits
	if g.perIP[c.ip] >= limits.ConnsPerIPMax {
		e := busy(limits.ConnsPerIPMax, "too many connections from this address are open")
		e.status = fasthttp.StatusTooManyRequests
		return e
	}
	if len(g.conns) >= limits.ConnsMax {
		oldest := g.silent.Front()
		if oldest == nil {
			return busy(limits.ConnsMax, "too many connections are open")
		}
		g.evict(oldest.Value.(*conn))
	}
	g.conns[c] = struct{}{}
	g.perIP[c.ip]++
	c.silent = g.silent.PushBack(c)
	return nil
}

// heard takes a connection that sent a request off the list of silent ones.
func (g *guard) heard(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent.Remove(c.silent)
}

func (g *guard) forget(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(c)
}

// remove is forget under mu.
func (g *guard) remove(c *conn) {
	if _, ok := g.conns[c]; !ok {
		return
	}
	delete(g.conns, c)
	g.silent.Remove(c.silent)
	if g.perIP[c.ip]--; g.perIP[c.ip] == 0 {
		delete(g.perIP, c.ip)
	}
}

func (g *guard) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// closeAll ends every connection, whatever it is doing.
func (g *guard) closeAll() {
	g.mu.Lock()
	conns := make([]*conn, 0, len(g.conns))
	for c := range g.conns {
		conns = append(conns, c)
	}
	g.mu.Unlock()
	for _, c := range conns {
		_ = c.Conn.Close()
	}
}

// sayNo answers on a connection that will not be served. The answer fits the socket's empty buffer, so this does not
// hold up the listener; with TLS there is nobody to talk to yet.
func sayNo(raw net.Conn, e *answerError) {
	if _, plain := raw.(*net.TCPConn); plain {
		var response fasthttp.Response
		response.Header.SetNoDefaultContentType(true)
		e.hangUp = false
		response.SetConnectionClose()
		var buffer bytes.Buffer
		e.writeTo(&response)
		if _, err := response.WriteTo(&buffer); err == nil {
			_ = raw.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			_, _ = raw.Write(buffer.Bytes())
		}
	}
	_ = raw.Close()
}

// prefixOf is what connections are counted by: an IPv4 address, or the 64 bits of an IPv6 address that one subscriber
// has to themselves.
func prefixOf(remote string) netip.Prefix {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr, bits := peer.Addr().Unmap(), 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.WithZone("").Prefix(bits) // no address has fewer bits
	return prefix
}

// conn is a connection that counts.
type conn struct {
	net.Conn

	guard *guard
	ip    netip.Prefix
	// silent is the connection's place in the guard's list, spoke is set once it has left it.
	silent *list.Element
	spoke  bool
	// lingers is set when the last answer goes out while the client may still be sending.
	lingers atomic.Bool
	// unbroken is the number of bytes read since the last line feed: it tells a request line that is too long from
	// headers that are, which fasthttp does not.
	unbroken int
	// unsent is an answer that is to be sent once the connection is nobody else's. Who takes it out sends or ends it.
	unsent atomic.Pointer[stream]
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if end := bytes.LastIndexByte(p[:n], '\n'); end >= 0 {
		c.unbroken = n - end - 1
	} else {
		c.unbroken += n
	}
	return n, err
}

// socket is the connection below TLS, nil if it is none of TCP.
func (c *conn) socket() *net.TCPConn {
	below := c.Conn
	if secret, ok := below.(interface{ NetConn() net.Conn }); ok {
		below = secret.NetConn()
	}
	socket, _ := below.(*net.TCPConn)
	return socket
}

// serves notes that a request arrived on the connection.
func (c *conn) serves() {
	c.lingers.Store(false)
	if !c.spoke {
		c.spoke = true
		c.guard.heard(c)
	}
}

// lingerTime is how long a client that was refused may take to stop sending.
const lingerTime = time.Second

// Close implements net.Conn. A client that is refused while it sends gets to read why: closing at once would make its
// system throw the answer away with the connection.
func (c *conn) Close() error {
	defer c.guard.forget(c)
	if a := c.unsent.Swap(nil); a != nil {
		_ = a.Close()
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers.Load() && half.CloseWrite() == nil &&
		c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return c.Conn.Close()
}

// refuse answers what fasthttp could not read as a request.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	e := s.unreadable(ctx, err)
	commonHeaders(&ctx.Response.Header)
	e.write(ctx)
	s.counts.answered(labelRefused, e.status, 0)
	s.log.warn("request refused", "status", e.status, "reason", e.text, "remote", ctx.RemoteAddr().String())
}

func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) *answerError {
	if _, ok := errors.AsType[*fasthttp.ErrSmallBuffer](err); ok {
		if c, ok := ctx.Conn().(*conn); ok && c.unbroken >= readBufferBytes {
			return &answerError{status: 414, section: "limits", hangUp: true, text: "the request line is too long"}
		}
		return &answerError{status: 431, section: "limits", hangUp: true, text: "the headers are longer than 8192 bytes"}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &answerError{status: 408, section: "limits", hangUp: true, text: "the request did not arrive in time"}
	}
	return badFraming("the request is malformed")
}
