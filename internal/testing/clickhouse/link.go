package clickhouse

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Link is the network before a node: what is sent through it may come late, slowly, or not at all. Its methods are safe for concurrent use.
type Link struct {
	// Address is where clients connect to.
	Address string

	target   string
	listener net.Listener
	ended    sync.WaitGroup

	// Guarded by mu.
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	delay time.Duration
	down  bool
	// stalled is closed when what is held back goes on; nil while nothing is.
	stalled chan struct{}
	closed  chan struct{}
}

// newLink listens for a node until the test ends.
func newLink(t testing.TB, target string) *Link {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(loopback, freePorts(t, 1)[0]))
	require.NoError(t, err)
	l := &Link{Address: ln.Addr().String(), target: target, listener: ln, conns: map[net.Conn]struct{}{}, closed: make(chan struct{})}
	l.ended.Go(l.accept)
	t.Cleanup(func() {
		close(l.closed)
		_ = ln.Close()
		l.Cut()
		l.ended.Wait()
	})
	return l
}

// Delay has each piece that is sent, in either direction, wait so long.
func (l *Link) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// Down refuses new connections, and cuts those that there are; until it is called with false.
func (l *Link) Down(down bool) {
	l.mu.Lock()
	l.down = down
	l.mu.Unlock()
	if down {
		l.Cut()
	}
}

// Cut ends every connection.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Close()
	}
}

// Stall holds back everything, as a network does that drops packets, until it is called with false.
func (l *Link) Stall(stall bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if stall == (l.stalled != nil) {
		return
	}
	if stall {
		l.stalled = make(chan struct{})
		return
	}
	close(l.stalled)
	l.stalled = nil
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.ended.Go(func() { l.join(client) })
	}
}

// join connects a client with the node until one of them ends.
func (l *Link) join(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !l.keep(client) {
		return
	}
	defer l.forget(client)
	node, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer func() { _ = node.Close() }()
	if !l.keep(node) {
		return
	}
	defer l.forget(node)
	var both sync.WaitGroup
	both.Go(func() { l.pass(node, client) })
	both.Go(func() { l.pass(client, node) })
	both.Wait()
}

func (l *Link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *Link) forget(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// pass sends on what comes, and ends both connections when either has ended.
func (l *Link) pass(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			if !l.weather() {
				return
			}
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// weather waits as long as the link has a piece wait. It is false when the link ends.
func (l *Link) weather() bool {
	l.mu.Lock()
	delay, stalled := l.delay, l.stalled
	l.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-l.closed:
			return false
		}
	}
	if stalled != nil {
		select {
		case <-stalled:
		case <-l.closed:
			return false
		}
	}
	return true
}
