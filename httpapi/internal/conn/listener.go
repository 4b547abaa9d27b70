package conn

import (
	"bytes"
	"container/list"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Options are the bounds of a Listener and where it reports.
type Options struct {
	// Max bounds open connections, MaxPerAddress those from one address.
	Max, MaxPerAddress int
	// Refused counts the connections that were not accepted or ended to make room.
	Refused *atomic.Uint64
	// Warn takes what happens to single connections.
	Warn func(message string, args ...any)
}

// Listener wraps a listener: it bounds connections, and remembers the open ones so that a shutdown can end them. When no more
// fit, the one that has been silent about its first request for longest makes room: clients that only hold connections open
// do not keep others out.
type Listener struct {
	net.Listener

	opts Options
	// closed is done when the listener beneath is closed, with closeErr.
	closed   sync.Once
	closeErr error

	// Guarded by mu.
	mu         sync.Mutex
	conns      map[*Conn]struct{}
	perAddress map[netip.Prefix]int
	// silent are the connections that have not sent a whole request head yet, the oldest first.
	silent list.List
}

// Listen wraps ln, which it takes over.
func Listen(ln net.Listener, opts Options) *Listener {
	return &Listener{Listener: ln, opts: opts, conns: map[*Conn]struct{}{}, perAddress: map[netip.Prefix]int{}}
}

// Close implements net.Listener. Closing it again returns what the first Close did.
func (l *Listener) Close() error {
	l.closed.Do(func() { l.closeErr = l.Listener.Close() })
	return l.closeErr
}

// Accept implements net.Listener. A connection over a limit is told so and closed.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if passes(err) {
			l.opts.Warn("connection not accepted", "error", err)
			l.makeRoom()
			time.Sleep(acceptPause)
			continue
		}
		if err != nil {
			return nil, err
		}
		c := &Conn{Conn: raw, listener: l, address: prefixOf(raw.RemoteAddr().String())}
		if e := l.admit(c); e != nil {
			l.opts.Refused.Add(1)
			l.opts.Warn("connection refused", "reason", e.Text)
			refuse(raw, e)
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

func (l *Listener) makeRoom() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.evictSilent()
}

// evictSilent ends the connection that has been silent for longest; false if none is. Under mu.
func (l *Listener) evictSilent() bool {
	oldest := l.silent.Front()
	if oldest == nil {
		return false
	}
	c := oldest.Value.(*Conn)
	l.opts.Refused.Add(1)
	l.remove(c)
	c.Abort()
	return true
}

func (l *Listener) admit(c *Conn) *problem.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perAddress[c.address] >= l.opts.MaxPerAddress {
		return problem.TooMany(l.opts.MaxPerAddress, "too many connections from this address are open")
	}
	if len(l.conns) >= l.opts.Max && !l.evictSilent() {
		return problem.Busy(l.opts.Max, "too many connections are open")
	}
	l.conns[c] = struct{}{}
	l.perAddress[c.address]++
	c.silent = l.silent.PushBack(c)
	return nil
}

// heard takes a connection that sent a request off the list of silent ones.
func (l *Listener) heard(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent.Remove(c.silent)
}

func (l *Listener) forget(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(c)
}

// remove does nothing for a connection that was removed before. Under mu.
func (l *Listener) remove(c *Conn) {
	if _, ok := l.conns[c]; !ok {
		return
	}
	delete(l.conns, c)
	l.silent.Remove(c.silent)
	if l.perAddress[c.address]--; l.perAddress[c.address] == 0 {
		delete(l.perAddress, c.address)
	}
}

// Open is the number of open connections.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// CloseAll ends every connection, whatever it is doing.
func (l *Listener) CloseAll() {
	l.mu.Lock()
	conns := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	for _, c := range conns {
		c.Abort()
	}
}

// refuse answers on a connection that will not be served. The answer fits the socket's empty buffer, so this does not
// hold up the listener; with TLS there is nobody to talk to yet.
func refuse(raw net.Conn, e *problem.Error) {
	if _, plain := raw.(*net.TCPConn); plain {
		var response fasthttp.Response
		response.Header.SetNoDefaultContentType(true)
		e.HangingUp().Write(&response)
		var buffer bytes.Buffer
		if _, err := response.WriteTo(&buffer); err == nil {
			_ = raw.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			_, _ = raw.Write(buffer.Bytes())
		}
	}
	_ = raw.Close()
}

// prefixOf is the address, without the bits of an IPv6 address that one subscriber has to themselves.
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
