package httpapi

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// endpoint is a connection that is only closed.
type endpoint struct {
	net.Conn

	closed bool
}

func (e *endpoint) Close() error { e.closed = true; return nil }

func TestTheSilentMakeRoomInOrder(t *testing.T) {
	server, err := New(nil, Options{Limits: Limits{MaxConns: 3}})
	require.NoError(t, err)
	g := newGuard(nil, server)
	admit := func() (*conn, *endpoint) {
		e := &endpoint{}
		c := &conn{Conn: e, guard: g}
		require.Nil(t, g.admit(c))
		return c, e
	}
	first, firstEnd := admit()
	second, secondEnd := admit()
	_, thirdEnd := admit()
	first.serves()
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
		c.serves()
	}
	require.NotNil(t, g.admit(&conn{Conn: &endpoint{}, guard: g}), "nobody is silent")
	for c := range g.conns {
		require.NoError(t, c.Close())
	}
	require.Empty(t, g.conns)
	require.Empty(t, g.perIP)
	require.Zero(t, g.silent.Len())
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
