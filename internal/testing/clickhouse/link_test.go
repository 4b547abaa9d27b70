package clickhouse

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLink sends through a link to an echo: at once, late, not before it goes on, and not at all.
func TestLink(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	l := newLink(t, echo.Addr().String())
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	c := dial()
	got := make([]byte, 1)
	exchange := func() error {
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, got)
		return err
	}
	require.NoError(t, exchange())
	l.Delay(30 * time.Millisecond)
	begin := time.Now()
	require.NoError(t, exchange())
	require.GreaterOrEqual(t, time.Since(begin), 60*time.Millisecond)
	l.Delay(0)

	l.Stall(true)
	done := make(chan error, 1)
	go func() { done <- exchange() }()
	select {
	case err := <-done:
		require.FailNow(t, "a stalled link has passed something on", "%v", err)
	case <-time.After(50 * time.Millisecond):
	}
	l.Stall(false)
	require.NoError(t, <-done)

	l.Cut()
	require.Error(t, exchange())
	c = dial()
	require.NoError(t, exchange())
	l.Down(true)
	c = dial()
	require.Error(t, exchange())
	l.Down(false)
	c = dial()
	require.NoError(t, exchange())
}
