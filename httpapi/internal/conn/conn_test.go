package conn

import (
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// endpoint is a connection that is only closed.
type endpoint struct {
	net.Conn

	closed bool
}

func (e *endpoint) Close() error { e.closed = true; return nil }

// listen returns a listener for so many connections.
func listen(ln net.Listener, most int) *Listener {
	return Listen(ln, Options{Max: most, MaxPerAddress: 1024, Refused: new(atomic.Uint64), Warn: func(string, ...any) {}})
}

func TestTheSilentMakeRoomInOrder(t *testing.T) {
	g := listen(nil, 3)
	admit := func() (*Conn, *endpoint) {
		e := &endpoint{}
		c := &Conn{Conn: e, listener: g}
		require.Nil(t, g.admit(c))
		return c, e
	}
	first, firstEnd := admit()
	second, secondEnd := admit()
	_, thirdEnd := admit()
	first.Serve()
	_, _ = admit()
	require.Len(t, g.conns, 3)
	require.False(t, firstEnd.closed, "it has sent a request")
	require.True(t, secondEnd.closed, "it was silent for longest")
	require.False(t, thirdEnd.closed)
	require.NoError(t, second.Close())
	require.Len(t, g.conns, 3, "who made room is not counted out twice")
	_, _ = admit()
	require.True(t, thirdEnd.closed)
	for c := range g.conns {
		c.Serve()
	}
	require.NotNil(t, g.admit(&Conn{Conn: &endpoint{}, listener: g}), "nobody is silent")
	for c := range g.conns {
		require.NoError(t, c.Close())
	}
	require.Empty(t, g.conns)
	require.Empty(t, g.perAddress)
	require.Zero(t, g.silent.Len())
}

// scarce is a listener that fails with each of errs before it accepts one connection and closes.
type scarce struct {
	net.Listener

	errs     []error
	accepted bool
}

func (l *scarce) Accept() (net.Conn, error) {
	switch {
	case len(l.errs) > 0:
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
	case l.accepted:
		return nil, net.ErrClosed
	}
	l.accepted = true
	return &endpoint{}, nil
}

func (e *endpoint) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// TestOutOfFiles holds that a listener outlives what passes, and that whoever is silent makes room.
func TestOutOfFiles(t *testing.T) {
	ln := &scarce{errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS, syscall.ENOMEM}}
	g := listen(ln, 8192)
	silent := &endpoint{}
	require.Nil(t, g.admit(&Conn{Conn: silent, listener: g}))
	accepted, err := g.Accept()
	require.NoError(t, err)
	require.True(t, silent.closed)
	require.Len(t, g.conns, 1)
	_, err = g.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.NoError(t, accepted.Close())
}

func TestAddresses(t *testing.T) {
	f := func(address, want string) {
		t.Helper()
		require.Equal(t, want, prefixOf(address).String())
	}
	f("192.0.2.7:80", "192.0.2.7/32")
	f("[::ffff:192.0.2.7]:80", "192.0.2.7/32")
	f("[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::/64")
	f("[fe80::1%eth0]:80", "fe80::/64")
	f("pipe", "invalid Prefix")
}
